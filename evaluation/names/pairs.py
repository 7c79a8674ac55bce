"""Lists of name pairs: the project's own, or a file."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path
from typing import Literal

import polars as pl

from contract.errors import InputError
from evaluation.datasets import read_text_csv

Script = Literal["latin", "arabic"]
_OWN_COLUMNS = ("origin", "script", "left", "right", "same")
_ENTITY_COLUMNS = ("entity_id", "country", "arabic_display", "latin")


@dataclass(frozen=True)
class NamePair:
    """Two names; `script` is that of the right one, the left one is Latin."""

    origin: str
    script: str
    left: str
    right: str
    same: bool


@dataclass(frozen=True)
class NameList:
    """A list of pairs; `full` where each is a whole name of a person rather than one given or family name."""

    pairs: tuple[NamePair, ...]
    full: bool


def own_list() -> NameList:
    """Return the project's list (SOURCE.md beside it)."""
    with as_file(files("evaluation.names").joinpath("pairs.csv")) as path:
        return read_list(path)


def read_list(path: Path) -> NameList:
    """Read a list of pairs, or of whole names with their spellings.

    Either `origin, script, left, right, same`, or `entity_id, country, arabic_display, latin`: rows of one entity are
    spellings of one whole name.

    Raises:
        InputError: It is neither.
    """
    table = read_text_csv(path)
    if set(_OWN_COLUMNS) <= set(table.columns):
        rows = table.select(_OWN_COLUMNS).drop_nulls().rows()
        return NameList(tuple(NamePair(o, s, left, right, same == "1") for o, s, left, right, same in rows), full=False)
    if set(_ENTITY_COLUMNS) <= set(table.columns):
        return NameList(_of_entities(table), full=True)
    raise InputError(
        "This is not a list of name pairs.",
        where={"file": path.name},
        advice=f"Columns {', '.join(_OWN_COLUMNS)}; or {', '.join(_ENTITY_COLUMNS)}.",
    )


def _of_entities(table: pl.DataFrame) -> tuple[NamePair, ...]:
    """Return each entity's first spelling with its others, and every spelling with the Arabic form."""
    pairs = []
    rows = table.select(_ENTITY_COLUMNS).drop_nulls().unique(maintain_order=True)
    for _, group in rows.group_by("entity_id", maintain_order=True):
        country, arabic = str(group["country"][0]), str(group["arabic_display"][0])
        spellings = group["latin"].unique(maintain_order=True).to_list()
        pairs += [NamePair(country, "latin", spellings[0], other, same=True) for other in spellings[1:]]
        pairs += [NamePair(country, "arabic", spelling, arabic, same=True) for spelling in spellings]
    return tuple(pairs)
