"""Parquet files and Excel sheets, read as text."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from connectors.errors import SourceError
from connectors.readers.table import Table, as_text, check_columns


def read_parquet(path: Path, columns: Sequence[str]) -> Table:
    """Read the named columns of a Parquet file.

    Raises:
        SourceError: No such file, or not Parquet.
        ColumnError: A column is missing or holds lists or structures.
    """
    wanted = list(dict.fromkeys(columns))
    try:
        schema = pl.read_parquet_schema(path)
    except (OSError, pl.exceptions.PolarsError):
        raise SourceError("The file is missing or not a Parquet file.", where={"file": path.name}) from None
    check_columns(wanted, list(schema), path.name)
    for column in wanted:
        if schema[column].is_nested() or schema[column] in (pl.Binary, pl.Object):
            raise SourceError(
                "A mapped column holds lists, structures or bytes.", where={"file": path.name, "column": column}
            )
    try:
        frame = pl.read_parquet(path, columns=wanted)
    except (OSError, pl.exceptions.PolarsError):
        raise SourceError("The Parquet file is damaged.", where={"file": path.name}) from None
    return Table(as_text(frame.select(wanted)), path.name, 1)


def read_excel(path: Path, columns: Sequence[str], *, sheet: str | None = None) -> Table:
    """Read the named columns of an Excel sheet (the first sheet by default) whose first row is the header.

    Raises:
        SourceError: No such file, not Excel, or no such sheet.
        ColumnError: A column is missing.
    """
    wanted = list(dict.fromkeys(columns))
    frame = _load_sheet(path, sheet)
    check_columns(wanted, frame.columns, path.name)
    frame = frame.select(pl.col(wanted).str.strip_suffix(" 00:00:00"))
    return Table(as_text(frame), path.name, 2)


def parquet_header(path: Path) -> list[str]:
    """Return the column names of a Parquet file. Raises `SourceError`."""
    try:
        return list(pl.read_parquet_schema(path))
    except (OSError, pl.exceptions.PolarsError):
        raise SourceError("The file is missing or not a Parquet file.", where={"file": path.name}) from None


def excel_header(path: Path, *, sheet: str | None = None) -> list[str]:
    """Return the column names of an Excel sheet. Raises as `read_excel`."""
    return _load_sheet(path, sheet, rows=0).columns


def _load_sheet(path: Path, sheet: str | None, rows: int | None = None) -> pl.DataFrame:
    import fastexcel

    if not path.is_file():
        raise SourceError("The file is missing.", where={"file": path.name})
    try:
        book = fastexcel.read_excel(path)
        if sheet is not None and sheet not in book.sheet_names:
            raise SourceError("The workbook has no sheet of this name.", where={"file": path.name, "sheet": sheet})
        return book.load_sheet(sheet if sheet is not None else 0, dtypes="string", n_rows=rows).to_polars()
    except fastexcel.FastExcelError:
        raise SourceError("The file is not an Excel workbook, or is damaged.", where={"file": path.name}) from None
