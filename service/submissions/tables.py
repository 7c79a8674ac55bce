"""Checks the tables of a submission: that they are whole Parquet of exactly the agreed form.

A pass table may hold the columns of `contract.submission` for the agreement's fields, each of its
one type, and no other: what is not agreed is not taken. Payload likewise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from contract.agreement import Agreement, RegisterTerms
from contract.errors import SubmissionError
from contract.fields import DATE_FIELDS, DOCUMENT_FIELDS, DOCUMENT_SLOTS, NAME_FIELDS, FieldType, field_type
from contract.submission import pass_names

_SKETCHES = ("given", "family", "given_skeleton", "family_skeleton", "full", "full_skeleton")
_TOKENS = ("birth_year", "birth_month", "birth_day")
_SKETCH, _TOKEN = pa.binary(16), pa.uint32()
_THRIFT_STRINGS, _THRIFT_CONTAINERS = 16 * 1024 * 1024, 1_000_000  # a hostile footer must not exhaust memory
_BATCH = 65_536


class TableError(SubmissionError):
    """A table of a submission is damaged or not of the agreed form."""

    code = "submission.table"


def pass_columns(agreement: Agreement) -> dict[str, Any]:
    """Return the columns a pass table may have beside `handle` and `block`, with their Arrow types."""
    profile = agreement.profile
    documents = dict.fromkeys(DOCUMENT_SLOTS, _TOKEN)
    if profile.name == "record":
        return {"encoding": pa.binary(profile.record_bits // 8), **documents}
    columns: dict[str, Any] = dict.fromkeys(_SKETCHES, _SKETCH) | dict.fromkeys(_TOKENS, _TOKEN) | documents
    columns |= {f"{slot}_sketch": _SKETCH for slot in DOCUMENT_SLOTS}
    mapped = {*NAME_FIELDS, *DATE_FIELDS, *DOCUMENT_FIELDS, "doc_type"}
    for name in sorted({name for register in agreement.registers for name in register.fields} - mapped):
        kind = field_type(name, agreement.own_fields)
        columns[name] = _SKETCH if kind in {FieldType.TEXT, FieldType.CODE, FieldType.NAME} else _TOKEN
    if profile.name == "clear":
        columns = dict.fromkeys(columns, pa.string())
    return columns


def check_pass_table(path: Path, name: str, agreement: Agreement, *, max_rows: int) -> int:
    """Check one pass table and return its number of rows.

    Args:
        path: Where it lies.
        name: Its name in the manifest, for the error.
        agreement: Decides the columns.
        max_rows: The most rows a table may have.

    Raises:
        TableError: It is damaged, too long, or of another form.
    """
    with _reading(name):
        file = _open(path)
        allowed = {"handle": pa.uint64(), "block": pa.uint64()} | pass_columns(agreement)
        _check_columns(file, name, required=("handle", "block"), allowed=lambda column: _typed(allowed.get(column)))
        _check_rows(file, name, max_rows)
        handles: list[Any] = []
        for batch in file.iter_batches(batch_size=_BATCH):
            for column in ("handle", "block"):
                if batch.column(column).null_count:
                    raise _table_error("A row lacks what every row must have.", name, column)
            handles.append(batch.column("handle").to_numpy())
        if sum(len(part) for part in handles) != file.metadata.num_rows:
            raise _table_error("The table does not hold as many rows as it says.", name)
        _check_unique(handles, name, "handle")
        return int(file.metadata.num_rows)


def check_payload(folder: Path, agreement: Agreement, register: RegisterTerms, *, max_rows: int) -> dict[str, int]:
    """Check the three opened members of a statistics half and return their numbers of rows by name.

    Raises:
        TableError: One is damaged, too long, of another form, or refers to what is not there.
    """
    handles, records, events = "handles.parquet", "records.parquet", "events.parquet"
    rows = {}
    with _reading(handles):
        file = _open(folder / handles)
        types = {
            "pass": _is_text,
            "handle": _typed(pa.uint64()),
            "subject_ref": _is_text,
            "identity": _typed(pa.int32()),
        }
        _check_columns(file, handles, required=tuple(types), allowed=types.get)
        rows[handles] = _check_rows(file, handles, max_rows)
        table = file.read()
        _no_nulls(table, handles)
        passes = pc.unique(table.column("pass").cast(pa.string())).to_pylist()
        if not set(passes) <= set(pass_names(agreement)):
            raise _table_error("A handle belongs to a pass that was not agreed.", handles, "pass")
        if table.select(["pass", "handle"]).group_by(["pass", "handle"]).aggregate([]).num_rows != table.num_rows:
            raise _table_error("A handle is listed twice.", handles, "handle")
    with _reading(records):
        file = _open(folder / records)
        columns = _payload_types(("subject_ref", "record_ref"), (item.column for item in register.attributes))
        _check_columns(file, records, required=tuple(columns), allowed=columns.get)
        rows[records] = _check_rows(file, records, max_rows)
        record_refs = _references(file, records, ("subject_ref", "record_ref")).column("record_ref")
        if pc.count_distinct(record_refs).as_py() != len(record_refs):
            raise _table_error("A record is listed twice.", records, "record_ref")
    with _reading(events):
        file = _open(folder / events)
        columns = _payload_types(("record_ref",), (item.column for item in register.events))
        _check_columns(file, events, required=tuple(columns), allowed=columns.get)
        rows[events] = _check_rows(file, events, max_rows)
        used = _references(file, events, ("record_ref",)).column("record_ref")
        if len(used) and not pc.all(pc.is_in(used, value_set=record_refs.combine_chunks())).as_py():
            raise _table_error("An event belongs to no record.", events, "record_ref")
    return rows


def _references(file: pq.ParquetFile, name: str, columns: tuple[str, ...]) -> Any:
    """Decode the whole table once and return its reference columns as strings."""
    kept = []
    for batch in file.iter_batches(batch_size=_BATCH):
        kept.append(pa.table({column: batch.column(column).cast(pa.string()) for column in columns}))
    empty = pa.table({column: pa.array([], pa.string()) for column in columns})
    table = pa.concat_tables([empty, *kept])
    _no_nulls(table, name)
    return table


def _open(path: Path) -> pq.ParquetFile:
    return pq.ParquetFile(
        path, thrift_string_size_limit=_THRIFT_STRINGS, thrift_container_size_limit=_THRIFT_CONTAINERS
    )


def _check_columns(
    file: pq.ParquetFile,
    name: str,
    *,
    required: tuple[str, ...],
    allowed: Callable[[str], Callable[[Any], bool] | None],
) -> None:
    schema = file.schema_arrow
    if len(set(schema.names)) != len(schema.names):
        raise _table_error("A column is there twice.", name)
    for column in required:
        if column not in schema.names:
            raise _table_error("A column is missing.", name, column)
    for position, field in enumerate(schema):
        fits = allowed(field.name)
        if fits is None:  # its name is the sender's own: name its place instead
            raise TableError("A column was not agreed.", where={"file": name, "column": position + 1})
        if not fits(field.type):
            raise _table_error("A column has another type than agreed.", name, field.name)


def _check_rows(file: pq.ParquetFile, name: str, max_rows: int) -> int:
    if file.metadata.num_rows > max_rows:
        raise _table_error("The table has more rows than the unit takes.", name)
    return int(file.metadata.num_rows)


def _check_unique(parts: list[Any], name: str, column: str) -> None:
    values = np.concatenate(parts) if parts else np.empty(0, np.uint64)
    if np.unique(values).size != values.size:
        raise _table_error("A value that must be unique is there twice.", name, column)


def _no_nulls(table: Any, name: str) -> None:
    for column in table.column_names:
        if table.column(column).null_count:
            raise _table_error("A row lacks what every row must have.", name, column)


def _payload_types(references: tuple[str, ...], columns: Iterator[str]) -> dict[str, Callable[[Any], bool]]:
    return dict.fromkeys(references, _is_text) | dict.fromkeys(columns, _is_plain)


def _typed(expected: Any) -> Callable[[Any], bool] | None:
    if expected is None:
        return None
    return _is_text if expected == pa.string() else lambda found: bool(found == expected)


def _is_text(found: Any) -> bool:
    value = found.value_type if pa.types.is_dictionary(found) else found
    return bool(pa.types.is_string(value) or pa.types.is_large_string(value) or pa.types.is_string_view(value))


def _is_plain(found: Any) -> bool:
    return _is_text(found) or bool(
        pa.types.is_primitive(found) or pa.types.is_null(found) or pa.types.is_decimal(found)
    )


def _table_error(message: str, name: str, column: str | None = None) -> TableError:
    return TableError(message, where={"file": name} | ({"column": column} if column else {}))


@contextmanager
def _reading(name: str) -> Iterator[None]:
    try:
        yield
    except (pa.ArrowException, OSError, ValueError) as error:  # damaged Parquet raises any of these
        raise _table_error("The table is no whole Parquet file.", name) from error
