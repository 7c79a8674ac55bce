"""Dates and times of events, to ISO 8601 text.

Events keep what is known: a full date, a timestamp, a month (``2020-05``), a year, or a date with unknown parts
(``2020-00-00``).
"""

from __future__ import annotations

import polars as pl

_ISO = (
    r"^\d{4}(?:-(?:0[0-9]|1[0-2])(?:-(?:0[0-9]|[12]\d|3[01]))?)?$"
    r"|^\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])[T ]"
    r"(?:[01]\d|2[0-3]):[0-5]\d(?::[0-5]\d(?:\.\d+)?)?(?:Z|[+-]\d{2}:?\d{2})?$"
)


def iso_times(column: pl.Series, form: str | None) -> pl.Series:
    """Return a column of dates or times in ISO 8601 form; null where a value cannot be read.

    Args:
        column: String values.
        form: strptime form; None for values that are ISO 8601 already (a space may stand for the T).
    """
    text = column.str.strip_chars()
    if form is None:
        valid = text.str.contains(_ISO) & _exists(text)
        return pl.select(pl.when(valid).then(text.str.replace(" ", "T", literal=True))).to_series().alias(column.name)
    with_day = any(part in form for part in ("%d", "%j", "%e", "%D", "%x"))
    pattern, given = (
        (form, text) if with_day else (f"%d {form}", pl.select(pl.concat_str(pl.lit("01 "), text)).to_series())
    )
    timed = any(part in form for part in ("%H", "%I", "%s", "%T", "%R"))
    if timed:
        parsed = given.str.to_datetime(pattern, strict=False, time_zone=None, ambiguous="earliest").dt.to_string(
            "%Y-%m-%dT%H:%M:%S"
        )
    else:
        parsed = given.str.to_date(pattern, strict=False).dt.to_string("%Y-%m-%d")
        if not with_day:
            month = any(part in form for part in ("%m", "%b", "%B"))
            parsed = parsed.str.slice(0, 7 if month else 4)
    return parsed.alias(column.name)


def _exists(text: pl.Series) -> pl.Series:
    """Whether a date with a known day is in the calendar (31 February is not)."""
    day = text.str.slice(0, 10)
    full = (day.str.len_chars() == 10) & ~day.str.contains("-00")
    return ~full.fill_null(value=False) | day.str.to_date("%Y-%m-%d", strict=False).is_not_null()
