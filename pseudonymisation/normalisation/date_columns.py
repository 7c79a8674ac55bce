"""Columns of birth dates: find how a column is written, then read each distinct value once."""

from __future__ import annotations

from typing import Final

import polars as pl

from pseudonymisation.normalisation.dates import (
    EARLIEST_YEAR,
    HIJRI_YEARS,
    DateStyle,
    clean_date,
    format_pattern,
    parse_date,
)
from pseudonymisation.normalisation.fields import ColumnReport, FieldMapping, FieldMappingError

# a column with more than this share of years in 1501 to 1850 is of historical persons: its 1400s are of our era
_HISTORICAL_SHARE: Final = 0.05
_HISTORICAL_YEARS: Final = (1501, 1850)
_FIRST_MODERN_YEAR: Final = 1850  # no living person, and nobody in a register kept since 1956, is older


def birth_date_columns(column: pl.Series, mapping: FieldMapping, last_year: int, report: ColumnReport) -> pl.DataFrame:
    """Return birth_year (Int32), birth_month and birth_day (Int8) of a column of dates.

    Raises:
        FieldMappingError: The mapping's format is not one that can be read.
    """
    distinct = column.drop_nulls().unique(maintain_order=True)
    style = find_style(distinct, mapping, last_year)
    parts = [parse_date(value, style) for value in distinct.to_list()]
    table = pl.DataFrame(
        {
            "value": distinct,
            "birth_year": pl.Series([part.year for part in parts], dtype=pl.Int32),
            "birth_month": pl.Series([part.month for part in parts], dtype=pl.Int8),
            "birth_day": pl.Series([part.day for part in parts], dtype=pl.Int8),
            "parsed": pl.Series([part.parsed for part in parts], dtype=pl.Boolean),
        }
    )
    out = pl.DataFrame({"value": column}).join(table, on="value", how="left", maintain_order="left")
    report.mark_unparsable(~out.get_column("parsed"))
    return out.select("birth_year", "birth_month", "birth_day")


def find_style(distinct: pl.Series, mapping: FieldMapping, last_year: int) -> DateStyle:
    """Return how a column's distinct date texts are written: majority of what only one order explains."""
    if mapping.format is not None:
        try:
            format_pattern(mapping.format)
        except ValueError:
            raise FieldMappingError(
                "A date format has parts other than one each of %Y or %y, %m or %b, and %d.",
                where={"column": mapping.column},
            ) from None
    texts = pl.Series("text", [clean_date(value) for value in distinct.to_list()], dtype=pl.String)
    ends = texts.str.extract_groups(r"^(\d{1,2})[./\- ]+(\d{1,2})[./\- ]+(\d{2}|\d{4})$").struct.unnest()
    first, second, third = (ends.to_series(place).cast(pl.Int32) for place in range(3))
    two_digits = ends.to_series(2).str.len_chars() == 2
    month_first = int(((second > 12) & (first <= 12)).sum())
    day_first = int(((first > 12) & (second <= 12)).sum())
    year_first = int((two_digits & (first > 31) & (third <= 31)).sum())
    order = "MDY" if month_first > day_first else "DMY"
    if year_first > max(month_first, day_first):
        order = "YMD"
    compact = _compact_order(texts, last_year)
    years = texts.str.extract(r"(?:^|\D)(\d{4})(?:\D|$)|^(\d{4})\d{4}$").cast(pl.Int32, strict=False)
    eight = texts.filter(texts.str.contains(r"^\d{8}$"))
    if compact == "YMD":
        years = pl.concat([years, eight.str.slice(0, 4).cast(pl.Int32)])
    elif len(eight):
        years = pl.concat([years, eight.str.slice(4, 4).cast(pl.Int32)])
    modern = _is_modern(years, last_year)
    first_year = _FIRST_MODERN_YEAR if modern else EARLIEST_YEAR
    return DateStyle(order, compact, mapping.format, hijri=modern, last_year=last_year, first_year=first_year)


def _is_modern(years: pl.Series, last_year: int) -> bool:
    plausible = years.filter(years.is_between(EARLIEST_YEAR, last_year))
    old = int(plausible.is_between(*_HISTORICAL_YEARS).sum())
    earliest = int((plausible < HIJRI_YEARS.start).sum())
    return old + earliest <= _HISTORICAL_SHARE * len(plausible)


def _compact_order(texts: pl.Series, last_year: int) -> str:
    """Return the order of dates without signs: eight digits decide before six, year first where nothing decides."""
    votes = {"YMD": 0, "DMY": 0}
    for width, year in ((8, 4), (6, 2)):
        found = texts.filter(texts.str.contains(rf"^\d{{{width}}}$"))
        for order in votes:
            places = {"Y": 0, "M": year, "D": year + 2} if order == "YMD" else {"D": 0, "M": 2, "Y": 4}
            month = found.str.slice(places["M"], 2).cast(pl.Int32)
            day = found.str.slice(places["D"], 2).cast(pl.Int32)
            years = found.str.slice(places["Y"], year).cast(pl.Int32)
            good = (month <= 12) & (day <= 31)
            if year == 4:
                good &= years.is_between(HIJRI_YEARS.start, last_year)
            votes[order] += int(good.sum())
        if any(votes.values()):
            break
    return "DMY" if votes["DMY"] > votes["YMD"] else "YMD"


def birth_part_column(column: pl.Series, part: str, last_year: int, report: ColumnReport) -> pl.Series:
    """Return one part of a birth date kept in a column of its own; what is out of range becomes null and is counted.

    Args:
        column: Numbers as text.
        part: birth_year, birth_month or birth_day.
        last_year: The latest year of birth that can be.
        report: Where to count.
    """
    low, high = {"birth_year": (EARLIEST_YEAR, last_year), "birth_month": (1, 12), "birth_day": (1, 31)}[part]
    number = (
        column.str.strip_chars().str.replace_all("[Oo]", "0").str.replace(r"\.0+$", "").cast(pl.Int32, strict=False)
    )
    if part == "birth_year":
        century = last_year // 100 * 100
        short = column.str.strip_chars().str.len_chars() <= 2
        full = pl.select(
            pl.when(short & (number + century > last_year))
            .then(number + century - 100)
            .when(short)
            .then(number + century)
            .otherwise(number)
        ).to_series()
        number = full
    unknown = number == 0
    good = number.is_between(low, high)
    report.mark_unparsable(column.is_not_null() & ~good.fill_null(value=False) & ~unknown.fill_null(value=False))
    out = pl.select(pl.when(good).then(number)).to_series()
    return out.cast(pl.Int32 if part == "birth_year" else pl.Int8).alias(part)


def blank_first_of_january(parts: pl.DataFrame) -> pl.DataFrame:
    """Set month and day to null where both are 1: they mean "unknown" in the region's registers."""
    first = (pl.col("birth_month") == 1) & (pl.col("birth_day") == 1)
    return parts.with_columns(
        pl.when(first.fill_null(value=False)).then(None).otherwise(pl.col(name)).alias(name)
        for name in ("birth_month", "birth_day")
    )
