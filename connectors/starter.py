"""Write a first connector.toml: columns whose names are known are mapped, the rest is left as comments to fill in."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from connectors.configuration import FILE_NAME
from connectors.errors import ConnectorConfigurationError
from connectors.mapping import TIME_COLUMNS
from connectors.readers.columnar import excel_header, parquet_header
from connectors.readers.delimited import header
from contract.errors import ConflictError, StorageError
from contract.registers import REGISTERS

_UNITS = ("http://127.0.0.1:8001", "http://127.0.0.1:8002")


def columns_of(path: Path, *, encoding: str = "utf-8", delimiter: str = ",", sheet: str | None = None) -> list[str]:
    """Return the column names of a register's file.

    Raises:
        SourceError: It cannot be read.
    """
    ending = path.suffix.lower()
    if ending in {".parquet", ".pq"}:
        return parquet_header(path)
    if ending in {".xlsx", ".xlsm", ".xlsb", ".xls", ".ods"}:
        return excel_header(path, sheet=sheet)
    return header(path, encoding=encoding, delimiter=delimiter)


def starter_toml(
    institution: str,
    register: str,
    source: str,
    columns: Sequence[str],
    *,
    events: str | None = None,
    event_columns: Sequence[str] = (),
    units: tuple[str, str] = _UNITS,
    encoding: str = "utf-8",
    delimiter: str = ",",
    bad_dates: str = "refuse",
    keys: str = "institution.keys",
) -> str:
    """Return the text of a connector.toml for one of the six registers.

    Args:
        institution: The party's name.
        register: A name of `contract.registers.REGISTERS`.
        source: File of the identity table, from the connector's folder.
        columns: Its columns.
        events: File of the event table; None where one file serves both.
        event_columns: Its columns.
        units: Addresses of linkage and statistics unit.
        encoding: Of the files.
        delimiter: Of the files.
        bad_dates: ``refuse`` or ``empty``.
        keys: Path of the key store, from the connector's folder.

    Raises:
        ConnectorConfigurationError: It is none of the six registers.
    """
    schema = REGISTERS.get(register)
    if schema is None:
        raise ConnectorConfigurationError(f"There is no register {register!r}; there are {', '.join(REGISTERS)}.")
    text = [
        f"# Connector of {institution} for the register {register}. No secret stands in this file.",
        f"institution = {_quoted(institution)}",
        f"register = {_quoted(register)}",
        "# refuse: a date that cannot be read stops encoding; empty: it counts as missing",
        f"bad_dates = {_quoted(bad_dates)}",
        f"keys = {_quoted(keys)}",
        "",
        "[units]",
        f"linkage = {_quoted(units[0])}",
        f"statistics = {_quoted(units[1])}",
        "",
        "[source]  # or url_env / url_file and table, for a database",
        f"file = {_quoted(source)}",
        f"encoding = {_quoted(encoding)}",
        f"delimiter = {_quoted(delimiter)}",
        "",
    ]
    if events is not None:
        text += ["[events]", f"file = {_quoted(events)}", f"encoding = {_quoted(encoding)}"]
        text += [f"delimiter = {_quoted(delimiter)}", ""]
    text += ["[map]  # canonical column = own column, or { column, format, values, concordance }"]
    text += _lines(("record_id", *schema.identity, *schema.attributes), columns)
    held = event_columns if events is not None else [name for name in columns if name in schema.events]
    if held:
        text += ["", "[map.events]"]
        text += _lines(("record_id", *schema.events), [*held, *(["record_id"] if events is None else [])])
    return "\n".join(text) + "\n"


def write_starter(folder: Path, text: str) -> Path:
    """Write a connector.toml into a folder that has none.

    Raises:
        ConflictError: There is one.
        StorageError: The folder cannot be written.
    """
    path = folder / FILE_NAME
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as stream:
            stream.write(text)
    except FileExistsError:
        raise ConflictError("This folder is a connector's already.", where={"file": FILE_NAME}) from None
    except OSError as error:
        raise StorageError(f"The connector's folder cannot be written: {error.strerror}.") from None
    return path


def _lines(wanted: Sequence[str], present: Sequence[str]) -> list[str]:
    by_name = {name.strip().casefold(): name for name in present}
    lines = []
    for name in wanted:
        own = by_name.get(name)
        hint = '{ column = "...", format = "%d/%m/%Y" }' if name in TIME_COLUMNS else '"..."'
        lines.append(f"{name} = {_quoted(own)}" if own is not None else f"# {name} = {hint}")
    return lines


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
