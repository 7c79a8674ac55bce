"""Readers: a register's table from a file or a database, everything as text, faults with their place."""

from __future__ import annotations

from collections.abc import Sequence

from connectors.configuration import Source
from connectors.errors import SourceError
from connectors.readers.columnar import read_excel, read_parquet
from connectors.readers.database import read_database
from connectors.readers.delimited import read_delimited
from connectors.readers.table import Table

__all__ = ["Table", "read_table"]


def read_table(source: Source, columns: Sequence[str]) -> Table:
    """Read the named columns of a configured source; the file's ending says its format.

    Raises:
        SourceError: Unreadable; the subclass says why and `where` says where.
    """
    if source.url is not None:
        return read_database(source.url, source.table or "", columns)
    path = source.path
    if path is None:
        raise SourceError("The source names neither a file nor a database.")
    ending = path.suffix.lower()
    if ending in {".parquet", ".pq"}:
        return read_parquet(path, columns)
    if ending in {".xlsx", ".xlsm", ".xlsb", ".xls", ".ods"}:
        return read_excel(path, columns, sheet=source.sheet)
    return read_delimited(path, columns, encoding=source.encoding, delimiter=source.delimiter)
