"""The clear text in an attacker's hands: names and birth dates, with their tagged bigrams."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property

import numpy as np
import numpy.typing as npt

from evaluation.synthetic import Settings
from evaluation.synthetic.population import populate
from pseudonymisation.encoding.sketches import bigrams
from pseudonymisation.normalisation.names import normalise_name

_CODE_POINT_BITS = 21
_SPARE = 1.15  # identical identities are left out, so some more are drawn


@dataclass(frozen=True)
class Persons:
    """Normalised identities, position by position.

    Attributes:
        given, family: Names of a-z and spaces; "" where a register lacks the part.
        birth: Birth dates as YYYYMMDD; "" where a register lacks them.
    """

    given: tuple[str, ...]
    family: tuple[str, ...]
    birth: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.given)

    def take(self, positions: npt.NDArray[np.int64]) -> Persons:
        """Return the persons at these positions, in this order."""
        chosen = positions.tolist()
        return Persons(*(tuple(part[place] for place in chosen) for part in (self.given, self.family, self.birth)))

    @cached_property
    def grams(self) -> list[list[str]]:
        """Return each person's tagged grams: bigrams of either name, positional bigrams of the birth date."""
        return [
            [*_name_grams("given", given), *_name_grams("family", family), *_date_grams(birth)]
            for given, family, birth in zip(self.given, self.family, self.birth, strict=True)
        ]

    @cached_property
    def vocabulary(self) -> tuple[str, ...]:
        """Return all grams that occur, sorted."""
        return tuple(sorted({gram for grams in self.grams for gram in grams}))

    @cached_property
    def incidence(self) -> npt.NDArray[np.uint8]:
        """Return uint8[n, grams]: 1 where a person has a gram of the vocabulary."""
        column = {gram: place for place, gram in enumerate(self.vocabulary)}
        out = np.zeros((len(self), len(column)), dtype=np.uint8)
        for row, grams in enumerate(self.grams):
            out[row, [column[gram] for gram in grams]] = 1
        return out

    @cached_property
    def values(self) -> npt.NDArray[np.int64]:
        """Return int64[n], equal where two positions hold the same clear text."""
        number: dict[tuple[str, str, str], int] = {}
        rows = zip(self.given, self.family, self.birth, strict=True)
        return np.array([number.setdefault(row, len(number)) for row in rows], dtype=np.int64)


def _name_grams(tag: str, name: str) -> list[str]:
    mask = (1 << _CODE_POINT_BITS) - 1
    codes = bigrams(name) if name else []
    return [f"{tag}:{chr(code >> _CODE_POINT_BITS)}{chr(code & mask)}" for code in codes]


def _date_grams(birth: str) -> list[str]:
    return [f"date{place}:{birth[place : place + 2]}" for place in range(len(birth) - 1)]


def synthetic_persons(count: int, seed: int) -> Persons:
    """Return `count` distinct synthetic identities; the same arguments give the same persons."""
    drawn = populate(int(count * _SPARE) + 50, seed, Settings())
    days = [(date(1970, 1, 1) + timedelta(days=int(day))).strftime("%Y%m%d") for day in drawn.birth_day]
    rows = zip(_normalised(drawn.given), _normalised(drawn.family), days, strict=True)
    distinct = list(dict.fromkeys(rows))[:count]
    if len(distinct) < count:
        raise ValueError(f"Only {len(distinct)} distinct identities were drawn.")
    given, family, birth = zip(*distinct, strict=True)
    return Persons(given, family, birth)


def _normalised(names: Sequence[str] | npt.NDArray[np.object_]) -> list[str]:
    form = {name: normalise_name(name) for name in dict.fromkeys(names)}
    return [form[name] for name in names]
