"""How many persons share a key value: the count that decides whether a blocking pass must refine it.

The cap of a pass is about persons, not rows: a register that holds the same person ten times is not crowded by her.
Subjects are grouped so cautiously (`connectors.subjects`) that many duplicates stay apart; counted as persons they
would push every key of a register with duplicates past its cap, and true pairs would never meet. So inside one key
value, and for counting alone, rows count as one person where more speaks for it than against (`connectors.likeness`).
Nothing of this leaves the institution: it only decides which key values are called crowded. A wrong count costs
a little recall or a slightly more crowded block, both of which the audit of encodings measures.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import polars as pl
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from connectors.likeness import Likeness, Rows

#: Key values on more rows than this are crowded whoever the rows are; comparing them all would cost their square.
MAX_ROWS: Final = 64
#: Of key values on more rows than this, so many rows are compared first: mostly they are crowd enough.
FIRST_ROWS: Final = 8
#: Rows whose weights sum to this or more, in bits, count as one person.
SAME_PERSON: Final = 3.0


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

    def _persons(self, bucket: Rows, row: Rows, size: int) -> Rows:
        """Return int64[size]: persons among the entries of each bucket, all pairs compared; `bucket` is sorted."""
        if not len(bucket):
            return np.zeros(size, dtype=np.int64)
        first, second = _pairs_within(bucket)
        one, two = row[first], row[second]
        same = self._likeness.weights(one, two) >= SAME_PERSON
        same |= self._subjects[one] == self._subjects[two]
        graph = coo_array((np.ones(int(same.sum()), dtype=np.int8), (first[same], second[same])), (len(row), len(row)))
        _, component = connected_components(graph, directed=False)
        return _distinct(bucket, component.astype(np.int64), size)


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
