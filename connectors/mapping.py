"""From an institution's own table to the canonical columns: renaming, value maps, concordances, record ids, dates."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import polars as pl

from connectors.concordances import apply_concordance
from connectors.configuration import ColumnMap, Configuration
from connectors.errors import DateError, RecordIdError
from connectors.readers import Table, read_table
from connectors.times import iso_times

#: Row numbers that a report lists of one fault, at most.
MAX_ROWS = 100
#: Event columns of the registers that hold dates or times even where no format is declared.
TIME_COLUMNS = frozenset(
    {"crossed_at", "issued_on", "valid_from", "valid_to", "withdrawn_on", "visa_date", "start", "end", "period"}
    | {"registered_on", "removed_on"}
)


@dataclass
class ColumnFaults:
    """Counts about one mapped column, never a value: rows as the institution counts them."""

    missing: int = 0
    unmapped: int = 0
    unparsable: int = 0
    rows: list[int] = field(default_factory=list)

    def note(self, rows: Iterable[int]) -> None:
        """Add row numbers, as far as there is room."""
        self.rows.extend(list(rows)[: MAX_ROWS - len(self.rows)])


@dataclass(frozen=True)
class MappedTable:
    """A table in canonical columns.

    Attributes:
        frame: `record_id` and the mapped canonical columns, all String, null where missing.
        rows: Row number of each row of `frame` as the institution counts.
        faults: Counts for each canonical column.
        name: The file or table.
    """

    frame: pl.DataFrame
    rows: pl.Series
    faults: dict[str, ColumnFaults]
    name: str


def read_identities(configuration: Configuration) -> MappedTable:
    """Read the identity table and map it.

    Raises:
        SourceError: The table cannot be read.
        RecordIdError: A record id is missing, or stands twice.
    """
    table = read_table(configuration.source, [mapped.column for mapped in configuration.columns.values()])
    mapped = _map(table, configuration.columns)
    mapped = _with_ids(mapped)
    if configuration.events_source == configuration.source:
        # one table for both: a record may have a row for each event, as long as its identity is the same
        first = mapped.frame.with_columns(mapped.rows).unique(maintain_order=True, subset=mapped.frame.columns)
        mapped = MappedTable(
            first.drop(mapped.rows.name), first.get_column(mapped.rows.name), mapped.faults, mapped.name
        )
    doubled = mapped.rows.filter(~mapped.frame.get_column("record_id").is_first_distinct())
    if len(doubled):
        raise RecordIdError(
            "A record id stands twice.",
            where={
                "file": mapped.name,
                "row": doubled[0],
                "column": configuration.columns["record_id"].column,
                "rows_affected": len(doubled),
            },
        )
    return mapped


def read_events(configuration: Configuration, record_ids: pl.Series) -> MappedTable | None:
    """Read the event table and map it; None where the register has none.

    Args:
        configuration: The connector's.
        record_ids: All record ids of the identity table.

    Raises:
        SourceError: The table cannot be read.
        RecordIdError: An event belongs to no record.
        DateError: A date cannot be parsed, unless `bad_dates` says to treat it as missing.
    """
    if configuration.events_source is None:
        return None
    columns = configuration.event_columns
    table = read_table(configuration.events_source, [mapped.column for mapped in columns.values()])
    mapped = _with_ids(_map(table, columns))
    known = mapped.frame.get_column("record_id").is_in(record_ids.implode())
    stray = mapped.rows.filter(~known)
    if len(stray):
        raise RecordIdError(
            "An event belongs to no record of the register.",
            where={
                "file": mapped.name,
                "row": stray[0],
                "column": columns["record_id"].column,
                "rows_affected": len(stray),
            },
        )
    frame = mapped.frame
    for name, column_map in columns.items():
        if column_map.format is None and name not in TIME_COLUMNS:
            continue
        parsed = iso_times(frame.get_column(name), column_map.format)
        bad = mapped.rows.filter(frame.get_column(name).is_not_null() & parsed.is_null())
        faults = mapped.faults[name]
        faults.unparsable += len(bad)
        faults.note(bad.to_list())
        if len(bad) and configuration.bad_dates == "refuse":
            refuse_dates(mapped.name, column_map.column, bad)
        frame = frame.with_columns(parsed)
    return MappedTable(frame, mapped.rows, mapped.faults, mapped.name)


def refuse_dates(file: str, column: str, rows: pl.Series) -> None:
    """Raise the error for dates that cannot be parsed.

    Raises:
        DateError: Always.
    """
    raise DateError(
        "A date cannot be parsed.",
        where={"file": file, "row": rows[0], "column": column, "rows_affected": len(rows)},
    )


def _map(table: Table, columns: dict[str, ColumnMap]) -> MappedTable:
    faults: dict[str, ColumnFaults] = {}
    made: list[pl.Series] = []
    for name, column_map in columns.items():
        column = table.frame.get_column(column_map.column).alias(name)
        if column_map.values:
            column = column.str.strip_chars().replace(column_map.values)
        found = ColumnFaults(missing=column.null_count())
        if column_map.concordance is not None:
            target = apply_concordance(column, column_map.concordance)
            lost = (column.is_not_null() & target.is_null()).arg_true()
            found.unmapped = len(lost)
            found.note(int(row) + table.first_row for row in lost.head(MAX_ROWS).to_list())
            column = target
        faults[name] = found
        made.append(column)
    frame = pl.DataFrame(made)
    rows = pl.int_range(table.first_row, table.first_row + frame.height, eager=True).alias("row number")
    return MappedTable(frame, rows, faults, table.name)


def _with_ids(mapped: MappedTable) -> MappedTable:
    """Drop blank rows (spreadsheets have them) and refuse rows without a record id."""
    blank = mapped.frame.select(pl.all_horizontal(pl.all().is_null())).to_series()
    frame, rows = mapped.frame.filter(~blank), mapped.rows.filter(~blank)
    nameless = rows.filter(frame.get_column("record_id").is_null())
    if len(nameless):
        raise RecordIdError("A row has no record id.", where={"file": mapped.name, "row": nameless[0]})
    return MappedTable(frame, rows, mapped.faults, mapped.name)
