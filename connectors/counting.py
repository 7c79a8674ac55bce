"""How many persons share a key value: the count that decides whether a blocking pass must refine it.

The cap of a pass is about persons, not rows: a register that holds the same person ten times is not crowded by her.
Subjects are grouped so cautiously (`connectors.subjects`) that many duplicates stay apart; counted as persons they
would push every key of a register with duplicates past its cap, and true pairs would never meet. So inside one key
value, and for counting alone, rows count as one person where more speaks for it than against. Nothing of this
leaves the institution: it only decides which key values are called crowded.

The weights are rounded match weights (log2) of errors common in registers; a wrong one costs a little recall or a
slightly more crowded block, both of which the audit of encodings measures.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl
from rapidfuzz.distance import JaroWinkler
from rapidfuzz.process import cpdist
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

Rows = npt.NDArray[np.int64]
Scores = npt.NDArray[np.float32]

#: Key values on more rows than this are crowded whoever the rows are; comparing them all would cost their square.
MAX_ROWS: Final = 64
#: Rows whose weights sum to this or more count as one person.
SAME_PERSON: Final = 4.0
_NAME_STEPS: Final = ((0.92, 2.5), (0.84, 1.5), (0.75, 0.0))
_NAME_DIFFERS: Final = -4.0
_BIRTH: Final = ("birth_year", "birth_month", "birth_day")
_LIFELONG: Final = ("national_id", "social_security")
_DOCUMENTS: Final = ("passport", "residence_card", "document_any", *_LIFELONG)


class PersonCounter:
    """Counts persons by key value. Made once a register; compared values are looked up by row number."""

    def __init__(self, identities: pl.DataFrame, subjects: Rows) -> None:
        """Take the normalised identities (one row each) and their subject numbers."""
        self._subjects = np.asarray(subjects, dtype=np.int64)
        self._values: dict[str, list[str]] = {}
        self._codes: dict[str, Rows] = {}
        for name in identities.columns:
            if name in _BIRTH:
                self._codes[name] = identities[name].cast(pl.Int64).fill_null(-1).to_numpy()
            elif name in {"given", "family", "sex", "nationality", *_DOCUMENTS} or ":" in name:
                distinct = identities[name].drop_nulls().unique().sort()
                self._values[name] = distinct.to_list()
                ids = identities[name].replace_strict(
                    distinct, pl.int_range(len(distinct), eager=True), default=None, return_dtype=pl.Int64
                )
                self._codes[name] = ids.fill_null(-1).to_numpy()

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
        persons = _distinct(bucket, self._subjects[row], size)
        close = (persons > cap) & (np.bincount(bucket, minlength=size) <= MAX_ROWS)
        keep = close[bucket]
        bucket, row = bucket[keep], row[keep]
        if not len(bucket):
            return persons
        first, second = _pairs_within(bucket)
        same = self._same(row[first], row[second])
        graph = coo_array((np.ones(int(same.sum()), dtype=np.int8), (first[same], second[same])), (len(row), len(row)))
        _, component = connected_components(graph, directed=False)
        counted = _distinct(bucket, component.astype(np.int64), size)
        return np.where(close, counted, persons)

    def _same(self, one: Rows, two: Rows) -> npt.NDArray[np.bool_]:
        weight = self._names(one, two) + self._births(one, two)
        for name, equal, different in (("sex", 0.5, -2.0), ("nationality", 0.5, -1.0)):
            weight += self._exact(name, one, two, equal, different)
        for name in _DOCUMENTS:
            weight += self._exact(name, one, two, 6.0, -3.0 if name in _LIFELONG else -0.5)
        for name in self._codes:
            kind = name.partition(":")[0] if ":" in name else ""
            if kind:
                weight += self._exact(name, one, two, 4.0 if kind == "code" else 1.5, -0.3)
        return np.asarray((weight >= SAME_PERSON) | (self._subjects[one] == self._subjects[two]))

    def _exact(self, name: str, one: Rows, two: Rows, equal: float, different: float) -> Scores:
        if name not in self._codes:
            return np.zeros(len(one), dtype=np.float32)
        mine, other = self._codes[name][one], self._codes[name][two]
        found = np.where(mine == other, np.float32(equal), np.float32(different))
        return np.asarray(np.where((mine < 0) | (other < 0), 0, found), dtype=np.float32)

    def _names(self, one: Rows, two: Rows) -> Scores:
        straight = self._name("given", "given", one, two) + self._name("family", "family", one, two)
        crossed = self._name("given", "family", one, two) + self._name("family", "given", one, two)
        return np.asarray(np.maximum(straight, crossed), dtype=np.float32)

    def _name(self, mine: str, other: str, one: Rows, two: Rows) -> Scores:
        if mine not in self._codes or other not in self._codes:
            return np.zeros(len(one), dtype=np.float32)
        left, right = self._codes[mine][one], self._codes[other][two]
        known = (left >= 0) & (right >= 0)
        weight = np.zeros(len(one), dtype=np.float32)
        width = len(self._values[other])
        pairs, inverse = np.unique(left[known] * width + right[known], return_inverse=True)
        if len(pairs):
            alike = cpdist(
                [self._values[mine][code] for code in pairs // width],
                [self._values[other][code] for code in pairs % width],
                scorer=JaroWinkler.normalized_similarity,
                dtype=np.float32,
            )
            of_pair = np.full(len(pairs), _NAME_DIFFERS, dtype=np.float32)
            for bound, value in reversed(_NAME_STEPS):
                of_pair[alike >= bound] = value
            weight[known] = of_pair[inverse]
        return weight

    def _births(self, one: Rows, two: Rows) -> Scores:
        if not all(part in self._codes for part in _BIRTH):
            return np.zeros(len(one), dtype=np.float32)
        parts = [(self._codes[part][one], self._codes[part][two]) for part in _BIRTH]
        known = sum(((a >= 0) & (b >= 0)).astype(np.int8) for a, b in parts)
        equal = sum(((a >= 0) & (a == b)).astype(np.int8) for a, b in parts)
        (year_one, year_two), (month_one, month_two), (day_one, day_two) = parts
        swapped = (year_one == year_two) & (month_one == day_two) & (day_one == month_two)
        whole = np.array([-4.0, -2.0, 2.5, 5.0], dtype=np.float32)[equal]
        whole = np.where(swapped & (equal < 3), np.float32(3.0), whole)
        year = np.where(year_one == year_two, np.float32(1.0), np.float32(-2.0))
        year = np.where((year_one < 0) | (year_two < 0), np.float32(0), year)
        return np.asarray(np.where(known == 3, whole, year), dtype=np.float32)


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
