"""DDI Codebook 2.5 of a data file: what it is, its variables, its universe, its protection.

Source: DDI Alliance, DDI-Codebook 2.5 XML schema (namespace ddi:codebook:2_5).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from xml.etree import ElementTree as ET

import polars as pl

_DDI: Final = "ddi:codebook:2_5"
_KINDS: Final = {True: ("numeric", "contin"), False: ("character", "discrete")}


def codebook(
    table: pl.DataFrame,
    *,
    name: str,
    title: str,
    sha256: str,
    labels: Mapping[str, str],
    window: tuple[str, str],
    protection: str,
    categories: Mapping[str, Mapping[str, str]] | None = None,
) -> bytes:
    """Return the codebook of a file.

    Args:
        table: What the file holds.
        name: The file's name.
        title: Of the study.
        sha256: Of the file's bytes.
        labels: Of variables, by column.
        window: First day and the day after the last, ISO 8601.
        protection: What disclosure control was applied, in words.
        categories: Codes and their labels, by column.
    """
    ET.register_namespace("", _DDI)
    root = _tag(None, "codeBook", version="2.5")
    document = _tag(root, "docDscr")
    _tag(_tag(_tag(document, "citation"), "titlStmt"), "titl").text = f"Codebook of {name}"
    study = _tag(root, "stdyDscr")
    statement = _tag(_tag(study, "citation"), "titlStmt")
    _tag(statement, "titl").text = title
    _tag(statement, "IDNo", agency="sha256").text = sha256
    summary = _tag(_tag(study, "stdyInfo"), "sumDscr")
    for event, day in zip(("start", "end"), window, strict=True):
        _tag(summary, "timePrd", event=event, date=day).text = day
    _tag(summary, "nation", abbr="MAR").text = "Morocco"
    _tag(summary, "anlyUnit").text = "persons in linked administrative registers, pseudonymised"
    _tag(_tag(_tag(study, "dataAccs"), "useStmt"), "conditions").text = protection
    described = _tag(_tag(root, "fileDscr", ID="F1"), "fileTxt")
    _tag(described, "fileName").text = name
    dimensions = _tag(described, "dimensns")
    _tag(dimensions, "caseQnty").text = str(table.height)
    _tag(dimensions, "varQnty").text = str(table.width)
    data = _tag(root, "dataDscr")
    for number, column in enumerate(table.columns, 1):
        kind, interval = _KINDS[table[column].dtype.is_numeric()]
        variable = _tag(data, "var", ID=f"V{number}", name=column, files="F1", intrvl=interval)
        _tag(variable, "labl").text = labels.get(column, column)
        for value, text in ((categories or {}).get(column) or {}).items():
            category = _tag(variable, "catgry")
            _tag(category, "catValu").text = value
            _tag(category, "labl").text = text
        form = {"schema": "ISO", "category": "date"} if table[column].dtype == pl.Date else {}
        _tag(variable, "varFormat", type=kind, **form)
    ET.indent(root)
    made: str = ET.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{made}\n'.encode()


def _tag(parent: ET.Element | None, name: str, /, **attributes: str) -> ET.Element:
    full = f"{{{_DDI}}}{name}"
    return ET.Element(full, attributes) if parent is None else ET.SubElement(parent, full, attributes)
