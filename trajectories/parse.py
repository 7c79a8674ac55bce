"""Event strings to numbers, vectorised, with an account of every value that could not be used.

Days are int64 days since 1970-01-01, months int64 `12 * year + month - 1`, seconds int64 within the day.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import numpy as np
import polars as pl

from contract.errors import InputError
from trajectories.intervals import Ints
from trajectories.tables import InvalidValues, LinkedRegisters

LOSS_SCHEMA: Final = {"register": pl.String, "column": pl.String, "reason": pl.String, "rows": pl.Int64}

_STAMP: Final = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}([T ]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9])?)?$"
_DATE: Final = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
_MONTH: Final = r"^[0-9]{4}-(0[1-9]|1[0-2])$"
_PARTLY_KNOWN: Final = r"^[0-9]{4}(-(0[0-9]|1[0-2])(-00)?)?$|^0000-[0-9]{2}-[0-9]{2}$"


def strip(text: pl.Series) -> pl.Series:
    """Return the cells without surrounding white space; an empty cell is null."""
    return text.to_frame("text").select(stripped("text")).to_series()


def stripped(column: str) -> pl.Expr:
    """Expression of `strip`."""
    text = pl.col(column).cast(pl.String).str.strip_chars()
    return pl.when(text != "").then(text)


@dataclass
class Account:
    """Counts of values that fed no channel: register, column, reason (`empty`, `partly known`, `invalid`, ...)."""

    invalid: InvalidValues = "error"
    entries: list[tuple[str, str, str, int]] = field(default_factory=list)

    def add(self, register: str, column: str, reason: str, rows: int) -> None:
        """Note `rows` losses, if there are any."""
        if rows:
            self.entries.append((register, column, reason, rows))

    def check(self, register: str, column: str, text: pl.Series, parsed: pl.Series, *, may_be_empty: bool) -> None:
        """Account for the cells that gave no value.

        Raises:
            InputError: A cell is neither empty nor partly known, and invalid values are errors.
        """
        missing = parsed.is_null()
        if not missing.any():
            return
        left = pl.DataFrame({"row": missing.arg_true(), "text": text.filter(missing)})
        filled = left.filter(pl.col("text").is_not_null())
        if not may_be_empty:
            self.add(register, column, "empty", left.height - filled.height)
        wrong = filled.filter(~pl.col("text").str.contains(_PARTLY_KNOWN))
        self.add(register, column, "partly known", filled.height - wrong.height)
        if wrong.height and self.invalid == "error":
            where = {"register": register, "row": int(wrong["row"][0]) + 1, "column": column}
            raise InputError("A value is not in the form that its column must have.", where=where)
        self.add(register, column, "invalid", wrong.height)

    def losses(self) -> pl.DataFrame:
        """Return one row for each register, column and reason, sorted."""
        frame = pl.DataFrame(self.entries, schema=LOSS_SCHEMA, orient="row")
        return frame.group_by("register", "column", "reason").agg(pl.col("rows").sum()).sort(pl.all())


def days(text: pl.Series) -> pl.Series:
    """Return `YYYY-MM-DD` as days since 1970-01-01; null where it is no such date."""
    parsed = pl.col("t").str.to_date("%Y-%m-%d", strict=False).to_physical().cast(pl.Int64)
    return text.to_frame("t").select(pl.when(pl.col("t").str.contains(_DATE)).then(parsed)).to_series()


def stamps(text: pl.Series) -> pl.DataFrame:
    """Return timestamps as columns `day` and `second`; both null where it is none. A date alone is midnight."""
    t = pl.col("t")
    day = t.str.head(10).str.to_date("%Y-%m-%d", strict=False).to_physical().cast(pl.Int64)

    def part(offset: int) -> pl.Expr:
        return t.str.slice(offset, 2).cast(pl.Int64, strict=False).fill_null(0)

    frame = text.to_frame("t").select(pl.when(t.str.contains(_STAMP)).then(t))
    second = part(11) * 3600 + part(14) * 60 + part(17)
    return frame.select(day=day, second=second).with_columns(second=pl.when(pl.col("day").is_not_null()).then("second"))


def months(text: pl.Series) -> pl.Series:
    """Return `YYYY-MM` as `12 * year + month - 1`; null where it is none."""
    t = pl.col("t")
    index = t.str.head(4).cast(pl.Int64, strict=False) * 12 + t.str.slice(5, 2).cast(pl.Int64, strict=False) - 1
    return text.to_frame("t").select(pl.when(t.str.contains(_MONTH)).then(index)).to_series()


def whole_numbers(text: pl.Series) -> pl.Series:
    """Return decimal digits as whole numbers; null where a cell is anything else."""
    t = pl.col("t")
    value = t.cast(pl.Int64, strict=False)
    return text.to_frame("t").select(pl.when(t.str.contains(r"^[0-9]+$")).then(value)).to_series()


def words(text: pl.Series, allowed: tuple[str, ...]) -> pl.Series:
    """Return the cells that are one of the allowed words; null otherwise."""
    return text.to_frame("t").select(pl.when(pl.col("t").is_in(allowed)).then(pl.col("t"))).to_series()


def person_index(linked: LinkedRegisters) -> pl.DataFrame:
    """Return the linked persons, sorted: `person_id` (str) and `person` (int64, their position)."""
    frame = linked.records.select(person_id=stripped("person_id")).drop_nulls().unique().sort("person_id")
    return frame.with_row_index("person").with_columns(pl.col("person").cast(pl.Int64))


def person_of_records(linked: LinkedRegisters, persons: pl.DataFrame) -> Ints:
    """Return the person (int64 position in `persons`) of every record, in the records' order; -1 for none."""
    named = linked.records.select(person_id=stripped("person_id"))
    joined = named.join(persons, on="person_id", how="left", maintain_order="left")
    return joined["person"].fill_null(-1).to_numpy().astype(np.int64, copy=False)
