"""Who a person is for statistics: birth year, sex, nationality, by a vote of the person's records."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

from contract.nationality_groups import GROUP_NAMES, OTHER_GROUP, group_of
from trajectories.intervals import Bools, Ints
from trajectories.parse import strip
from trajectories.votes import record_votes

if TYPE_CHECKING:
    from trajectories.channels import Channels

HOME_NATIONALITY: Final = "MAR"
EXEMPT_NATIONALITIES: Final = ("DZA", "TUN", "SEN")
SEXES: Final = ("F", "M", "unknown")
OLDEST_BIRTH_YEAR: Final = 1900
WORKING_AGE: Final = 15
_NO_YEAR: Final = 1 << 30


def birth_years(dates: pl.Series, end_year: int) -> pl.Series:
    """Return the birth year (int32, null where there is none) of birth dates as registers write them.

    `YYYY`, `YYYY-MM-DD` (month and day may be 00) or `YYMMDD` as in a machine-readable zone: 19yy if yy is above
    the last two digits of `end_year` (the year of E), else 20yy. A month above 12, a day above 31, a year before
    1900 or after `end_year` gives none.
    """
    text, n = pl.col("text"), pl.Int32
    frame = strip(dates).alias("text").to_frame()
    is_long = text.str.contains(r"^[0-9]{4}(-[0-9]{2}-[0-9]{2})?$")
    is_short = text.str.contains(r"^[0-9]{6}$")
    two = text.str.slice(0, 2).cast(n, strict=False)
    year = (
        pl.when(is_long)
        .then(text.str.slice(0, 4).cast(n, strict=False))
        .when(is_short)
        .then(two + pl.when(two > end_year % 100).then(1900).otherwise(2000))
    )
    month = pl.when(is_long).then(text.str.slice(5, 2)).otherwise(text.str.slice(2, 2)).cast(n, strict=False)
    day = pl.when(is_long).then(text.str.slice(8, 2)).otherwise(text.str.slice(4, 2)).cast(n, strict=False)
    possible = (month.fill_null(0) <= 12) & (day.fill_null(0) <= 31) & year.is_between(OLDEST_BIRTH_YEAR, end_year)
    return frame.select(pl.when(possible).then(year).cast(n).alias(dates.name)).to_series()


@dataclass(frozen=True)
class Persons:
    """Attributes of all persons, by position.

    Attributes:
        in_population: Nationality known and not MAR.
        national: Nationality MAR.
        birth_year: int64; a year far ahead where unknown, so that an unknown age is never 15 or more.
        exempt: Of the contract visa, by nationality or attestation.
        sex: int64 position in `SEXES`.
        group: int64 position in `groups`.
        groups: Nationality groups, in the order of tables.
    """

    in_population: Bools
    national: Bools
    birth_year: Ints
    exempt: Bools
    sex: Ints
    group: Ints
    groups: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.birth_year)

    def ages(self, year: int) -> Ints:
        """Return the ages at 31 December of a year in completed years; negative where unknown."""
        return year - self.birth_year

    def adults(self, year: int) -> Bools:
        """Return who is 15 or more at 31 December of a year."""
        return np.asarray(self.ages(year) >= WORKING_AGE, dtype=np.bool_)


def describe_persons(channels: Channels, groups: Mapping[str, str] | None = None) -> Persons:
    """Return the attributes of all persons.

    Args:
        channels: Their records vote; the year of E bounds the birth years that have a vote (from 1900).
        groups: Nationality (alpha-3) to group; a nationality that is not in it is `other`. Default: the groups of
            `contract.nationality_groups`.
    """
    value, count = pl.col("value"), channels.persons.height
    year = value.cast(pl.Int64, strict=False).is_between(OLDEST_BIRTH_YEAR, channels.window.end.year)

    def voted(column: str, counts: pl.Expr) -> tuple[Ints, pl.Series]:
        found = record_votes(channels.events, channels.person_of_record, column, counts)
        return found["person"].to_numpy().astype(np.int64), found["value"]

    birth = np.full(count, _NO_YEAR, dtype=np.int64)
    who, years = voted("birth_year", year)
    birth[who] = years.cast(pl.Int64).to_numpy()
    sex = np.full(count, SEXES.index("unknown"), dtype=np.int64)
    who, sexes = voted("sex", value.is_in(SEXES[:2]))
    sex[who] = _positions(sexes, {name: position for position, name in enumerate(SEXES)})

    names = GROUP_NAMES if groups is None else (*sorted({*groups.values()} - {OTHER_GROUP}), OTHER_GROUP)
    who, nationality = voted("nationality", pl.lit(value=True))
    codes = nationality.unique().sort().to_list()
    belongs = {code: names.index(group_of(code) if groups is None else groups.get(code, OTHER_GROUP)) for code in codes}
    group = np.zeros(count, dtype=np.int64)
    known, national, exempt = (np.zeros(count, dtype=np.bool_) for _ in range(3))
    group[who] = _positions(nationality, belongs)
    known[who] = True
    national[who] = (nationality == HOME_NATIONALITY).to_numpy()
    exempt[who] = nationality.is_in(EXEMPT_NATIONALITIES).to_numpy()
    return Persons(
        in_population=known & ~national,
        national=national,
        birth_year=birth,
        exempt=exempt | channels.attested,
        sex=sex,
        group=group,
        groups=names,
    )


def _positions(values: pl.Series, positions: Mapping[str, int]) -> Ints:
    if not positions:
        return np.zeros(len(values), dtype=np.int64)
    mapped = values.replace_strict(positions, default=0, return_dtype=pl.Int64)
    return mapped.to_numpy().astype(np.int64)
