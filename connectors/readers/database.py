"""Tables of any database that SQLAlchemy has a driver for."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import polars as pl

from connectors.errors import SourceError
from connectors.readers.table import Table, check_columns

_ROWS_A_TIME = 50_000


def read_database(url: str, table: str, columns: Sequence[str], *, schema: str | None = None) -> Table:
    """Read the named columns of a table or view.

    Args:
        url: SQLAlchemy URL. It may hold a password: it never appears in an error.
        table: Name of the table or view, ``schema.table`` where it is not in the default schema.
        columns: Columns to read.
        schema: The schema, if not written before the table's name.

    Raises:
        SourceError: The database does not answer, or has no such table.
        ColumnError: A column is missing.
    """
    import sqlalchemy as sa

    if schema is None and "." in table:
        schema, _, table = table.partition(".")
    wanted = list(dict.fromkeys(columns))
    try:
        engine = sa.create_engine(url)
    except (sa.exc.ArgumentError, ImportError):
        raise SourceError("The database's URL is not valid, or its driver is not installed.") from None
    try:
        inspector = sa.inspect(engine)
        present = [str(column["name"]) for column in inspector.get_columns(table, schema=schema)]
        check_columns(wanted, present, table)
        source = sa.table(table, *(sa.column(name) for name in wanted), schema=schema)
        parts: list[pl.DataFrame] = []
        with engine.connect() as connection:
            result = connection.execution_options(stream_results=True).execute(sa.select(*source.c))
            for rows in result.partitions(_ROWS_A_TIME):
                parts.append(_frame(rows, wanted))
    except sa.exc.NoSuchTableError:
        raise SourceError("The database has no such table.", where={"table": table}) from None
    except sa.exc.SQLAlchemyError as error:
        # the driver's message may quote a row or the URL: only the kind of fault is passed on
        raise SourceError(
            f"The database does not give the table: {type(error).__name__}.",
            advice="Check the URL, the account's rights and that the database runs.",
            where={"table": table},
        ) from None
    finally:
        engine.dispose()
    empty = pl.DataFrame(schema=dict.fromkeys(wanted, pl.String))
    return Table(pl.concat([empty, *parts]), table, 1)


def _frame(rows: Sequence[Any], names: list[str]) -> pl.DataFrame:
    cells = list(zip(*rows, strict=True)) if rows else [()] * len(names)
    return pl.DataFrame(
        {
            name: pl.Series([_text(cell) for cell in column], dtype=pl.String)
            for name, column in zip(names, cells, strict=True)
        }
    )


def _text(cell: Any) -> str | None:
    if cell is None or cell == "":
        return None
    if isinstance(cell, datetime):
        return cell.isoformat(timespec="seconds").removesuffix("T00:00:00")
    if isinstance(cell, date):
        return cell.isoformat()
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() else str(cell)
    if isinstance(cell, Decimal) and cell.is_finite() and cell == cell.to_integral_value():
        return str(int(cell))
    if isinstance(cell, bytes | bytearray | memoryview):
        raise SourceError("A mapped column of the table holds binary data.")
    return str(cell)
