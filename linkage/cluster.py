"""Clustering of subjects into persons.

Average-link agglomeration on log odds (Murtagh and Contreras 2012), never transitive closure: one
chance edge does not join two groups of records that were seen apart.

- A pair that no edge joins counts as a weak contradiction, not as nothing: had the two been one
  person, some pass would probably have brought them together. How probably is read from the edges
  themselves, as the share of wedges of likely edges that are closed; but what keeps one pair of two
  clusters apart (a missing date, another name) mostly keeps the others apart too, so that such a
  pair counts for a quarter of an independent one.
- Two subjects of a register with one record a person are never joined. A person with far more subjects of
  another register than others have is cut where the evidence is least (`linkage.mincut`).
- Mutual best clusters merge, round by round, while their mean evidence is positive. Average link is
  reducible, so that this gives the same tree as merging the best pair first (Bruynooghe 1978).
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from numba import njit

from linkage.agglomeration import Graph, agglomerate, summed
from linkage.errors import EvidenceError
from linkage.mincut import size_limits, split_oversized

LIKELY: Final = 0.5  # edges that wedges are made of
SOFT_LIMIT: Final = 6.0  # log odds beyond this add a tenth: no edge is so sure that it drowns ten doubts
CERTAIN: Final = 1e6  # log odds of what a reviewer decided: no other evidence outweighs it
TINY: Final = 1e-15
_CLOSURE_PRIOR: Final = (8.0, 2.0)  # pseudo-wedges closed and open: passes find about four pairs of five
_ENOUGH: Final = 500_000  # ends of edges that the closure rate is read from
_ABSENT_SHARE: Final = 0.25
_ABSENT_RANGE: Final = (-1.0, -0.1)
_MAX_ONE_REGISTERS: Final = 64

Index = npt.NDArray[np.int64]
Real = npt.NDArray[np.float64]
_kernel: Any = njit(nogil=True, cache=True)


def evidence_of(probability: Real) -> Real:
    """Return log odds (natural), growing ten times slower beyond `SOFT_LIMIT`.

    Exactly 0 and 1 are no estimates (`linkage.pairs` gives none) but a reviewer's cannot-link and must-link:
    -`CERTAIN` and `CERTAIN`.
    """
    share = np.clip(probability, TINY, 1 - TINY)
    odds = np.log(share) - np.log1p(-share)
    beyond = np.abs(odds) - SOFT_LIMIT
    soft = np.where(beyond > 0, np.sign(odds) * (SOFT_LIMIT + beyond / 10), odds)
    return np.asarray(np.select([probability <= 0, probability >= 1], [-CERTAIN, CERTAIN], soft))


def closure_rate(a: Index, b: Index, probability: Real, mask: npt.NDArray[np.uint64]) -> float:
    """Return the share of wedges of likely edges whose ends are joined too.

    A wedge is a subject with two neighbours next to each other in its sorted list, unless the two
    exclude each other. Of many subjects every k-th is looked at.
    """
    likely = probability >= LIKELY
    a, b = a[likely], b[likely]
    step = max(1, 2 * len(a) // _ENOUGH)
    low, high = a % step == 0, b % step == 0
    span = np.int64(len(mask))
    ends = np.sort(np.concatenate([a[low] * span + b[low], b[high] * span + a[high]]))
    centre = ends // max(span, np.int64(1))
    end = ends - centre * span
    left, right = end[:-1], end[1:]
    wedge = (centre[1:] == centre[:-1]) & (mask[left] & mask[right] == 0)
    left, right = left[wedge], right[wedge]
    keys = a * span + b
    if (keys[1:] < keys[:-1]).any():
        keys = np.sort(keys)
    wanted = left * span + right
    at = np.minimum(np.searchsorted(keys, wanted), max(len(keys) - 1, 0))
    closed = float((keys[at] == wanted).sum()) if len(keys) and len(wanted) else 0.0
    yes, no = _CLOSURE_PRIOR
    return (closed + yes) / (len(wanted) + yes + no)


def absent_evidence(a: Index, b: Index, probability: Real, mask: npt.NDArray[np.uint64]) -> float:
    """Return the log odds of a pair that no edge joins, read from the closure rate."""
    rate = closure_rate(a, b, probability, mask)
    return float(np.clip(_ABSENT_SHARE * np.log1p(-rate), *_ABSENT_RANGE))


def check_evidence(n_subjects: int, register_of_subject: Index, a: Index, b: Index, probability: Real) -> None:
    """Refuse pairs and probabilities that cannot be.

    Raises:
        EvidenceError: Arrays do not fit together, or a probability is not one.
    """
    if len(register_of_subject) != n_subjects:
        raise EvidenceError("Every subject has one register.")
    if not len(a) == len(b) == len(probability):
        raise EvidenceError("Pairs and probabilities have different lengths.")
    if not np.isfinite(probability).all() or ((probability < 0) | (probability > 1)).any():
        raise EvidenceError("A probability is not finite or lies outside 0 to 1.")
    if len(a) and (min(a.min(), b.min()) < 0 or max(a.max(), b.max()) >= n_subjects or (a == b).any()):
        raise EvidenceError("A pair names a subject that does not exist, or one subject twice.")


def register_masks(register_of_subject: Index, one_record_registers: Collection[int]) -> npt.NDArray[np.uint64]:
    """Return uint64[n]: the bit of each subject's register where that holds one record a person, else 0."""
    registers = sorted(set(one_record_registers))
    if len(registers) > _MAX_ONE_REGISTERS:
        raise EvidenceError(f"More than {_MAX_ONE_REGISTERS} registers hold one record a person.")
    mask = np.zeros(len(register_of_subject), dtype=np.uint64)
    for bit, register in enumerate(registers):
        mask[register_of_subject == register] = np.uint64(1 << bit)
    return mask


def cluster(
    n_subjects: int,
    register_of_subject: npt.NDArray[Any],
    one_record_registers: Collection[int],
    a: npt.NDArray[Any],
    b: npt.NDArray[Any],
    probability: npt.NDArray[Any],
    *,
    threshold: float = 0.0,
    absent: float | None = None,
    limits: Real | None = None,
) -> Index:
    """Cluster subjects into persons.

    Args:
        n_subjects: Number of subjects.
        register_of_subject: Integer[n_subjects], the register of each.
        one_record_registers: Registers in which a person has at most one subject.
        a: Integer[m], one subject of each pair; each pair once.
        b: Integer[m], the other.
        probability: Float[m], their match probabilities.
        threshold: Clusters merge while their mean log odds (natural) exceed this.
        absent: Log odds of a pair without an edge; read from the edges by default.
        limits: float64[registers], subjects of a register above which a person is cut where the evidence is least
            (`mincut.size_limits`); read from the persons by default.

    Returns:
        int64[n_subjects]: labels 0, 1, ... in the order of each person's first subject.

    Raises:
        EvidenceError: Arrays do not fit together, or a probability is not one.
    """
    register = np.asarray(register_of_subject, dtype=np.int64)
    left, right = np.asarray(a, dtype=np.int64), np.asarray(b, dtype=np.int64)
    chance = np.asarray(probability, dtype=np.float64)
    check_evidence(n_subjects, register, left, right, chance)
    mask = register_masks(register, one_record_registers)
    low, high = np.minimum(left, right), np.maximum(left, right)
    if absent is None:
        absent = absent_evidence(low, high, chance, mask)
    none = np.ones(len(low), dtype=np.int64)
    graph = Graph(np.ones(n_subjects, dtype=np.int64), mask, *summed(low, high, evidence_of(chance), none))
    person = agglomerate(graph, threshold, absent)
    if limits is None:
        limits = size_limits(person, register, one_record_registers)
    if len(limits) <= register.max(initial=-1):
        raise EvidenceError("Every register has one limit.")
    return labels_of(split_oversized(person, register, graph, absent, limits))


def labels_of(parent: Index) -> Index:
    """Return int64[n]: the clusters (numbers from 0) numbered in the order of their first subject."""
    return np.asarray(_renumbered(parent, int(parent.max(initial=-1)) + 1))


@_kernel
def _renumbered(parent: Any, limit: int) -> Any:
    name = np.full(limit, -1, dtype=np.int64)
    labels = np.empty(len(parent), dtype=np.int64)
    used = 0
    for at in range(len(parent)):
        if name[parent[at]] < 0:
            name[parent[at]] = used
            used += 1
        labels[at] = name[parent[at]]
    return labels
