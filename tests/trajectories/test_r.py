"""Exports read by R: tables by haven, sequences by R itself and by TraMineR where it is installed."""

import csv
import os
import shutil
import subprocess
from functools import cache
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tests.trajectories.test_readers import TABLE, VALUES, WORDS
from trajectories.exports.months import STATES, Months
from trajectories.exports.spss import spss_bytes
from trajectories.exports.stata import stata_bytes
from trajectories.exports.traminer import FORMS, sequences

SCRIPTS = Path(__file__).parent / "r"


@cache
def rscript(package: str) -> str:
    """Return R's program for scripts, or skip the test if it or a package is not there."""
    found = shutil.which("Rscript")
    if found is None:
        pytest.skip("no R on this machine (Debian: r-base-core)")
    quiet = f"quit(status = !requireNamespace('{package}', quietly = TRUE))"
    if subprocess.run([found, "-e", quiet], capture_output=True, check=False).returncode:
        pytest.skip(f"R is here, its package {package} is not")
    return found


def run(package: str, script: str, folder: Path) -> None:
    command = [rscript(package), "--vanilla", str(SCRIPTS / script), str(folder)]
    setting = {**os.environ, "LC_ALL": "C.UTF-8"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120, env=setting)
    assert done.returncode == 0, done.stderr


def cells(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_haven_reads_stata_and_spss(tmp_path: Path) -> None:
    for ending, write in (("dta", stata_bytes), ("sav", spss_bytes)):
        (tmp_path / f"table.{ending}").write_bytes(write(TABLE, "rows", WORDS, VALUES))
    run("haven", "tables.R", tmp_path)
    for ending in ("dta", "sav"):
        rows = cells(tmp_path / f"table.{ending}.csv")
        for name, read in zip(TABLE.columns, rows[0], strict=True):
            values, column = [row[read] for row in rows], TABLE[name]
            if column.dtype == pl.String:
                assert values == column.fill_null("").to_list(), name
            elif column.dtype == pl.Date:
                assert values == ["NA" if day is None else str(day) for day in column], name
            else:
                wanted = column.cast(pl.Float64).fill_nan(None).to_list()
                assert [None if text == "NA" else float(text) for text in values] == wanted, name
        labels = {(row["column"], row["value"]): row["label"] for row in cells(tmp_path / f"table.{ending}.values.csv")}
        shown = VALUES if ending == "sav" else {"seen": VALUES["seen"]}
        assert labels == {(name, key): text for name, codes in shown.items() for key, text in codes.items()}


@pytest.mark.parametrize(("package", "script"), [("utils", "sequences.R"), ("TraMineR", "traminer.R")])
def test_sequences_are_the_same_in_every_form(package: str, script: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    codes = np.repeat(rng.integers(0, len(STATES), (8, 30)), 4, axis=1).astype(np.uint8)  # more than 100 months
    codes[:, 4:8] = STATES.index("R")  # all persons in one state: what a reader may take for something else
    codes[:, 20:24] = 0
    labels = [f"{2010 + month // 12}-{month % 12 + 1:02d}" for month in range(codes.shape[1])]
    months = Months([f"p{number:02d}" for number in range(len(codes))], labels, codes)
    for form in FORMS:
        sequences(months, form).write_csv(tmp_path / f"traminer_{form.lower()}.csv")
    run(package, script, tmp_path)
