"""The concept catalogue: definitions, code lists and versioned concordances, loaded from data files and validated.

Everything is named `id/version`; a figure names what it was made by, so that a change of a definition is visible in
the figure. The files lie in `trajectories/concepts/` (sources: SOURCES.md there).
"""

from __future__ import annotations

import csv
import tomllib
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any, Final, TypeVar

import polars as pl

from contract.canonical import digest
from contract.errors import ConfigurationError
from contract.nationality_groups import NATIONALITY_GROUPS

UNKNOWN: Final = "unknown"
#: Languages of labels beside English.
LANGUAGES: Final = ("fr", "ar")
_FILE: Final = "catalogue.toml"
_Kind = TypeVar("_Kind")


class CatalogueError(ConfigurationError):
    """The concept catalogue contradicts itself, or does not hold what is asked for."""

    code = "catalogue.invalid"
    default_advice = "Name a concept, code list or concordance as id/version, as `trajectories/concepts` lists them."


@dataclass(frozen=True)
class Concept:
    """A definition in words, with its source."""

    id: str
    version: str
    title: str
    definition: str
    source: str


@dataclass(frozen=True)
class CodeList:
    """Codes and their labels in English, in the order of tables; `translated`: labels by language (`fr`, `ar`)."""

    id: str
    version: str
    labels: Mapping[str, str]
    translated: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    @property
    def codes(self) -> tuple[str, ...]:
        """All codes."""
        return tuple(self.labels)


@dataclass(frozen=True)
class Concordance:
    """From codes of one list to those of another. A code is looked up by its longest leading part that is listed.

    Attributes:
        target: `id/version` of the code list that it leads to.
        table: Code to target.
        folded: Names, not codes: compared whole, in lower case and without accents.
    """

    id: str
    version: str
    target: str
    table: Mapping[str, str]
    folded: bool = False

    def of(self, code: str) -> str | None:
        """Return the target of a code; None where the table has none."""
        if self.folded:
            return self.table.get(fold(code))
        digits = "".join(letter for letter in code if letter.isalnum())
        return next((self.table[digits[:end]] for end in range(len(digits), 0, -1) if digits[:end] in self.table), None)

    def apply(self, column: pl.Series) -> pl.Series:
        """Return the column (str) with every code replaced by its target; null where there is none."""
        distinct = column.drop_nulls().unique(maintain_order=True)
        targets = pl.Series([self.of(code) for code in distinct.to_list()], dtype=pl.String)
        return column.replace_strict(distinct, targets, default=None, return_dtype=pl.String)


@dataclass(frozen=True)
class Catalogue:
    """All entries by `id/version`, and the SHA-256 over their files."""

    concepts: Mapping[str, Concept]
    code_lists: Mapping[str, CodeList]
    concordances: Mapping[str, Concordance]
    sha256: str

    def concept(self, name: str) -> Concept:
        """Return a concept. Raises `CatalogueError` where there is none."""
        return _entry(self.concepts, name, "concept")

    def code_list(self, name: str) -> CodeList:
        """Return a code list. Raises `CatalogueError` where there is none."""
        return _entry(self.code_lists, name, "code list")

    def concordance(self, name: str) -> Concordance:
        """Return a concordance. Raises `CatalogueError` where there is none."""
        return _entry(self.concordances, name, "concordance")


def fold(name: str) -> str:
    """Return a name in lower case, without accents and punctuation, single spaces."""
    plain = "".join(c for c in unicodedata.normalize("NFKD", name) if not unicodedata.combining(c))
    return " ".join("".join(c if c.isalnum() else " " for c in plain.casefold()).split())


@lru_cache(maxsize=1)
def catalogue() -> Catalogue:
    """Return the project's catalogue.

    Raises:
        CatalogueError: It contradicts itself.
    """
    return load_catalogue(files("trajectories").joinpath("concepts"))


def load_catalogue(folder: Traversable) -> Catalogue:
    """Read and validate a catalogue folder: `catalogue.toml`, `code_lists/`, `concordances/`.

    Raises:
        CatalogueError: A file does not read, an entry occurs twice or lacks a field, a code occurs twice, or a
            concordance leads to a code that its target list does not have.
    """
    content = [_bytes(folder.joinpath(_FILE))]
    try:
        document = tomllib.loads(content[0].decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise CatalogueError("The catalogue is no valid TOML.", where={"file": _FILE}) from error
    concepts = _unique(
        Concept(**{name: _field(entry, name) for name in ("id", "version", "title", "definition", "source")})
        for entry in document.get("concept", [])
    )
    lists = []
    for entry in document.get("code_list", []):
        raw = _bytes(folder.joinpath("code_lists", _field(entry, "file")))
        content.append(raw)
        header = raw.decode("utf-8").split("\n", 1)[0].strip().split(",")
        translated = {
            language: _table(raw, f"label_{language}", entry["file"])
            for language in LANGUAGES
            if f"label_{language}" in header
        }
        labels = _table(raw, "label", entry["file"])
        lists.append(CodeList(_field(entry, "id"), _field(entry, "version"), labels, translated))
    code_lists = _unique(lists)
    tables = [Concordance("iso3166_nationality_group", "1", "nationality_group/1", NATIONALITY_GROUPS)]
    for entry in document.get("concordance", []):
        raw = _bytes(folder.joinpath("concordances", _field(entry, "file")))
        content.append(raw)
        table = _table(raw, "target", entry["file"])
        folded = entry.get("match") == "folded"
        tables.append(
            Concordance(_field(entry, "id"), _field(entry, "version"), _field(entry, "target"), table, folded)
        )
    for concordance in tables:
        known = _entry(code_lists, concordance.target, "code list").labels
        if not set(concordance.table.values()) <= set(known):
            raise CatalogueError(
                "A concordance leads to a code that its target list does not have.",
                where={"concordance": f"{concordance.id}/{concordance.version}"},
            )
    return Catalogue(concepts, code_lists, _unique(tables), digest(b"\0".join(content)))


def _entry(entries: Mapping[str, _Kind], name: str, kind: str) -> _Kind:
    if name not in entries:
        raise CatalogueError(f"There is no such {kind}.", where={"name": name})
    return entries[name]


def _unique(entries: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for entry in entries:
        name = f"{entry.id}/{entry.version}"
        if name in found:
            raise CatalogueError("An entry occurs twice in the catalogue.", where={"name": name})
        found[name] = entry
    return found


def _field(entry: Mapping[str, Any], name: str) -> str:
    value = entry.get(name)
    if not isinstance(value, str) or not value:
        raise CatalogueError(
            "An entry of the catalogue lacks a field.", where={"entry": entry.get("id", "?"), "field": name}
        )
    return value


def _bytes(file: Traversable) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise CatalogueError("A file of the catalogue does not read.", where={"file": file.name}) from error


def _table(raw: bytes, value: str, name: str) -> dict[str, str]:
    rows = csv.DictReader(raw.decode("utf-8").splitlines())
    found: dict[str, str] = {}
    for number, row in enumerate(rows, start=2):
        if not row.get("code") or not row.get(value):
            raise CatalogueError("A row of the catalogue lacks a cell.", where={"file": name, "row": number})
        if row["code"] in found:
            raise CatalogueError("A code occurs twice.", where={"file": name, "row": number, "column": "code"})
        found[row["code"]] = row[value]
    return found
