"""Indicators as SDMX-CSV 2.0 with their data structure definition as SDMX-ML 2.1.

Dimensions: `FREQ` (A), `INDICATOR`, `RESIDENCE`, `BREAKDOWN`, `CATEGORY`, `TIME_PERIOD`. Measure: `OBS_VALUE`.
Attributes: `OBS_STATUS` (A normal value, Q missing value, suppressed), `CONF_STATUS` (F free, C confidential),
`UNIT_MEASURE` (PS persons, RT ratio, MO months), `LOWER`, `UPPER`, `LINKED` (the figure of the links alone, where
`OBS_VALUE` is corrected for missed links). Codes are the indicators' own in capitals; ILOSTAT's
code of an indicator stands in the code's annotation where there is one.

Sources: SDMX technical working group, SDMX-CSV 2.0 (field guide); SDMX-ML 2.1, structure schemas; cross-domain code
lists CL_OBS_STATUS, CL_CONF_STATUS, CL_FREQ.
"""

from __future__ import annotations

import csv
import io
import unicodedata
from typing import Final
from xml.etree import ElementTree as ET

import polars as pl

from contract.errors import InputError
from trajectories.definitions import BY_CODE, INDICATOR_COLUMNS
from trajectories.extended import EXTENDED, REFERENCE_ILOSTAT
from trajectories.labels import category_names, languages

AGENCY: Final = "WASL"
STRUCTURE: Final = f"{AGENCY}:MIGRANT_WORKERS(1.0)"
_DIMENSIONS: Final = ("FREQ", "INDICATOR", "RESIDENCE", "BREAKDOWN", "CATEGORY", "TIME_PERIOD")
_ATTRIBUTES: Final = ("OBS_STATUS", "CONF_STATUS", "UNIT_MEASURE", "LOWER", "UPPER", "LINKED")
_CODED: Final = (*_DIMENSIONS[:-1], "OBS_STATUS", "CONF_STATUS", "UNIT_MEASURE")
_MES: Final = "http://www.sdmx.org/resources/sdmxml/schemas/v2_1/message"
_STR: Final = "http://www.sdmx.org/resources/sdmxml/schemas/v2_1/structure"
_COM: Final = "http://www.sdmx.org/resources/sdmxml/schemas/v2_1/common"
_XML_LANG: Final = "{http://www.w3.org/XML/1998/namespace}lang"
_FIXED: Final = {
    "FREQ": {"A": "Annual"},
    "OBS_STATUS": {"A": "Normal value", "Q": "Missing value; suppressed"},
    "CONF_STATUS": {"F": "Free (free for publication)", "C": "Confidential statistical information"},
    "UNIT_MEASURE": {"PS": "Persons", "RT": "Ratio", "MO": "Months"},
}


def sdmx_csv(indicators: pl.DataFrame) -> bytes:
    """Return a protected indicator table as SDMX-CSV 2.0.

    Raises:
        InputError: The table is not an indicator table, holds raw figures, or two of its categories have one SDMX code.
    """
    _check(indicators)
    for name in _CODED:
        _codes(indicators, name)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["STRUCTURE", "STRUCTURE_ID", "ACTION", *_DIMENSIONS, "OBS_VALUE", *_ATTRIBUTES])
    for row in indicators.iter_rows(named=True):
        value = row["value"]
        writer.writerow(
            [
                "datastructure",
                STRUCTURE,
                "I",
                "A",
                *(code(row[name]) for name in ("indicator", "residence", "breakdown", "category")),
                row["period"],
                "" if value is None else repr(value) if not value.is_integer() else str(int(value)),
                "Q" if value is None else "A",
                "C" if value is None else "F",
                unit_of(row["indicator"]),
                *("" if row.get(name) is None else repr(row[name]) for name in ("lower", "upper", "linked")),
            ]
        )
    return text.getvalue().encode()


def structure_xml(indicators: pl.DataFrame) -> bytes:
    """Return the data structure definition, with its code lists and concepts, of a table's codes.

    Raises:
        InputError: The table is not an indicator table, holds raw figures, or two of its categories have one SDMX code.
    """
    _check(indicators)
    for prefix, uri in (("mes", _MES), ("str", _STR), ("com", _COM)):
        ET.register_namespace(prefix, uri)
    root = ET.Element(f"{{{_MES}}}Structure")
    header = ET.SubElement(root, f"{{{_MES}}}Header")
    for name, value in (("ID", "MIGRANT_WORKERS"), ("Test", "false"), ("Prepared", "2000-01-01T00:00:00Z")):
        ET.SubElement(header, f"{{{_MES}}}{name}").text = value
    ET.SubElement(header, f"{{{_MES}}}Sender", id=AGENCY)
    structures = ET.SubElement(root, f"{{{_MES}}}Structures")
    lists = ET.SubElement(structures, f"{{{_STR}}}Codelists")
    for name in _CODED:
        _code_list(lists, name, _codes(indicators, name))
    schemes = ET.SubElement(structures, f"{{{_STR}}}Concepts")
    scheme = _artefact(schemes, "ConceptScheme", "CS_MIGRANT_WORKERS", "Concepts of migrant worker statistics")
    for name in (*_DIMENSIONS, "OBS_VALUE", *_ATTRIBUTES):
        _named(ET.SubElement(scheme, f"{{{_STR}}}Concept", id=name), name.replace("_", " ").capitalize())
    structure = ET.SubElement(structures, f"{{{_STR}}}DataStructures")
    definition = _artefact(structure, "DataStructure", "MIGRANT_WORKERS", "Migrant worker indicators")
    parts = ET.SubElement(definition, f"{{{_STR}}}DataStructureComponents")
    dimensions = ET.SubElement(parts, f"{{{_STR}}}DimensionList", id="DimensionDescriptor")
    for position, name in enumerate(_DIMENSIONS, 1):
        kind = "TimeDimension" if name == "TIME_PERIOD" else "Dimension"
        _component(dimensions, kind, name, position=str(position))
    attributes = ET.SubElement(parts, f"{{{_STR}}}AttributeList", id="AttributeDescriptor")
    for name in _ATTRIBUTES:
        status = "Mandatory" if name in _CODED else "Conditional"
        made = _component(attributes, "Attribute", name, assignmentStatus=status)
        relation = ET.SubElement(made, f"{{{_STR}}}AttributeRelationship")
        _reference(ET.SubElement(relation, f"{{{_STR}}}PrimaryMeasure"), id="OBS_VALUE")
    measures = ET.SubElement(parts, f"{{{_STR}}}MeasureList", id="MeasureDescriptor")
    _component(measures, "PrimaryMeasure", "OBS_VALUE")
    ET.indent(root)
    text: str = ET.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'.encode()


def code(text: str) -> str:
    """Return a code of ours as an SDMX code (IDType): capitals, digits, underscores; `$` and hex for other letters."""
    plain = "".join(
        letter for letter in unicodedata.normalize("NFKD", text.upper()) if not unicodedata.combining(letter)
    )
    return "".join(
        letter if letter.isascii() and letter.isalnum() else f"${ord(letter):04X}" if letter.isalnum() else "_"
        for letter in plain
    )


def unit_of(indicator: str) -> str:
    """Return the unit of an indicator."""
    kind = BY_CODE[indicator].kind if indicator in BY_CODE else _KINDS[indicator]
    return {"count": "PS", "median": "MO", "survival_median": "MO"}.get(kind, "RT")


_KINDS: Final = {one.code: one.kind for one in EXTENDED}
_ILOSTAT: Final = {
    **{code(one.code): one.ilostat for one in EXTENDED},
    **{code(name): found for name, found in REFERENCE_ILOSTAT.items()},
}


def _check(indicators: pl.DataFrame) -> None:
    if tuple(indicators.columns[: len(INDICATOR_COLUMNS)]) != INDICATOR_COLUMNS:
        raise InputError("The table is not an indicator table.")
    if not indicators["protected"].all():
        raise InputError("Raw figures are not written as SDMX.", advice="Write the protected table of a release.")


def _codes(indicators: pl.DataFrame, name: str) -> dict[str, dict[str, str]]:
    """Return the names of a column's codes, by code and language."""
    if name in _FIXED:
        return {key: {"en": text} for key, text in _FIXED[name].items()}
    values = indicators[name.lower()].unique().sort().to_list()
    if name == "INDICATOR":
        words = {one.code: one.formula for one in EXTENDED} | {key: one.definition for key, one in BY_CODE.items()}
        return {code(value): {"en": words.get(value, value)} for value in values}
    codes = {code(value): {"en": value} for value in values}
    if len(codes) != len(values):
        raise InputError("Two categories have the same SDMX code.", where={"column": name.lower()})
    if name == "CATEGORY":
        pairs = indicators.select("breakdown", "category").unique(maintain_order=True).rows()
        for language in languages():
            for value, text in category_names(pairs, language).items():
                codes[code(value)][language] = text
    return codes


def _artefact(parent: ET.Element, kind: str, name: str, text: str) -> ET.Element:
    made = ET.SubElement(parent, f"{{{_STR}}}{kind}", id=name, agencyID=AGENCY, version="1.0", isFinal="true")
    _named(made, text)
    return made


def _named(made: ET.Element, text: str) -> None:
    ET.SubElement(made, f"{{{_COM}}}Name", {_XML_LANG: "en"}).text = text


def _code_list(parent: ET.Element, name: str, codes: dict[str, dict[str, str]]) -> None:
    made = _artefact(parent, "Codelist", f"CL_{name}", f"Codes of {name}")
    for key, texts in codes.items():
        one = ET.SubElement(made, f"{{{_STR}}}Code", id=key)
        if name == "INDICATOR" and _ILOSTAT.get(key):
            annotation = ET.SubElement(
                ET.SubElement(one, f"{{{_COM}}}Annotations"), f"{{{_COM}}}Annotation", id="ILOSTAT"
            )
            ET.SubElement(annotation, f"{{{_COM}}}AnnotationTitle").text = _ILOSTAT[key]
        for language, text in texts.items():
            ET.SubElement(one, f"{{{_COM}}}Name", {_XML_LANG: language}).text = text


def _component(parent: ET.Element, kind: str, name: str, **more: str) -> ET.Element:
    made = ET.SubElement(parent, f"{{{_STR}}}{kind}", {"id": name, **more})
    identity = ET.SubElement(made, f"{{{_STR}}}ConceptIdentity")
    scheme = {"maintainableParentID": "CS_MIGRANT_WORKERS", "maintainableParentVersion": "1.0", "class": "Concept"}
    _reference(identity, id=name, agencyID=AGENCY, package="conceptscheme", **scheme)
    local = ET.SubElement(made, f"{{{_STR}}}LocalRepresentation")
    if name in _CODED:
        listed = {"id": f"CL_{name}", "version": "1.0", "package": "codelist", "class": "Codelist"}
        _reference(ET.SubElement(local, f"{{{_STR}}}Enumeration"), agencyID=AGENCY, **listed)
    else:
        text = "ObservationalTimePeriod" if name == "TIME_PERIOD" else "Double"
        ET.SubElement(local, f"{{{_STR}}}TextFormat", textType=text)
    return made


def _reference(parent: ET.Element, **names: str) -> None:
    ET.SubElement(parent, "Ref", names)
