"""From edges between handles to pairs of subjects, at the statistics unit.

A subject may have several identities and stands in several passes, so that two subjects may meet many
times. Those meetings are not independent: in each pass the pair takes the probability of its
best-observed identity pair, over the passes the mean of the log odds, never a product.

Why the mean: every pass by itself is nearly calibrated, but the best of many passes overstates those
pairs that each pass doubts (namesakes meet in all passes of names; docs/adr/0009).
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from numba import njit

from linkage.errors import EvidenceError
from linkage.owners import Handles, codes_of, owners_of, require

_TINY = 1e-15


_SHORT_RUN: Final = 256  # edges of one pair that are sorted by insertion
_ONE_NUMBER: Final = 3_000_000_000  # subjects of which two fit in 63 bits


class SubjectPairs(NamedTuple):
    """Pairs of subjects (int64[n], a < b, sorted, each once) with probability and weight (float64[n])."""

    a: npt.NDArray[np.int64]
    b: npt.NDArray[np.int64]
    probability: npt.NDArray[np.float64]
    weight: npt.NDArray[np.float64]


_plain: Any = njit(nogil=True, cache=True)


def subject_pairs(edges: pa.Table, handles: Handles) -> SubjectPairs:
    """Gather edges into subject pairs; as `met_pairs`, without the passes."""
    return met_pairs(edges, handles)[0]


def met_pairs(edges: pa.Table, handles: Handles) -> tuple[SubjectPairs, npt.NDArray[np.int64]]:
    """Gather edges into subject pairs; int64[n] says how many passes found each.

    Args:
        edges: Columns of `contract/edges.py`; here pass, handle_a, handle_b, weight, probability count.
        handles: Columns `pass` (string), `handle` (uint64), `subject` (integer): who owns a handle; or, by pass,
            tables of the last two, which are read one after the other. Handles of dummy rows are not listed:
            their edges fall away.

    Raises:
        EvidenceError: A column is missing or has gaps, a handle has two owners, or a number is not finite.
    """
    require(edges, ("pass", "handle_a", "handle_b", "weight", "probability"), "edges")
    names: list[str] = []
    passes = codes_of(edges, "pass", names)
    ends = owners_of(edges, handles, passes, names)
    ranks = np.argsort(np.argsort(np.array(names, dtype=np.str_))).astype(np.int16)
    probability = edges.column("probability").to_numpy().astype(np.float64)
    weight = edges.column("weight").to_numpy().astype(np.float64)
    if not (np.isfinite(probability).all() and np.isfinite(weight).all()):
        raise EvidenceError("An edge's weight or probability is not finite.")
    if len(probability) and (probability.min() < 0 or probability.max() > 1):
        raise EvidenceError("An edge's probability lies outside 0 to 1.")
    kept = (ends[0] >= 0) & (ends[1] >= 0) & (ends[0] != ends[1])
    a, b = np.minimum(*ends)[kept], np.maximum(*ends)[kept]
    probability, weight = probability[kept], weight[kept]
    return _gathered(ranks[passes[kept]] if names else passes[kept], a, b, probability, weight)


def _ordered(
    passes: npt.NDArray[Any],
    a: npt.NDArray[np.int64],
    b: npt.NDArray[np.int64],
    probability: npt.NDArray[np.float64],
    weight: npt.NDArray[np.float64],
) -> npt.NDArray[np.int64]:
    """Order edges by subjects and pass, the best first: by one number a pair, then inside each short run."""
    limit = int(b.max(initial=0)) + 1
    if limit < _ONE_NUMBER:
        key = a * limit + b
        order = np.argsort(key).astype(np.int64, copy=False)
        if _order_runs(key, passes, probability, weight, order):
            return order
    return np.lexsort((-weight, -probability, passes, b, a)).astype(np.int64, copy=False)


@_plain
def _order_runs(key: Any, passes: Any, probability: Any, weight: Any, order: Any) -> Any:
    """Sort each run of one pair by pass and falling probability and weight; False, unfinished, if one is long."""
    start, n = 0, len(order)
    while start < n:
        end = start + 1
        while end < n and key[order[end]] == key[order[start]]:
            end += 1
            if end - start > _SHORT_RUN:
                return False
        for at in range(start + 1, end):
            row, to = order[at], at
            while to > start:
                other = order[to - 1]
                if passes[other] != passes[row]:
                    before = passes[other] < passes[row]
                elif probability[other] != probability[row]:
                    before = probability[other] > probability[row]
                else:
                    before = weight[other] >= weight[row]
                if before:
                    break
                order[to] = other
                to -= 1
            order[to] = row
        start = end
    return True


def _gathered(
    passes: npt.NDArray[Any],
    a: npt.NDArray[np.int64],
    b: npt.NDArray[np.int64],
    probability: npt.NDArray[np.float64],
    weight: npt.NDArray[np.float64],
) -> tuple[SubjectPairs, npt.NDArray[np.int64]]:
    """Take the best edge of each pair in each pass, then the mean over its passes."""
    order = _ordered(passes, a, b, probability, weight)
    a, b, passes, probability, weight = a[order], b[order], passes[order], probability[order], weight[order]
    if not len(a):
        return SubjectPairs(a, b, probability, weight), np.empty(0, dtype=np.int64)
    new = np.r_[True, (a[1:] != a[:-1]) | (b[1:] != b[:-1])]
    best = new | np.r_[True, passes[1:] != passes[:-1]]
    start = np.flatnonzero(new[best])
    number = np.diff(np.r_[start, int(best.sum())])
    share = np.clip(probability[best], _TINY, 1 - _TINY)
    odds = np.add.reduceat(np.log(share) - np.log1p(-share), start) / number
    weights = np.add.reduceat(weight[best], start) / number
    return SubjectPairs(a[new], b[new], 1 / (1 + np.exp(-odds)), weights), number.astype(np.int64)
