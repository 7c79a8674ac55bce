"""The edge table in its one canonical form: what both units name by the same digest.

The columns are those of `contract.edges`. The digest is taken over the values, not over a file, so
that it does not depend on how a Parquet library writes.
"""

from __future__ import annotations

import hashlib
import io
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from contract.errors import SubmissionError

EDGE_SCHEMA = pa.schema(
    [
        ("pass", pa.string()),
        ("handle_a", pa.uint64()),
        ("handle_b", pa.uint64()),
        ("register_a", pa.string()),
        ("register_b", pa.string()),
        ("pattern", pa.uint64()),
        ("weight", pa.float64()),
        ("probability", pa.float64()),
    ]
)
_ORDER = [("pass", "ascending"), ("handle_a", "ascending"), ("handle_b", "ascending")]
_MAX_THRIFT_BYTES = 16 * 1024 * 1024


class EdgeTableError(SubmissionError):
    """A table of edges is not as `contract.edges` has it."""

    code = "edges.table"
    default_advice = "Deliver the edges again; nothing of them was used."


def canonical_edges(table: pa.Table) -> pa.Table:
    """Return edges in canonical form: plain columns in order, sorted by pass, handle_a, handle_b.

    Raises:
        EdgeTableError: A column is missing or of another type, or a pair stands twice in a pass.
    """
    if set(table.column_names) != set(EDGE_SCHEMA.names):
        raise EdgeTableError("The table of edges has other columns than agreed.")
    try:
        ordered = table.select(EDGE_SCHEMA.names).cast(EDGE_SCHEMA).sort_by(_ORDER).combine_chunks()
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise EdgeTableError("A column of the table of edges has another type than agreed.") from error
    _check(ordered)
    return ordered


def _check(table: pa.Table) -> None:
    if any(table.column(name).null_count for name in EDGE_SCHEMA.names):
        raise EdgeTableError("A value is missing in the table of edges.")
    numbers = {name: table.column(name).to_numpy() for name in ("weight", "probability", "handle_a", "handle_b")}
    if not np.isfinite(numbers["weight"]).all():
        raise EdgeTableError("A weight is not a number.", where={"column": "weight"})
    if not ((numbers["probability"] >= 0) & (numbers["probability"] <= 1)).all():
        raise EdgeTableError("A probability is not between 0 and 1.", where={"column": "probability"})
    if table.num_rows > 1:
        passes = table.column("pass").combine_chunks()
        same = pc.equal(passes.slice(1), passes.slice(0, len(passes) - 1)).to_numpy(zero_copy_only=False)
        for name in ("handle_a", "handle_b"):
            same &= numbers[name][1:] == numbers[name][:-1]
        if same.any():
            raise EdgeTableError("A pair stands twice in the table of edges.")


def edges_digest(table: pa.Table) -> str:
    """Return the SHA-256 of a canonical table's values: equal for equal edges, whatever wrote them."""
    hasher = hashlib.sha256(f"wasl-edges/1 {table.num_rows}\n".encode())
    for field in EDGE_SCHEMA:
        column = table.column(field.name)
        if pa.types.is_string(field.type):
            hasher.update("\n".join(column.to_pylist()).encode())
        else:
            kind = "<f8" if pa.types.is_floating(field.type) else "<u8"
            hasher.update(np.ascontiguousarray(column.to_numpy(), dtype=kind).tobytes())
    return hasher.hexdigest()


def parquet_bytes(table: pa.Table) -> bytes:
    """Return a table as Parquet."""
    sink = io.BytesIO()
    pq.write_table(table, sink, compression="zstd")
    return sink.getvalue()


def read_edges(path: Path) -> pa.Table:
    """Return the canonical edges of a Parquet file.

    Raises:
        EdgeTableError: It is no Parquet file, or not a table of edges.
    """
    try:
        table = pq.ParquetFile(path, thrift_string_size_limit=_MAX_THRIFT_BYTES).read()
    except (pa.ArrowException, OSError) as error:
        raise EdgeTableError("The edges are not a readable Parquet file.") from error
    return canonical_edges(table)
