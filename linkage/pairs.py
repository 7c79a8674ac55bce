"""From edges between handles to pairs of subjects, at the statistics unit.

A subject may have several identities and stands in several passes, so that two subjects may meet many
times. Those meetings are not independent: in each pass the pair takes the probability of its
best-observed identity pair, over the passes the mean of the log odds, never a product.

Why the mean: every pass by itself is nearly calibrated, but the best of many passes overstates those
pairs that each pass doubts (namesakes meet in all passes of names; docs/adr/0009).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any, Final, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from numba import njit

from linkage.errors import EvidenceError
from linkage.kernels.hashing import AHEAD, foresee, grown, slot_of
from linkage.kernels.lanes import prefetch
from linkage.owners import Handles, codes_of, handles_by_pass, owners_in_pass, require

_TINY: Final = 1e-15
_COLUMNS: Final = ("pass", "handle_a", "handle_b", "weight", "probability")
_MOST: Final = np.iinfo(np.int32).max  # subjects: the numbers of two make one number
_PLACES: Final = 1 << 12  # of pairs at first
_BATCH: Final = 256  # edges whose pairs are found before the first is added to
_NEVER: Final = -1

Index = npt.NDArray[np.int64]
Real = npt.NDArray[np.float64]
Result = TypeVar("Result")


class SubjectPairs(NamedTuple):
    """Pairs of subjects (int64[n], a < b, sorted, each once) with probability and weight (float64[n])."""

    a: Index
    b: Index
    probability: Real
    weight: Real


_plain: Any = njit(nogil=True, cache=True)


def subject_pairs(edges: pa.Table | Iterable[pa.Table], handles: Handles, *, threads: int = 1) -> SubjectPairs:
    """Gather edges into subject pairs; as `met_pairs`, without the passes."""
    return met_pairs(edges, handles, threads=threads)[0]


def met_pairs(
    edges: pa.Table | Iterable[pa.Table], handles: Handles, *, threads: int = 1
) -> tuple[SubjectPairs, Index]:
    """Gather edges into subject pairs; int64[n] says how many passes found each.

    Args:
        edges: Columns of `contract/edges.py`; here pass, handle_a, handle_b, weight, probability count. Or tables of
            them, of which one more is in memory than threads: passes come in the order of their names, none in two.
        handles: Columns `pass` (string), `handle` (uint64), `subject` (integer): who owns a handle; or, by pass,
            tables of the last two, which are read one after the other. Handles of dummy rows are not listed:
            their edges fall away.
        threads: As many passes are looked up at once; the result is the same.

    Raises:
        EvidenceError: A column is missing or has gaps, a handle has two owners, a number is not finite or too
            large, or passes are out of order.
    """
    meetings = _Meetings()
    for key, probability, weight in in_turn(_lookups(edges, handles_by_pass(handles)), threads):
        meetings.add(key, probability, weight)
    pa.default_memory_pool().release_unused()  # the lists of handles
    return meetings.gathered()


def in_turn(work: Iterable[Callable[[], Result]], threads: int) -> Iterator[Result]:
    """Yield what calls return, in their order; with several threads so many are under way, and one waits."""
    if threads == 1:
        yield from (call() for call in work)
        return
    with ThreadPoolExecutor(threads) as pool:
        waiting: deque[Future[Result]] = deque()
        for call in work:
            waiting.append(pool.submit(call))
            if len(waiting) > threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _lookups(
    edges: pa.Table | Iterable[pa.Table], by_pass: Mapping[str, Iterable[Any]]
) -> Iterator[Callable[[], tuple[Index, Real, Real]]]:
    """Yield a call for each pass, in order: it returns `_pairs_in_pass`."""
    last = ""
    for table in [edges] if isinstance(edges, pa.Table) else edges:
        require(table, _COLUMNS, "edges")
        for name, rows in _passes_of(table):
            if name <= last:
                raise EvidenceError("Tables of edges do not come in the order of their passes.", where={"pass": name})
            last = name
            yield partial(_pairs_in_pass, table, rows, by_pass.get(name, ()), name)


def _pairs_in_pass(table: pa.Table, rows: Index | slice, handles: Iterable[Any], name: str) -> tuple[Index, Real, Real]:
    """Return the pairs of subjects that edges of a pass join, as one number each, with probability and weight."""
    ends, weight, probability = _numbers(table, rows)
    a, b = owners_in_pass(ends, handles, name)
    if max(a.max(initial=0), b.max(initial=0)) > _MOST:
        raise EvidenceError("The number of a subject is too large.", where={"pass": name})
    kept = (a >= 0) & (b >= 0) & (a != b)
    key = np.minimum(a, b) << 32 | np.maximum(a, b)
    return (key, probability, weight) if kept.all() else (key[kept], probability[kept], weight[kept])


def _passes_of(table: pa.Table) -> Iterator[tuple[str, Index | slice]]:
    """Yield the passes of a table in the order of their names, and their rows."""
    names: list[str] = []
    codes = codes_of(table, "pass", names)
    held = np.unique(codes).tolist()
    if len(held) == 1:
        yield names[held[0]], slice(None)
        return
    for name, place in sorted((names[place], place) for place in held):
        yield name, np.flatnonzero(codes == place)


def _numbers(
    table: pa.Table, rows: Index | slice
) -> tuple[tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint64]], Real, Real]:
    """Return handles of both ends, weights and probabilities of some rows, checked."""
    a, b = (table.column(name).to_numpy()[rows].astype(np.uint64, copy=False) for name in ("handle_a", "handle_b"))
    weight, probability = (
        table.column(name).to_numpy()[rows].astype(np.float64, copy=False) for name in ("weight", "probability")
    )
    if not (np.isfinite(probability).all() and np.isfinite(weight).all()):
        raise EvidenceError("An edge's weight or probability is not finite.")
    if len(probability) and (probability.min() < 0 or probability.max() > 1):
        raise EvidenceError("An edge's probability lies outside 0 to 1.")
    return (a, b), weight, probability


class _Meetings:
    """Pairs met so far: sums over passes of the best edge in each."""

    def __init__(self) -> None:
        self._passes, self._used = 0, np.zeros(1, dtype=np.int64)
        self._table = np.zeros((2 * _PLACES, 2), dtype=np.int64)
        self._sums, self._times = np.zeros((_PLACES, 5)), np.full((_PLACES, 2), _NEVER, dtype=np.int32)

    def add(self, key: Index, probability: Real, weight: Real) -> None:
        """Add a pass: pairs as one number, a pair perhaps several times."""
        share = np.clip(probability, _TINY, 1 - _TINY)
        odds = np.log(share) - np.log1p(-share)
        start = 0
        while start < len(key):
            start = _meet(key, probability, odds, weight, start, self._passes, self._table, self._used, self._sums,
                          self._times)  # fmt: skip
            if start < len(key):
                self._grow()
        self._passes += 1

    def _grow(self) -> None:
        n = len(self._sums)
        sums, times = np.zeros((2 * n, 5)), np.full((2 * n, 2), _NEVER, dtype=np.int32)
        sums[:n], times[:n] = self._sums, self._times
        self._sums, self._times, self._table = sums, times, grown(self._table)

    def gathered(self) -> tuple[SubjectPairs, Index]:
        """Return the pairs, sorted, and in how many passes each was met."""
        n = int(self._used[0])
        filled = self._table[self._table[:, 1] > 0]
        self._table = self._table[:0]
        filled = filled[np.argsort(filled[:, 0])]
        a, b, number = filled[:, 0] >> 32, filled[:, 0] & 0xFFFF_FFFF, filled[:, 1] - 1
        del filled
        met = self._times[:n, 1][number].astype(np.int64) + 1
        odds = (self._sums[:n, 0] + self._sums[:n, 3])[number] / met
        weight = (self._sums[:n, 1] + self._sums[:n, 4])[number] / met
        return SubjectPairs(a, b, 1 / (1 + np.exp(-odds)), weight), met


@_plain
def _meet(
    key: Any,
    probability: Any,
    odds: Any,
    weight: Any,
    start: int,
    this: int,
    table: Any,
    used: Any,
    sums: Any,
    times: Any,
) -> Any:
    """Add edges of pass number `this` from `start` on, until there is no place for another pair; return where.

    Args:
        key: int64[n].
        probability: float64[n].
        odds: float64[n], its log odds.
        weight: float64[n].
        start: First edge.
        this: Number of the pass.
        table: int64[places, 2], the hash table of pairs to their numbers, counted from 1.
        used: int64[1], pairs so far.
        sums: float64[pairs, 5]: odds and weight summed over earlier passes; probability, odds and weight of the
            best edge in the last one.
        times: int32[pairs, 2]: the last pass, and how many came before it.
    """
    pairs = np.empty(_BATCH, dtype=np.int64)
    for first in range(start, len(key), _BATCH):
        last = min(first + _BATCH, len(key))
        for at in range(first, last):
            if at + AHEAD < len(key):
                foresee(table, key[at + AHEAD])
            slot = slot_of(table, key[at])
            if table[slot, 1] == 0:
                if used[0] == len(sums):
                    last = at
                    break
                used[0] += 1
                table[slot, 0], table[slot, 1] = key[at], used[0]
            pairs[at - first] = table[slot, 1] - 1
            prefetch(sums, 5 * pairs[at - first])
            prefetch(times, 2 * pairs[at - first])
        for at in range(first, last):
            pair = pairs[at - first]
            if times[pair, 0] == this:
                before = sums[pair, 2]
                if before > probability[at] or (before == probability[at] and sums[pair, 4] >= weight[at]):
                    continue
            else:
                sums[pair, 0] += sums[pair, 3]
                sums[pair, 1] += sums[pair, 4]
                times[pair, 0] = this
                times[pair, 1] += 1
            sums[pair, 2], sums[pair, 3], sums[pair, 4] = probability[at], odds[at], weight[at]
        if last < min(first + _BATCH, len(key)):
            return last
    return len(key)
