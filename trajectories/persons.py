"""Who a person is for statistics: birth year, sex, nationality, by a vote of the person's records."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl

from contract.nationality_groups import GROUP_NAMES, OTHER_GROUP, group_of
from trajectories.intervals import Bools, Ints
from trajectories.parse import strip, stripped
from trajectories.tables import LinkedRegisters, Window

HOME_NATIONALITY: Final = "MAR"
EXEMPT_NATIONALITIES: Final = ("DZA", "TUN", "SEN")
SEXES: Final = ("F", "M", "unknown")
OLDEST_BIRTH_YEAR: Final = 1900
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
        birth_year: int64; a year far ahead where unknown, so that an unknown age is never 15 or more.
        exempt: Of the contract visa, by nationality or attestation.
        sex: int64 position in `SEXES`.
        group: int64 position in `groups`.
        groups: Nationality groups, in the order of tables.
    """

    in_population: Bools
    birth_year: Ints
    exempt: Bools
    sex: Ints
    group: Ints
    groups: tuple[str, ...]

    def adults(self, year: int) -> Bools:
        """Return who is 15 or more at 31 December of a year."""
        return np.asarray(year - self.birth_year >= 15, dtype=np.bool_)


def vote(linked: LinkedRegisters, persons: pl.DataFrame, column: str, counts: pl.Expr) -> pl.Series:
    """Return each person's most frequent value of a column of records, ties to the smallest in string order.

    Every record has one vote, whatever its register.

    Args:
        linked: The registers.
        persons: `person_id` and `person`, sorted.
        column: Column of records.
        counts: Which values have a vote.
    """
    winner = (
        linked.records.lazy()
        .select(person_id=stripped("person_id"), value=stripped(column))
        .filter(pl.col("person_id").is_not_null() & pl.col("value").is_not_null() & counts)
        .group_by("person_id", "value")
        .len()
        .sort("person_id", "len", "value", descending=[False, True, False])
        .unique("person_id", keep="first", maintain_order=True)
        .select("person_id", "value")
    )
    return persons.lazy().join(winner, on="person_id", how="left", maintain_order="left").collect()["value"]


def describe_persons(
    linked: LinkedRegisters,
    persons: pl.DataFrame,
    attested: Bools,
    window: Window,
    groups: Mapping[str, str] | None = None,
) -> Persons:
    """Return the attributes of all persons.

    Args:
        linked: The registers.
        persons: `person_id` and `person`, sorted.
        attested: For every person, whether an attestation with an exemption ground is linked.
        window: Bounds the birth years that have a vote: 1900 to the year of E.
        groups: Nationality (alpha-3) to group; a nationality that is not in it is `other`. Default: the groups of
            `contract.nationality_groups`.
    """
    value = pl.col("value")
    year = value.cast(pl.Int64, strict=False).is_between(OLDEST_BIRTH_YEAR, window.end.year)
    births = vote(linked, persons, "birth_year", year).cast(pl.Int64).fill_null(_NO_YEAR)
    sexes = vote(linked, persons, "sex", value.is_in(SEXES[:2])).fill_null(SEXES[2])
    nationality = vote(linked, persons, "nationality", pl.lit(value=True))

    names = GROUP_NAMES if groups is None else (*sorted({*groups.values()} - {OTHER_GROUP}), OTHER_GROUP)
    codes = nationality.drop_nulls().unique().sort().to_list()
    belongs = {code: names.index(group_of(code) if groups is None else groups.get(code, OTHER_GROUP)) for code in codes}
    return Persons(
        in_population=(nationality.is_not_null() & (nationality != HOME_NATIONALITY)).fill_null(value=False).to_numpy(),
        birth_year=births.to_numpy(),
        exempt=nationality.is_in(EXEMPT_NATIONALITIES).fill_null(value=False).to_numpy() | attested,
        sex=_positions(sexes, {name: position for position, name in enumerate(SEXES)}),
        group=_positions(nationality, belongs),
        groups=names,
    )


def _positions(values: pl.Series, positions: Mapping[str, int]) -> Ints:
    if not positions:
        return np.zeros(len(values), dtype=np.int64)
    mapped = values.replace_strict(positions, default=0, return_dtype=pl.Int64)
    return mapped.to_numpy().astype(np.int64)
