"""How much speaks for two rows of one register being one person: match weights of clear values, at home.

A weight is the base-2 logarithm of how much likelier an agreement is among rows of one person than among rows of two
(Fellegi and Sunter, 1969). Agreement on a value weighs by how rare it is in the register itself (Newcombe, 1959); what
disagreement costs, and how much a near miss is worth, are rounded from labelled registers. Nothing of this leaves the
institution.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt
import polars as pl
from rapidfuzz.distance import OSA, JaroWinkler
from rapidfuzz.process import cpdist

Rows = npt.NDArray[np.int64]
Weights = npt.NDArray[np.float64]
#: Steps of likeness: least similarity, and the most that an agreement this good may weigh.
Steps = tuple[tuple[float, float], ...]

_NAME: Final[Steps] = ((0.999, 5.0), (0.92, 2.5), (0.84, 1.5), (0.75, 0.0))
_TEXT: Final[Steps] = ((0.999, 4.0), (0.85, 4.0), (0.70, 1.5))
_CODE: Final[Steps] = ((0.999, 7.0), (0.85, 4.0), (0.70, 1.5))
_NUMBER: Final[Steps] = ((0.999, 7.0), (0.85, 3.0))
_NAME_DIFFERS, _OWN_DIFFERS, _CROSSED = -4.5, -0.7, -0.5
#: A value is worth this much less than its rarity says: values that go together are not independent.
_DISCOUNT: Final = 3.0
#: An own field with no more values than this is a category: unlike values are not compared letter by letter.
_CATEGORY: Final = 60
_BIRTH: Final = ("birth_year", "birth_month", "birth_day")
_LIFELONG: Final = ("national_id", "social_security")
_NUMBERS: Final = ("passport", "residence_card", "document_any", *_LIFELONG)


class Likeness:
    """Match weights of pairs of rows. Made once a register; values are looked up by row number."""

    def __init__(self, identities: pl.DataFrame) -> None:
        """Take the normalised identities, one row each."""
        self._values: dict[str, list[str]] = {}
        self._codes: dict[str, Rows] = {}
        self._rarity: dict[str, Weights] = {}
        for name in identities.columns:
            if name in _BIRTH:
                self._codes[name] = identities[name].cast(pl.Int64).fill_null(-1).to_numpy()
            elif name in {"given", "family", "sex", "nationality", *_NUMBERS} or ":" in name:
                distinct = identities[name].drop_nulls().unique().sort()
                if distinct.is_empty():
                    continue
                numbers = pl.int_range(len(distinct), eager=True)
                ids = identities[name].replace_strict(distinct, numbers, default=None, return_dtype=pl.Int64)
                self._values[name], self._codes[name] = distinct.to_list(), ids.fill_null(-1).to_numpy()
                counts = np.bincount(self._codes[name][self._codes[name] >= 0])
                self._rarity[name] = np.log2(counts.sum() / counts)

    def weights(self, one: Rows, two: Rows) -> Weights:
        """Return the match weights (float64[n], bits) of pairs of rows."""
        total = self._names(one, two) + self._births(one, two)
        for name, gain, different in (("sex", 0.5, -2.0), ("nationality", 0.5, -0.8)):
            total += self._exact(name, one, two, gain, different)
        for name in _NUMBERS:
            total += self._alike(name, one, two, _NUMBER, 7.0, -2.0 if name in _LIFELONG else -0.5)
        for name in (name for name in self._values if ":" in name):
            if len(self._values[name]) <= _CATEGORY:
                equal = np.clip(self._rarity[name] - 1, 0.3, 3.0)[np.maximum(self._codes[name][one], 0)]
                total += self._exact(name, one, two, equal, _OWN_DIFFERS)
            else:
                steps = _CODE if name.startswith("code:") else _TEXT
                total += self._alike(name, one, two, steps, 0.5, _OWN_DIFFERS)
        return total

    def _exact(self, name: str, one: Rows, two: Rows, equal: float | Weights, different: float) -> Weights:
        if name not in self._codes:
            return np.zeros(len(one))
        mine, other = self._codes[name][one], self._codes[name][two]
        found = np.where(mine == other, equal, different)
        return np.asarray(np.where((mine < 0) | (other < 0), 0.0, found), dtype=np.float64)

    def _alike(self, name: str, one: Rows, two: Rows, steps: Steps, least: float, different: float) -> Weights:
        return self._stepped(name, name, one, two, OSA.normalized_similarity, steps, least, different)

    def _names(self, one: Rows, two: Rows) -> Weights:
        def weigh(mine: str, other: str) -> Weights:
            scorer = JaroWinkler.normalized_similarity
            return self._stepped(mine, other, one, two, scorer, _NAME, 1.5, _NAME_DIFFERS)

        straight = weigh("given", "given") + weigh("family", "family")
        crossed = weigh("given", "family") + weigh("family", "given") + _CROSSED
        return np.maximum(straight, crossed)

    def _stepped(
        self, mine: str, other: str, one: Rows, two: Rows, scorer: Any, steps: Steps, least: float, different: float
    ) -> Weights:
        """Weigh two columns by steps of similarity; each pair of distinct values is compared once."""
        weight = np.zeros(len(one))
        if mine not in self._codes or other not in self._codes:
            return weight
        left, right = self._codes[mine][one], self._codes[other][two]
        known = (left >= 0) & (right >= 0)
        width = len(self._values[other])
        pairs, inverse = np.unique(left[known] * width + right[known], return_inverse=True)
        if not len(pairs):
            return weight
        ours, theirs = pairs // width, pairs % width
        mine_values, other_values = self._values[mine], self._values[other]
        alike = cpdist(
            [mine_values[code] for code in ours],
            [other_values[code] for code in theirs],
            scorer=scorer,
            dtype=np.float32,
        )
        worth = np.clip(self._rarity[mine][ours] - _DISCOUNT, least, None)
        of_pair = np.full(len(pairs), different)
        for bound, most in reversed(steps):
            of_pair = np.where(alike >= bound, np.minimum(worth, most), of_pair)
        weight[known] = of_pair[inverse]
        return weight

    def _births(self, one: Rows, two: Rows) -> Weights:
        if not all(part in self._codes for part in _BIRTH):
            return np.zeros(len(one))
        (year, other_year), (month, other_month), (day, other_day) = (
            (self._codes[part][one], self._codes[part][two]) for part in _BIRTH
        )
        apart = np.abs(year - other_year)
        slip = (apart <= 1) | ((apart % 10 == 0) & (apart <= 100))  # one digit of the year, or a year's rounding
        swapped = (month == other_day) & (day == other_month) & (month != other_month)
        weight = _part(year, other_year, 3.0, np.where(slip, 0.0, -2.5))
        weight += _part(month, other_month, 2.0, np.where(swapped, 1.5, -1.5))
        return weight + _part(day, other_day, 2.5, np.where(swapped, 1.5, -1.2))


def _part(mine: Rows, other: Rows, equal: float, unequal: Weights) -> Weights:
    known = (mine >= 0) & (other >= 0)
    return np.where(known, np.where(mine == other, equal, unequal), 0.0)
