"""Labelled data sets: a folder with a `dataset.toml`, one CSV a register, and the truth.

The form is documented in docs/labelled-data.md. Everything is read as text: only an empty cell is
empty ("None" and "Na" are names).
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from contract.errors import InputError
from contract.fields import FieldType, field_type


@dataclass(frozen=True)
class FieldColumn:
    """Which column of the file holds a linkage field, and the date format if one is given."""

    column: str
    format: str | None = None
    any_document: bool = False


@dataclass(frozen=True)
class LabelledRegister:
    """One register of a labelled data set, read whole; every column is text."""

    name: str
    rows: pl.DataFrame
    record_id: str
    rows_per_person: str
    fields: dict[str, FieldColumn]
    path: Path


@dataclass(frozen=True)
class LabelledSet:
    """Registers with their truth: `truth` has the columns register, record_id, entity_id (text)."""

    name: str
    registers: tuple[LabelledRegister, ...]
    own_fields: dict[str, FieldType]
    truth: pl.DataFrame
    directory: Path
    window: tuple[str, str] | None = field(default=None)


def read_text_csv(path: Path) -> pl.DataFrame:
    """Read a CSV file with every column as text; an empty cell is null.

    Raises:
        InputError: There is no such file, or it is not UTF-8 or not a table.
    """
    if not path.is_file():
        raise InputError(f"The file {path.name} is missing.", where={"file": path.name})
    try:
        return pl.read_csv(path, infer_schema=False, null_values=[""], encoding="utf8")
    except (pl.exceptions.PolarsError, UnicodeDecodeError) as error:
        raise InputError("The file is not a UTF-8 table with a header row.", where={"file": path.name}) from error


def _entry(document: dict[str, Any], key: str, where: str) -> Any:
    if key not in document:
        raise InputError(f"{where} lacks the entry {key!r}.", where={"file": "dataset.toml"})
    return document[key]


def _register(directory: Path, entry: dict[str, Any], declared: dict[str, FieldType]) -> LabelledRegister:
    name = str(_entry(entry, "name", "A register"))
    path = directory / str(_entry(entry, "file", f"Register {name}"))
    rows = read_text_csv(path)
    record_id = str(_entry(entry, "record_id", f"Register {name}"))
    fields: dict[str, FieldColumn] = {}
    for linkage_field, given in _entry(entry, "fields", f"Register {name}").items():
        field_type(linkage_field, declared)
        options = {"column": given} if isinstance(given, str) else dict(given)
        fields[linkage_field] = FieldColumn(
            options["column"], options.get("format"), bool(options.get("any_document", False))
        )
    for column in [record_id, *(given.column for given in fields.values())]:
        if column not in rows.columns:
            raise InputError(f"The column {column!r} is missing.", where={"file": path.name, "column": column})
    duplicated = rows[record_id].is_duplicated()
    if duplicated.any() or rows[record_id].null_count():
        row = int((duplicated | rows[record_id].is_null()).arg_max() or 0) + 2
        raise InputError(
            "A record id is empty or stands twice.", where={"file": path.name, "row": row, "column": record_id}
        )
    cardinality = str(entry.get("rows_per_person", "many"))
    if cardinality not in {"one", "many"}:
        raise InputError(f"rows_per_person of {name} is neither 'one' nor 'many'.", where={"file": "dataset.toml"})
    return LabelledRegister(name, rows, record_id, cardinality, fields, path)


def load_dataset(directory: Path) -> LabelledSet:
    """Read a labelled data set.

    Raises:
        InputError: Something named in `dataset.toml` is missing or not as it must be.
    """
    description = directory / "dataset.toml"
    if not description.is_file():
        raise InputError(
            "There is no dataset.toml in this folder.",
            advice="See docs/labelled-data.md for the form of a labelled data set.",
            where={"folder": directory.name},
        )
    try:
        document = tomllib.loads(description.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError("dataset.toml is not valid TOML.", where={"file": "dataset.toml"}) from error
    try:
        declared = {name: FieldType(options["type"]) for name, options in document.get("field", {}).items()}
    except (KeyError, ValueError) as error:
        raise InputError("A [field.*] table has no known type.", where={"file": "dataset.toml"}) from error
    registers = tuple(_register(directory, entry, declared) for entry in _entry(document, "register", "The file"))
    truth = read_text_csv(directory / str(_entry(document, "truth", "The file")["file"]))
    for column in ("register", "record_id", "entity_id"):
        if column not in truth.columns:
            raise InputError(f"The truth lacks the column {column!r}.", where={"column": column})
    window = document.get("window")
    return LabelledSet(
        name=str(document.get("name", directory.name)),
        registers=registers,
        own_fields=declared,
        truth=truth.select("register", "record_id", "entity_id"),
        directory=directory,
        window=(str(window["start"]), str(window["end"])) if window else None,
    )
