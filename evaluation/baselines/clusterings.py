"""Two clusterings that record-linkage tools use by default: transitive closure and single best links."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np
import numpy.typing as npt

from linkage.agglomeration import components
from linkage.cluster import check_evidence, labels_of
from linkage.pairs import SubjectPairs

Index = npt.NDArray[np.int64]


def connected_components(register_of_subject: npt.NDArray[Any], pairs: SubjectPairs, threshold: float = 0.5) -> Index:
    """Return int64[n]: everything that edges of at least `threshold` connect is one person.

    Raises:
        EvidenceError: Arrays do not fit together, or a probability is not one.
    """
    n = len(register_of_subject)
    check_evidence(n, np.asarray(register_of_subject), pairs.a, pairs.b, pairs.probability)
    kept = pairs.probability >= threshold
    return labels_of(components(n, pairs.a[kept], pairs.b[kept]))


def single_best_link(
    register_of_subject: npt.NDArray[Any],
    one_record_registers: Collection[int],
    pairs: SubjectPairs,
    threshold: float = 0.5,
) -> Index:
    """Return int64[n]: edges from the best down join their ends' clusters, unless that puts two records of a
    register with one record a person together; ties go to the smaller numbers.

    Raises:
        EvidenceError: Arrays do not fit together, or a probability is not one.
    """
    register = np.asarray(register_of_subject, dtype=np.int64)
    check_evidence(len(register), register, pairs.a, pairs.b, pairs.probability)
    root = np.arange(len(register))
    held = [{int(one)} & set(one_record_registers) for one in register]
    members = [[at] for at in range(len(register))]
    for edge in np.lexsort((pairs.b, pairs.a, -pairs.probability)):
        left, right = sorted((int(root[pairs.a[edge]]), int(root[pairs.b[edge]])))
        if pairs.probability[edge] < threshold:
            break
        if left == right or held[left] & held[right]:
            continue
        root[members[right]] = left
        members[left] += members[right]
        held[left] |= held[right]
    return labels_of(root)
