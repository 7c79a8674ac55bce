"""Files: exact columns, side files, same bytes for the same input, whole or not at all."""

import csv
import hashlib
import json
from pathlib import Path

import polars as pl
import pytest

from contract.errors import InputError, StorageError
from tests.trajectories.builders import WINDOW, linked, person
from trajectories.disclosure import protect
from trajectories.disclosure.cell_keys import MECHANISM
from trajectories.exports import code_digest, write_indicators, write_spells
from trajectories.indicators import compute_figures, compute_indicators, raw_indicators
from trajectories.spells import build_spells
from trajectories.tables import REFERENCE, WASL

REGISTERS = linked(
    *[person(crossings="in 2020-03-01", months="2020-05", contracts=[("2020-02-01", "2021-12-31")])] * 3,
    person(crossings="in 2020-03-01", contracts=[("2020-02-01", "2021-12-31")]),
)


def test_indicator_csv_has_the_reference_columns_and_plain_numbers(tmp_path: Path) -> None:
    path = tmp_path / "indicators.csv"
    write_indicators(compute_indicators(REGISTERS, WINDOW), path, WINDOW, REFERENCE)
    header, *rows = list(csv.reader(path.open(encoding="utf-8", newline="")))
    assert ",".join(header) == "indicator,residence,period,breakdown,category,value,lower,upper,protected"
    assert ["resident_stock", "12_16", "2020", "total", "total", "4", "", "", "false"] in rows
    assert ["protection_3_months", "all", "2020", "total", "total", "0.75", "", "", "false"] in rows
    assert ["arrival_to_insured_median", "all", "2020", "total", "total", "2.0", "", "", "false"] in rows


def test_side_file_says_what_and_how(tmp_path: Path) -> None:
    path = tmp_path / "indicators.csv"
    side = write_indicators(protect(compute_figures(REGISTERS, WINDOW)), path, WINDOW, WASL)
    meta = json.loads(side.read_text(encoding="utf-8"))
    assert side.name == "indicators.csv.meta.json"
    assert meta["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert meta["window"] == {"start": "2020-01-01", "end": "2023-01-01"}
    assert meta["preset"] == "wasl"
    assert meta["parameters"] == {
        "split_unmatched": True,
        "permit_gap_days": 90,
        "insured_gap_months": 1,
        "within_life": True,
        "register_windows": {},
    }
    assert meta["definition"]["disclosure_control"] == {"threshold": 10, "mechanism": MECHANISM}
    assert meta["definition"]["residence"]["12_16"] == {"days": 365, "within": 487}
    assert meta["code_sha256"] == code_digest()
    assert str(tmp_path) not in side.read_text(encoding="utf-8")


@pytest.mark.parametrize("suffix", ["parquet", "csv"])
def test_same_input_gives_the_same_bytes(tmp_path: Path, suffix: str) -> None:
    files = []
    for attempt in ("one", "two"):
        folder = tmp_path / attempt
        folder.mkdir()
        write_spells(build_spells(REGISTERS, WINDOW), folder / f"spells.{suffix}", WINDOW, REFERENCE)
        indicators = raw_indicators(compute_figures(REGISTERS, WINDOW))
        write_indicators(indicators, folder / f"indicators.{suffix}", WINDOW, REFERENCE)
        files.append({path.name: path.read_bytes() for path in folder.iterdir()})
    assert files[0] == files[1]
    assert len(files[0]) == 4


def test_parquet_gives_the_tables_back(tmp_path: Path) -> None:
    spells, indicators = build_spells(REGISTERS, WINDOW), compute_indicators(REGISTERS, WINDOW)
    write_spells(spells, tmp_path / "spells.parquet", WINDOW, REFERENCE)
    write_indicators(indicators, tmp_path / "indicators.parquet", WINDOW, REFERENCE)
    assert pl.read_parquet(tmp_path / "spells.parquet").equals(spells)
    assert pl.read_parquet(tmp_path / "indicators.parquet").equals(indicators)


def test_wrong_tables_and_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="spell table"):
        write_spells(pl.DataFrame({"a": [1]}), tmp_path / "spells.parquet", WINDOW, REFERENCE)
    with pytest.raises(InputError, match="indicator table"):
        write_indicators(pl.DataFrame({"a": [1]}), tmp_path / "indicators.csv", WINDOW, REFERENCE)
    with pytest.raises(StorageError):
        write_spells(build_spells(REGISTERS, WINDOW), tmp_path / "no" / "spells.parquet", WINDOW, REFERENCE)
    assert list(tmp_path.iterdir()) == []
