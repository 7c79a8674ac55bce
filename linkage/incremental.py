"""Clustering a new vintage: only components whose edges changed are clustered again.

Every vintage encodes afresh and fits its own model, so that each pair's probability moves a little.
An edge counts as changed when its evidence (log odds) moved by more than `TOLERANCE` or it came or went;
a component with a changed edge, a new subject or a lost one is clustered anew, the others keep their
persons. The tolerance is hysteresis too: ids do not flap while evidence trembles around zero. An
unchanged component keeps the evidence that it was clustered with, so that drift in small steps adds up
to a change.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from linkage.agglomeration import components
from linkage.cluster import check_evidence, cluster, evidence_of, labels_of
from linkage.errors import EvidenceError
from linkage.pairs import SubjectPairs

TOLERANCE: Final = 1.0  # log odds

Index = npt.NDArray[np.int64]
_kernel: Any = njit(nogil=True, cache=True)


class Before(NamedTuple):
    """The earlier clustering, in the numbers that its subjects have now.

    Attributes:
        a, b: int64[m], its pairs (a < b, sorted); pairs of subjects that are gone are left out.
        probability: float64[m], what they were clustered with.
        labels: int64[n], person of each subject, -1 for a new one.
        bereft: bool[n], whether a subject lost a companion: one that it had an edge or a person with is gone.
        absent: Log odds of a pair without an edge, as used then.
    """

    a: Index
    b: Index
    probability: npt.NDArray[np.float64]
    labels: Index
    bereft: npt.NDArray[np.bool_]
    absent: float


class Reclustered(NamedTuple):
    """A clustering that continues an earlier one.

    Attributes:
        labels: int64[n], numbered by first subject.
        pairs: What the next vintage compares with: this vintage's pairs, in unchanged components with the evidence
            that they were clustered with.
        changed: bool[n], subjects of components that were clustered anew.
    """

    labels: Index
    pairs: SubjectPairs
    changed: npt.NDArray[np.bool_]


def recluster(
    register_of_subject: npt.NDArray[Any],
    one_record_registers: Collection[int],
    pairs: SubjectPairs,
    before: Before,
    *,
    tolerance: float = TOLERANCE,
) -> Reclustered:
    """Cluster subjects into persons, continuing an earlier clustering.

    Args:
        register_of_subject: Integer[n], the register of each subject.
        one_record_registers: Registers in which a person has at most one subject.
        pairs: This vintage's pairs (a < b, sorted).
        before: The earlier clustering.
        tolerance: How far an edge's log odds may move without being clustered anew.

    Raises:
        EvidenceError: Arrays do not fit together, pairs are not sorted, or a probability is not one.
    """
    register = np.asarray(register_of_subject, dtype=np.int64)
    n = len(register)
    check_evidence(n, register, pairs.a, pairs.b, pairs.probability)
    check_evidence(n, register, before.a, before.b, before.probability)
    if not len(before.labels) == len(before.bereft) == n:
        raise EvidenceError("Every subject has one earlier person or -1.")
    for a, b in ((pairs.a, pairs.b), (before.a, before.b)):
        if (a >= b).any() or (np.diff(a * n + b) <= 0).any():
            raise EvidenceError("Pairs of subjects are not sorted.")
    now, then = evidence_of(pairs.probability), evidence_of(before.probability)
    dirty = before.bereft | (before.labels < 0)
    earlier = np.full(len(pairs.a), -1, dtype=np.int64)
    _compare(pairs.a * n + pairs.b, now, before.a * n + before.b, then, tolerance, n, dirty, earlier)
    # edges that went join components too: what they held together may fall apart
    root = components(n, np.concatenate([pairs.a, before.a]), np.concatenate([pairs.b, before.b]))
    rooted = np.zeros(n, dtype=np.bool_)
    rooted[root[dirty]] = True
    changed = rooted[root]
    inside = changed[pairs.a]
    number = np.cumsum(changed) - 1
    own = cluster(
        int(changed.sum()),
        register[changed],
        one_record_registers,
        number[pairs.a[inside]],
        number[pairs.b[inside]],
        pairs.probability[inside],
        absent=before.absent,
    )
    merged = np.where(changed, 0, before.labels)
    merged[changed] = own + (int(before.labels.max(initial=-1)) + 1)
    probability = (
        np.where(inside | (earlier < 0), pairs.probability, before.probability[np.maximum(earlier, 0)])
        if len(before.a)
        else pairs.probability
    )
    return Reclustered(labels_of(merged), pairs._replace(probability=probability), changed)


@_kernel
def _compare(
    key: Any, now: Any, key_before: Any, then: Any, tolerance: float, n: int, dirty: Any, earlier: Any
) -> None:
    """Mark the ends of edges that came, went or moved; note where each edge stood before."""
    left, right = 0, 0
    while left < len(key) or right < len(key_before):
        if right == len(key_before) or (left < len(key) and key[left] < key_before[right]):
            moved, at = True, key[left]
            left += 1
        elif left == len(key) or key_before[right] < key[left]:
            moved, at = True, key_before[right]
            right += 1
        else:
            moved, at = abs(now[left] - then[right]) > tolerance, key[left]
            earlier[left] = right
            left += 1
            right += 1
        if moved:
            dirty[at // n] = True
            dirty[at % n] = True
