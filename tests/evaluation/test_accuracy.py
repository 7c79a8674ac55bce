"""Figures beside the recorded truth: exact with exact links, and what a loss of links looks like."""

from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

import contract.keyfile
from contract.errors import InputError
from evaluation.accuracy import accuracy, need_truth, of_run
from evaluation.datasets import LabelledSet, load_dataset, read_text_csv
from evaluation.harness import evaluate
from evaluation.synthetic import write
from evaluation.synthetic.country import generate
from service.statistics_unit.payload import link_registers, linked_records
from service.statistics_unit.trajectories import CORRECTED, GAP, compute


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> LabelledSet:
    folder = tmp_path_factory.mktemp("country") / "set"
    folder.mkdir()
    write(generate(200, seed=2), folder)
    return load_dataset(folder)


def figures(dataset: LabelledSet, links: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return what the statistics unit makes of a link map: figures without interval, and the parts of the gap."""
    records, events = [], {}
    named = links.select("register", "person_id", subject_ref="record_id")
    for register in dataset.registers:
        known = [name for name in ("birth_date", "sex", "nationality") if name in register.rows.columns]
        own = register.rows.select("record_id", *known).with_columns(subject_ref="record_id")
        records.append(linked_records(own.rename({"record_id": "record_ref"}), named, register.name))
        path = dataset.directory / f"{register.name}_events.csv"
        events[register.name] = read_text_csv(path).rename({"record_id": "record_ref"})
    frames = compute(link_registers(records, events)).frames
    return frames[CORRECTED].with_columns(lower=pl.col("value"), upper=pl.col("value")), frames[GAP]


def test_exact_links_give_the_recorded_truth(dataset: LabelledSet) -> None:
    links = dataset.truth.rename({"entity_id": "person_id"})
    raw, gap = figures(dataset, links)
    found = accuracy(dataset, links, raw, gap)
    assert found["reference"]["coverage"] == found["extended"]["coverage"] == 1.0
    assert found["extended"]["cells"] > 500
    corrected = raw.with_columns(value=pl.col("value") * 1.1)
    beside = accuracy(dataset, links, corrected, gap, large=10)
    assert beside["linked"]["largest_difference"] == 0
    assert beside["reference"]["largest_difference"] == pytest.approx(0.1)
    assert found["gap"]["largest_difference"] < 1e-9
    assert found["gap"]["sum"] == pytest.approx(1)


def test_lost_links_show_in_figures_and_gap(dataset: LabelledSet) -> None:
    lost = pl.col("register") == "social_security"
    links = dataset.truth.select(
        "register", "record_id", person_id=pl.when(lost).then(pl.col("entity_id") + "/lost").otherwise("entity_id")
    )
    raw, gap = figures(dataset, links)
    found = accuracy(dataset, links, raw, gap)
    assert found["reference"]["coverage"] < 0.9
    assert found["reference"]["coverage_by_indicator"]["workers_authorised"] > 0.9  # no link is needed for these
    assert found["gap"]["true"]["unlinked"] > 0.2
    assert found["gap"]["estimated"]["unlinked"] == 0  # by a unit that believes its links


def test_a_run_is_compared_by_the_units_own_pairs_and_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contract.keyfile, "_MEMORY_KIB", 64)  # passphrases are not what is measured here
    monkeypatch.setattr(contract.keyfile, "_PASSES", 1)
    folder = tmp_path / "set"
    folder.mkdir()
    write(generate(60, seed=4), folder)
    whole = load_dataset(folder)
    two = tuple(one for one in whole.registers if one.name in {"work_contract", "social_security"})
    found = evaluate(replace(whole, registers=two), also=of_run).report["trajectories"]
    assert found["reference"]["coverage_by_indicator"]["workers_authorised"] > 0.9  # residence needs the others
    assert found["extended"]["cells"] > 500
    assert found["gap"]["sum"] == pytest.approx(1)


def test_a_set_without_recorded_truth_is_refused(dataset: LabelledSet, tmp_path: Path) -> None:
    bare = LabelledSet(dataset.name, dataset.registers, dataset.own_fields, dataset.truth, tmp_path)
    with pytest.raises(InputError, match="no recorded truth"):
        need_truth(bare)
