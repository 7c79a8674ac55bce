"""Grouping on synthetic registers with planted twins, namesakes and errors: precision of at least .999."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from connectors.configuration import load_configuration
from connectors.identities import load_records
from connectors.starter import starter_toml, write_starter
from contract.agreement import Agreement, RegisterTerms
from contract.registers import REGISTERS
from evaluation.synthetic import generate, write
from tests.contract.builders import make_agreement


@pytest.fixture(scope="module")
def country(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("country")
    write(generate(4000, seed=5), folder)
    return folder


def terms_of(name: str) -> tuple[Agreement, RegisterTerms]:
    terms = RegisterTerms(name=name, holder="dgsn", fields=REGISTERS[name].linkage_fields)
    return make_agreement(registers=(terms,))[0], terms


def pairs(labels: np.ndarray) -> int:
    counts = np.unique(labels, return_counts=True)[1]
    return int((counts * (counts - 1) // 2).sum())


@pytest.mark.parametrize("name", ["border_crossing", "residence_permit", "work_contract", "consular"])
def test_precision(country: Path, tmp_path: Path, name: str) -> None:
    source = country / f"{name}.csv"
    columns = source.read_text(encoding="utf-8").splitlines()[0].split(",")
    write_starter(tmp_path, starter_toml("dgsn", name, str(source), columns, bad_dates="empty"))
    records = load_records(load_configuration(tmp_path), *terms_of(name))
    truth = pl.read_csv(country / "truth.csv", infer_schema=False).filter(pl.col("register") == name)
    persons = records.mapped.frame.select("record_id").join(truth, on="record_id", how="left", maintain_order="left")
    person = persons["entity_id"].rank("dense").to_numpy().astype(np.int64)
    together = pairs(records.groups * (int(person.max()) + 1) + person)
    assert together / pairs(records.groups) >= 0.999
    assert together / pairs(person) >= 0.55


def test_nobody_is_born_after_the_agreement_ends(tmp_path: Path) -> None:
    agreement, terms = terms_of("border_crossing")
    (tmp_path / "a.csv").write_text("record_id,birth_date,doc_no\n1,4012-01-02,X1\n2,1984-05-03,X2\n")
    text = starter_toml("dgsn", "border_crossing", "a.csv", ["record_id", "birth_date", "doc_no"], bad_dates="empty")
    write_starter(tmp_path, text)
    made = load_records(load_configuration(tmp_path), agreement, terms)
    assert agreement.expires_on == date(2099, 1, 1)
    assert made.linkage["birth_year"].to_list() == [None, 1984]
    assert made.report["birth_date"].unparsable_rows == [0]
