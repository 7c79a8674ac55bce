"""Exactly what would leave: files, sizes, columns, first rows of every table. Nothing is sent."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa

from connectors.encode import Encoded
from connectors.package import read_manifest
from contract.agreement import Agreement
from contract.submission import MEMBERS, pass_file
from pseudonymisation.encoding.profile import EncodedPass

FIRST_ROWS = 5


class FirstRows:
    """Keeps of each pass, as it is made, only what a preview shows; the table is let go.

    Attributes:
        shown: Pass name to number of rows, columns and first rows.
    """

    def __init__(self, rows: int = FIRST_ROWS) -> None:
        self.shown: dict[str, dict[str, Any]] = {}
        self.rows = rows

    def keep(self, name: str, made: EncodedPass) -> EncodedPass:
        """Note a pass and return it without its rows; see `encode.encode_tables`."""
        table = made.table
        self.shown[name] = _arrow(table, self.rows)
        return replace(made, source=table.schema.empty_table())


def preview_tables(made: Encoded, first: FirstRows, agreement: Agreement) -> dict[str, Any]:
    """Return each table that would leave: who gets it, number of rows, columns with types, and its first rows.

    Encodings are shown in hexadecimal digits; the payload as the statistics unit would read it, coarsened.

    Args:
        made: What was encoded.
        first: What it kept of the passes.
        agreement: The live agreement.
    """
    linkage = agreement.with_role("linkage_unit")[0].name
    statistics = agreement.with_role("statistics_unit")[0].name
    tables: list[dict[str, Any]] = []
    for name, shown in sorted(first.shown.items()):
        tables.append({"file": pass_file(name), "for": linkage, **shown})
    for member, frame in zip(MEMBERS, (made.handles, made.records, made.events), strict=True):
        tables.append({"file": f"statistics.sealed: {member}", "for": statistics, **_frame(frame, first.rows)})
    return {"agreement_id": agreement.id, "tables": tables}


def preview_files(folder: Path) -> dict[str, Any]:
    """Return manifest id, files, sizes and digests of an encoded submission as they would travel.

    Raises:
        SubmissionError: A file was altered since it was encoded.
    """
    manifest = read_manifest(folder).manifest
    return {
        "manifest_id": manifest.id,
        "register": manifest.register_name,
        "vintage": manifest.vintage,
        "expires_at": manifest.expires_at.isoformat(),
        "files": [entry.model_dump() for entry in manifest.files],
        "bytes": sum(entry.size for entry in manifest.files),
    }


def _arrow(table: pa.Table, rows: int) -> dict[str, Any]:
    first = [
        {name: _shown(cell) for name, cell in zip(table.column_names, cells, strict=True)}
        for cells in zip(*(table.column(name)[:rows].to_pylist() for name in table.column_names), strict=True)
    ]
    columns = [{"name": field.name, "type": str(field.type)} for field in table.schema]
    return {"rows": table.num_rows, "bytes_in_memory": table.nbytes, "columns": columns, "first_rows": first}


def _frame(frame: pl.DataFrame, rows: int) -> dict[str, Any]:
    columns = [{"name": name, "type": str(kind)} for name, kind in frame.schema.items()]
    return {
        "rows": frame.height,
        "bytes_in_memory": int(frame.estimated_size()),
        "columns": columns,
        "first_rows": frame.head(rows).to_dicts(),
    }


def _shown(cell: Any) -> Any:
    if isinstance(cell, bytes):
        return cell.hex()
    return f"{cell:016x}" if isinstance(cell, int) and cell >= 1 << 32 else cell
