"""What every reader returns, and the checks that all of them share."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from connectors.errors import ColumnError


@dataclass(frozen=True)
class Table:
    """A register's table as text.

    Attributes:
        frame: Columns of `pl.String`; null where the cell is empty (and only there: "Na" and "None" are names).
        name: The file or table as errors name it.
        first_row: Number of the first row of `frame` as the institution counts (2 below a header line, else 1).
    """

    frame: pl.DataFrame
    name: str
    first_row: int


def check_columns(wanted: Sequence[str], present: Sequence[str], name: str) -> None:
    """Refuse a header with a doubled name or without a wanted column.

    Raises:
        ColumnError: Names the column and the nearest present one.
    """
    for column in dict.fromkeys(wanted):
        if present.count(column) > 1:
            raise ColumnError(f"The column {column!r} stands twice in the header.", where={"file": name})
        if column not in present:
            near = (
                difflib.get_close_matches(column, present, n=1, cutoff=0.5)
                or [other for other in present if other.strip().casefold() == column.strip().casefold()][:1]
            )
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise ColumnError(
                f"The column {column!r} is not in the file.{hint}", where={"file": name, "column": column}
            )


def as_text(frame: pl.DataFrame) -> pl.DataFrame:
    """Return every column as `pl.String`, empty text as null.

    Whole numbers in a column of floats lose their point (a spreadsheet or a null makes integers floats); timestamps
    at midnight become dates; true and false stay words.
    """
    return frame.select(_text_column(frame[name]) for name in frame.columns)


def _text_column(column: pl.Series) -> pl.Series:
    if column.dtype in (pl.Float32, pl.Float64):
        whole = column.drop_nulls()
        if bool((whole.is_finite() & (whole == whole.round())).all()):
            column = column.cast(pl.Int64)
    elif isinstance(column.dtype, pl.Datetime):
        column = column.dt.to_string("%Y-%m-%dT%H:%M:%S").str.strip_suffix("T00:00:00")
    text = column.cast(pl.String)
    return text.set(text == "", None)
