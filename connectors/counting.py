"""How many persons share a key value: the count that decides whether a blocking pass must refine it.

The cap of a pass is about persons, not rows: a register that holds the same person ten times is not crowded by her.
Subjects are grouped so cautiously (`connectors.subjects`) that many duplicates stay apart; counted as persons they
would push every key of a register with duplicates past its cap, and true pairs would never meet. So inside one key
value, and for counting alone, rows count as one person where more speaks for it than against (`connectors.likeness`).
Registers with one row a person need none of this: there subjects are counted.

The count decides which key values are called crowded, and that list is all of it that leaves. Two persons taken for
one share a block; one person taken for two loses meeting points, that is recall. The audit asks the same weights whom
the register holds (`likely_persons`), so that it does not see errors of theirs; evaluation against a known truth does
(docs/adr/0012).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from connectors.likeness import Likeness, Rows

#: Key values on more rows than this are crowded whoever the rows are; comparing them all would cost their square.
MAX_ROWS: Final = 64
#: Of key values on more rows than this, so many rows are compared first: mostly they are crowd enough.
FIRST_ROWS: Final = 8
#: Rows whose weights sum to so many bits count as one person: the bound lies between these, where `valley` puts it.
LEAST_WEIGHT, MOST_WEIGHT = 3, 6
_FEW_PAIRS: Final = 200
#: A likely person of more rows of one register is a chain of namesakes.
_MOST_ROWS_OF_A_PERSON: Final = 256
#: Bits, with all that lies below and above.
_EDGES: Final = np.array([-np.inf, *range(LEAST_WEIGHT - 1, MOST_WEIGHT + 1), np.nextafter(MOST_WEIGHT + 1, 9), np.inf])
#: Pairs weighed at a time: a register of 10^6 rows has 10^8 of them, which do not fit into memory together.
_PAIRS_AT_ONCE: Final = 1 << 22


class PersonCounter:
    """Counts persons by key value. Made once a register."""

    def __init__(self, identities: pl.DataFrame, subjects: Rows) -> None:
        """Take the normalised identities (one row each) and their subject numbers."""
        self._subjects = np.asarray(subjects, dtype=np.int64)
        self._likeness = Likeness(identities)

    def __call__(self, buckets: Rows, rows: Rows, cap: int) -> Rows:
        """Return int64[buckets.max() + 1]: persons of each bucket, exact up to `cap` at least.

        Args:
            buckets: int64[n], number of the key value, from 0.
            rows: int64[n], row of the identities; a pair may occur twice.
            cap: Buckets with no more subjects than this are not looked at closer.
        """
        if not len(buckets):
            return np.zeros(0, dtype=np.int64)
        pairs = np.unique(np.stack([buckets, rows], axis=1), axis=0)
        bucket, row = pairs[:, 0], pairs[:, 1]
        size = int(bucket[-1]) + 1
        rows_of = np.bincount(bucket, minlength=size)
        persons = _distinct(bucket, self._subjects[row], size)
        close = (persons > cap) & (rows_of <= MAX_ROWS)
        first = close[bucket] & (_rank(bucket) < FIRST_ROWS)
        counted = self._persons(bucket[first], row[first], size)
        crowded = close & (counted > cap)
        rest = close & ~crowded & (rows_of > FIRST_ROWS)
        whole = rest[bucket]
        recounted = self._persons(bucket[whole], row[whole], size)
        return np.where(rest, recounted, np.where(close, counted, persons))

    def likely_persons(self, buckets: Iterable[tuple[Rows, Rows]]) -> Rows:
        """Return int64[rows]: the likely person of each identity, by all pairs that key values bring together.

        Lenient as the count, and so no grouping to encode by: it tells the audit whom the register holds.

        Args:
            buckets: Of several passes, as for the call: numbers of key values and rows. Large ones are left out.
        """
        entries = [_small(*one) for one in buckets]
        kept, weights, histogram = [], [], np.zeros(len(_EDGES) - 1, dtype=np.int64)
        for pairs in _pairs_by_range(entries, len(self._subjects)):
            found = self._likeness.weights(pairs[:, 0], pairs[:, 1])
            histogram += np.histogram(found, bins=_EDGES)[0]
            likely = found >= LEAST_WEIGHT
            kept.append(pairs[likely])
            weights.append(found[likely])
        links, found = (
            np.concatenate([np.empty((0, 2), dtype=np.int64), *kept]),
            np.concatenate([np.empty(0), *weights]),
        )
        first = np.unique(self._subjects, return_index=True)[1][self._subjects_from_zero]
        certain = np.stack([np.arange(len(first)), first], axis=1)
        bound = _valley_of(histogram)
        links, found = links[found >= bound], found[found >= bound]
        while True:
            person = _joined(np.concatenate([links, certain]), len(first))
            # nobody has so many rows: chains of namesakes fall apart under a higher bound, the others stay
            chained = np.bincount(person)[person[links[:, 0]]] > _MOST_ROWS_OF_A_PERSON
            if not chained.any():
                return person
            bound += 1
            links, found = links[~chained | (found >= bound)], found[~chained | (found >= bound)]

    @property
    def _subjects_from_zero(self) -> Rows:
        return np.unique(self._subjects, return_inverse=True)[1].reshape(-1)

    def _persons(self, bucket: Rows, row: Rows, size: int) -> Rows:
        """Return int64[size]: persons among the entries of each bucket, all pairs compared; `bucket` is sorted."""
        if not len(bucket):
            return np.zeros(size, dtype=np.int64)
        first, second = _pairs_within(bucket)
        one, two = row[first], row[second]
        weights = self._likeness.weights(one, two)
        same = weights >= valley(weights)
        same |= self._subjects[one] == self._subjects[two]
        graph = coo_array((np.ones(int(same.sum()), dtype=np.int8), (first[same], second[same])), (len(row), len(row)))
        _, component = connected_components(graph, directed=False)
        return _distinct(bucket, component.astype(np.int64), size)


def valley(weights: npt.NDArray[np.float64]) -> float:
    """Return the weight between `LEAST_WEIGHT` and `MOST_WEIGHT` about which the fewest pairs lie.

    Pairs of one person and of two make two hills. Where a register says little of its people the hills meet at a low
    weight, where it says much they are far apart, and namesakes must not pass for one person.
    """
    return _valley_of(np.histogram(weights, bins=_EDGES)[0])


def _joined(links: Rows, size: int) -> Rows:
    """Return int64[size]: the component of each row, links being int64[n, 2]."""
    graph = coo_array((np.ones(len(links), dtype=np.int8), (links[:, 0], links[:, 1])), (size, size))
    return np.asarray(connected_components(graph, directed=False)[1], dtype=np.int64)


def _valley_of(histogram: npt.NDArray[np.int64]) -> float:
    """Return the valley of a histogram over `_EDGES`."""
    if histogram.sum() < _FEW_PAIRS:
        return float(LEAST_WEIGHT + MOST_WEIGHT) / 2
    count = histogram[1:-1]
    about = count[:-1] + count[1:]  # pairs within one bit of LEAST_WEIGHT, LEAST_WEIGHT + 1, ...
    return float(LEAST_WEIGHT + int(np.argmin(about)))


def _small(buckets: Rows, rows: Rows) -> tuple[Rows, Rows]:
    """Return the entries of buckets of few rows, sorted and each once."""
    entries = np.unique(np.stack([buckets, rows], axis=1), axis=0)
    few = np.bincount(entries[:, 0], minlength=1)[entries[:, 0]] <= MAX_ROWS if len(entries) else slice(None)
    return entries[few, 0], entries[few, 1]


def _pairs_by_range(entries: Sequence[tuple[Rows, Rows]], rows: int) -> Iterator[Rows]:
    """Yield int64[n, 2]: the rows of all pairs of entries that share a bucket, each pair once, the smaller row first.

    Args:
        entries: Bucket and row of each entry, sorted by both; a pair may share buckets of several of these.
        rows: Rows of the register. Pairs come in ranges of the smaller row.
    """
    following = [_following(bucket) for bucket, _ in entries]
    of_row = np.zeros(rows, dtype=np.int64)
    for (_, row), count in zip(entries, following, strict=True):
        np.add.at(of_row, row, count)
    ranges = np.cumsum(of_row) // _PAIRS_AT_ONCE
    for number in np.unique(ranges):
        keys = []
        for (_, row), count in zip(entries, following, strict=True):
            place = np.flatnonzero((ranges[row] == number) & (count > 0))
            smaller = np.repeat(place, count[place])
            step = np.arange(len(smaller)) - np.repeat(np.cumsum(count[place]) - count[place], count[place])
            keys.append(row[smaller] * rows + row[smaller + step + 1])
        distinct = np.unique(np.concatenate(keys))
        yield np.stack([distinct // rows, distinct % rows], axis=1)


def _following(bucket: Rows) -> Rows:
    """Return int64[n]: how many entries of its bucket stand behind each entry; `bucket` is sorted."""
    starts = np.flatnonzero(np.r_[True, bucket[1:] != bucket[:-1]])
    ends = np.r_[starts[1:], len(bucket)]
    return np.repeat(ends, ends - starts) - np.arange(len(bucket)) - 1 if len(bucket) else bucket


def _rank(bucket: Rows) -> Rows:
    """Return int64[n]: place of each entry in its bucket; `bucket` is sorted."""
    starts = np.flatnonzero(np.r_[True, bucket[1:] != bucket[:-1]])
    return np.arange(len(bucket)) - np.repeat(starts, np.diff(np.r_[starts, len(bucket)]))


def _distinct(bucket: Rows, value: Rows, size: int) -> Rows:
    """Return int64[size]: distinct values in each bucket."""
    distinct = np.unique(np.stack([bucket, value], axis=1), axis=0)
    return np.bincount(distinct[:, 0], minlength=size).astype(np.int64)


def _pairs_within(bucket: Rows) -> tuple[Rows, Rows]:
    """Return the positions of all pairs of entries that share a bucket; `bucket` is sorted."""
    starts = np.flatnonzero(np.r_[True, bucket[1:] != bucket[:-1]])
    sizes = np.diff(np.r_[starts, len(bucket)])
    firsts, seconds = [], []
    for size in np.unique(sizes):
        if size < 2:
            continue
        left, right = np.triu_indices(size, 1)
        base = starts[sizes == size][:, None]
        firsts.append((base + left).reshape(-1))
        seconds.append((base + right).reshape(-1))
    if not firsts:
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
    return np.concatenate(firsts), np.concatenate(seconds)
