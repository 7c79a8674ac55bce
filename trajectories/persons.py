"""Who a person is for statistics: birth year, sex, nationality, by a vote of the person's records."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

from contract.nationality_groups import GROUP_NAMES, OTHER_GROUP, group_of
from trajectories.intervals import Bools, Ints
from trajectories.life import OLDEST_BIRTH_YEAR
from trajectories.parse import strip
from trajectories.votes import winners

if TYPE_CHECKING:
    from trajectories.channels import Channels

HOME_NATIONALITY: Final = "MAR"
EXEMPT_NATIONALITIES: Final = ("DZA", "TUN", "SEN")
SEXES: Final = ("F", "M", "unknown")
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
    events, count = channels.events, channels.persons.height

    def voted(column: str, counts: Bools) -> tuple[Ints, Ints]:
        return winners(events.votes[column], counts, channels.person_of_record)

    years = events.votes["birth_year"]
    birth = np.full(count, _NO_YEAR, dtype=np.int64)
    who, year = voted("birth_year", (years >= OLDEST_BIRTH_YEAR) & (years <= channels.window.end.year))
    birth[who] = year
    sex = np.full(count, SEXES.index("unknown"), dtype=np.int64)
    who, position = voted("sex", events.votes["sex"] >= 0)
    sex[who] = position

    names = GROUP_NAMES if groups is None else (*sorted({*groups.values()} - {OTHER_GROUP}), OTHER_GROUP)
    codes = events.nationalities
    belongs = [names.index(group_of(code) if groups is None else groups.get(code, OTHER_GROUP)) for code in codes]
    who, nationality = voted("nationality", events.votes["nationality"] >= 0)
    group = np.zeros(count, dtype=np.int64)
    known, national, exempt = (np.zeros(count, dtype=np.bool_) for _ in range(3))
    known[who] = True
    for target, values in (
        (group, belongs),
        (national, [code == HOME_NATIONALITY for code in codes]),
        (exempt, [code in EXEMPT_NATIONALITIES for code in codes]),
    ):
        if codes:
            target[who] = np.array(values)[nationality]
    return Persons(
        in_population=known & ~national,
        national=national,
        birth_year=birth,
        exempt=exempt | channels.attested,
        sex=sex,
        group=group,
        groups=names,
    )
