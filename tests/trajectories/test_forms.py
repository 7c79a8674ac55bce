"""Forms of exports: what is written is read back, by small readers of the formats' own definitions."""

import csv
import io
import json
import struct
from datetime import date
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.canonical import digest
from contract.errors import InputError
from tests.trajectories.builders import WINDOW, linked, person
from tests.trajectories.test_sketches import EPOCH, cells, crowd
from trajectories.cohorts.files import write_dummy_files
from trajectories.disclosure import cells_from, protect
from trajectories.exports import META_SUFFIX
from trajectories.exports.everything import write_indicator_forms, write_spell_forms
from trajectories.exports.months import STATES, Months, months_of, person_months
from trajectories.exports.sdmx import STRUCTURE, sdmx_csv, structure_xml
from trajectories.exports.spss import spss_bytes
from trajectories.exports.stata import stata_bytes
from trajectories.exports.traminer import FORMS, from_spell, sequences
from trajectories.indicators import compute_figures, raw_indicators
from trajectories.spells import build_spells
from trajectories.tables import REFERENCE

STR = "{http://www.sdmx.org/resources/sdmxml/schemas/v2_1/structure}"
DDI = "{ddi:codebook:2_5}"
REGISTERS = linked(
    person(crossings="in 2020-02-10, out 2020-04-11", months="2020-03 2020-04 2020-06"),
    person(permits=[("2021-01-15", "2021-03-31")], months="2021-02"),
)
TABLE = pl.DataFrame(
    {
        "name": ["Zoé", "", None, "a longer text than eight"],
        "count": [1, None, -3, 2**40],
        "share": [0.5, float("nan"), None, -1e9],
        "seen": [True, False, None, True],
        "day": [date(2020, 2, 29), None, date(1959, 12, 31), date(1960, 1, 1)],
    }
)


def stata_rows(raw: bytes) -> list[tuple[object, ...]]:
    """Read a release 118 file by its map."""

    def part(name: bytes) -> bytes:
        start = raw.index(b"<" + name + b">") + len(name) + 2
        return raw[start : raw.index(b"</" + name + b">")]

    offsets = struct.unpack("<14Q", part(b"map"))
    assert raw[offsets[1] : offsets[1] + 5] == b"<map>"
    assert raw[offsets[9] : offsets[9] + 6] == b"<data>"
    assert raw[offsets[12] :] == b"</stata_dta>"
    assert offsets[13] == len(raw)
    columns, rows = struct.unpack("<H", part(b"K"))[0], struct.unpack("<Q", part(b"N"))[0]
    types = struct.unpack(f"<{columns}H", part(b"variable_types"))
    fields = np.dtype(
        [(str(n), f"S{kind}" if kind <= 2045 else {65530: "i1"}.get(kind, "<f8")) for n, kind in enumerate(types)]
    )
    data = raw[offsets[9] + 6 : raw.index(b"</data>", offsets[9])]
    return [tuple(row) for row in np.frombuffer(data, dtype=fields).tolist()][:rows]


def spss_rows(raw: bytes) -> tuple[list[str], list[tuple[object, ...]]]:
    """Read an uncompressed system file: variables, then cases."""
    assert raw[:4] == b"$FL2"
    cases, at, widths = struct.unpack_from("<i", raw, 80)[0], 176, []
    names: list[str] = []
    while (kind := struct.unpack_from("<i", raw, at)[0]) != 999:
        if kind == 3:  # value labels, of the variables of the record 4 that follows
            labels = struct.unpack_from("<i", raw, at + 4)[0]
            at += 8
            for _ in range(labels):
                at += 8 + -(-(raw[at + 8] + 1) // 8) * 8
            at += 8 + 4 * struct.unpack_from("<i", raw, at + 4)[0]
        elif kind == 2:
            _, width, labelled = struct.unpack_from("<iii", raw, at)
            at += 32
            if width >= 0:
                widths.append(width)
            if labelled:
                length = struct.unpack_from("<i", raw, at)[0]
                at += 4 + -(-length // 4) * 4
        else:
            _, subtype, size, count = struct.unpack_from("<iiii", raw, at)
            content = raw[at + 16 : at + 16 + size * count]
            names = [one.split("=")[1] for one in content.decode().split("\t")] if subtype == 13 else names
            at += 16 + size * count
    fields = np.dtype([(str(n), f"S{-(-width // 8) * 8}" if width else "<f8") for n, width in enumerate(widths)])
    return names, [tuple(row) for row in np.frombuffer(raw[at + 8 :], dtype=fields, count=cases).tolist()]


def test_stata_holds_the_table() -> None:
    rows = stata_rows(stata_bytes(TABLE, "four rows"))
    missing = struct.unpack("<d", bytes.fromhex("000000000000e07f"))[0]
    assert [row[0].decode() for row in rows] == ["Zoé", "", "", "a longer text than eight"]
    assert [row[1] for row in rows] == [1.0, missing, -3.0, 2.0**40]
    assert [row[2] for row in rows] == [0.5, missing, missing, -1e9]
    assert [row[3] for row in rows] == [1, 0, 101, 1]
    assert [row[4] for row in rows] == [21974.0, missing, -1.0, 0.0]
    assert stata_bytes(TABLE, "four rows") == stata_bytes(TABLE, "four rows")


def test_spss_holds_the_table() -> None:
    names, rows = spss_rows(spss_bytes(TABLE, "four rows", {"name": "the name"}))
    missing = -1.7976931348623157e308
    assert names == TABLE.columns
    assert [row[0].decode().rstrip() for row in rows] == ["Zoé", "", "", "a longer text than eight"]
    assert [row[1] for row in rows] == [1.0, missing, -3.0, 2.0**40]
    assert [row[3] for row in rows] == [1.0, 0.0, missing, 1.0]
    day = (date(2020, 2, 29) - date(1582, 10, 14)).days * 86400.0
    assert [row[4] for row in rows][:2] == [day, missing]


@pytest.mark.parametrize("write", [stata_bytes, spss_bytes])
@pytest.mark.parametrize(
    "bad", [pl.DataFrame({"x": [[1]]}), pl.DataFrame({"x": ["y" * 3000]}), pl.DataFrame({"x" * 70: [1]})]
)
def test_what_has_no_place_in_a_format_is_refused(write, bad: pl.DataFrame) -> None:
    with pytest.raises(InputError):
        write(bad, "bad")


def test_person_months_are_the_spells_months() -> None:
    months = months_of(build_spells(REGISTERS, WINDOW), WINDOW)
    assert months.labels[0] == "2020-01"
    assert len(months.labels) == 36
    first = [STATES[code] for code in months.codes[0]][:7]
    assert first == ["0", "P", "PI", "PI", "0", "I", "0"]
    table = person_months(months)
    assert table.height == 72
    assert table.filter(person_id="p1", month="2021-02").select("permit", "insured_work").row(0) == (True, True)
    with pytest.raises(InputError):
        months_of(pl.DataFrame({"x": [1]}), WINDOW)


def test_sequences_in_every_form_say_the_same() -> None:
    months = months_of(build_spells(REGISTERS, WINDOW), WINDOW)
    made = {form: sequences(months, form) for form in FORMS}
    assert made["SPS"]["sequence"][0].startswith("(0,1)-(P,1)-(PI,2)-(0,1)-(I,1)-(0,")
    assert made["DSS"]["sequence"][0] == "0-P-PI-0-I-0"
    assert made["TSE"].row(1) == (1, 1, "P", "p0")
    assert made["TSE"].row(-1)[::3] == (2, "p1")
    assert made["STS"].select("m2020-03", "m2021-02").rows() == [("PI", "0"), ("0", "PRI")]
    assert made["SPELL"].row(2) == ("p0", 3, 4, "PI")


@settings(max_examples=50, deadline=None)
@given(st.lists(st.lists(st.integers(0, 15), min_size=5, max_size=5), min_size=1, max_size=6))
def test_a_spell_table_gives_the_months_back(codes: list[list[int]]) -> None:
    months = Months([f"p{n}" for n in range(len(codes))], list("abcde"), np.array(codes, dtype=np.uint8))
    back = from_spell(sequences(months, "SPELL"), months.labels)
    assert (back.codes == months.codes).all()
    total = [
        sum(int(step.split(",")[1][:-1]) for step in row.split("-")) for row in sequences(months, "SPS")["sequence"]
    ]
    assert total == [5] * len(codes)


def protected() -> pl.DataFrame:
    made = cells_from(cells(crowd(200))[0])
    noise = made.perturbation(EPOCH)
    return protect(made.figures, noise=noise, keys=made.keys, corrections=made.corrections)


def test_sdmx_holds_the_protected_table_and_nothing_else() -> None:
    table = protected()
    rows = list(csv.DictReader(io.StringIO(sdmx_csv(table).decode())))
    assert len(rows) == table.height
    assert {row["STRUCTURE_ID"] for row in rows} == {STRUCTURE}
    shown = [row for row in rows if row["OBS_STATUS"] == "A"]
    assert len(shown) == table["value"].drop_nulls().len()
    assert {row["CONF_STATUS"] for row in rows if not row["OBS_VALUE"]} == {"C"}
    root = ET.fromstring(structure_xml(table))
    lists = {
        one.get("id"): {code.get("id") for code in one.findall(f"{STR}Code")} for one in root.iter(f"{STR}Codelist")
    }
    for name in ("INDICATOR", "RESIDENCE", "BREAKDOWN", "CATEGORY", "OBS_STATUS", "CONF_STATUS", "UNIT_MEASURE"):
        assert {row[name] for row in rows} <= lists[f"CL_{name}"], name
    order = [one.get("id") for one in root.iter() if one.tag in {f"{STR}Dimension", f"{STR}TimeDimension"}]
    assert order == ["FREQ", "INDICATOR", "RESIDENCE", "BREAKDOWN", "CATEGORY", "TIME_PERIOD"]
    with pytest.raises(InputError, match="Raw"):
        sdmx_csv(raw_indicators(compute_figures(REGISTERS, WINDOW)))


def test_every_file_has_its_metadata_digest_and_codebook(tmp_path: Path) -> None:
    spells = build_spells(REGISTERS, WINDOW)
    written = write_spell_forms(spells, tmp_path, WINDOW, REFERENCE)
    written += write_indicator_forms(protected(), tmp_path, WINDOW, REFERENCE)
    assert len(written) == 5 + 5 + 2 * len(FORMS) + 7
    for path in written:
        meta = json.loads(path.with_name(path.name + META_SUFFIX).read_text())
        assert meta["sha256"] == digest(path.read_bytes())
        assert meta["window"] == {"start": "2020-01-01", "end": "2023-01-01"}
    root = ET.parse(tmp_path / "spells.ddi.xml").getroot()
    assert root.find(f".//{DDI}caseQnty").text == str(spells.height)
    assert [one.get("name") for one in root.iter(f"{DDI}var")] == spells.columns
    assert root.find(f".//{DDI}IDNo").text == digest((tmp_path / "spells.csv").read_bytes())
    assert pl.read_parquet(tmp_path / "spells.parquet").equals(spells)


def test_dummy_files_of_a_cohort(tmp_path: Path) -> None:
    from tests.trajectories.test_cohorts import COHORT

    written = write_dummy_files(COHORT, tmp_path / "new", 400)
    again = write_dummy_files(COHORT, tmp_path / "again", 400)
    assert [path.read_bytes() for path in written] == [path.read_bytes() for path in again]
    assert pl.read_csv(tmp_path / "new" / "traminer_sts.csv").height > 10
