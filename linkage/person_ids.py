"""Person ids that outlive a run: a cluster keeps the id that most of its earlier subjects had."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from linkage.errors import EvidenceError

ID_DIGITS = 32  # hexadecimal digits of SHA-256: no two of 10^9 persons share 128 bits


def assign(
    labels: npt.NDArray[np.int64],
    subject_refs: Sequence[str],
    previous: Mapping[str, str] | None = None,
    taken: Collection[str] = (),
) -> list[str]:
    """Name the clusters.

    An earlier id goes to the cluster that holds most of its earlier subjects, or to nobody: a cluster
    that is the heir of several takes the one with most subjects in it, and the others end. Other
    clusters get an id derived from their sorted subject references. The order of rows means nothing:
    ties go to the cluster with the first reference, then to the smaller id.

    Args:
        labels: int64[n], the cluster of each subject.
        subject_refs: The n subjects' references, each once.
        previous: Reference to the person id it had before.
        taken: Ids in other hands, which no new person may get.

    Returns:
        The person id of each subject.

    Raises:
        EvidenceError: Lengths differ, or a reference stands twice.
    """
    if len(labels) != len(subject_refs):
        raise EvidenceError("There are not as many labels as subjects.")
    if len(set(subject_refs)) != len(subject_refs):
        raise EvidenceError("A subject reference stands twice.")
    earlier = previous or {}
    members: dict[int, list[str]] = {}
    for label, reference in zip(labels.tolist(), subject_refs, strict=True):
        members.setdefault(label, []).append(reference)
    shared = Counter(
        (label, earlier[reference]) for label, refs in members.items() for reference in refs if reference in earlier
    )
    first_ref = {label: min(refs) for label, refs in members.items()}
    ranked = sorted(shared.items(), key=lambda one: (-one[1], first_ref[one[0][0]], one[0][1]))
    heir: dict[str, int] = {}
    for (label, person), _ in ranked:  # each id has one heir: the cluster with most of its subjects
        heir.setdefault(person, label)
    names: dict[int, str] = {}
    for (label, person), _ in ranked:
        if heir[person] == label:
            names.setdefault(label, person)
    used = {*taken, *earlier.values()}
    for label, refs in members.items():
        if label not in names:
            names[label] = _new_id(sorted(refs), used)
            used.add(names[label])
    return [names[label] for label in labels.tolist()]


def _new_id(references: list[str], taken: set[str]) -> str:
    """Return the digest of the references; counted on where the very same cluster's id is in other hands."""
    for attempt in range(len(taken) + 1):
        text = "\x1f".join([*references, *([str(attempt)] if attempt else [])])
        name = hashlib.sha256(text.encode()).hexdigest()[:ID_DIGITS]
        if name not in taken:
            return name
    raise EvidenceError("No free person id was found.")  # unreachable short of a broken digest
