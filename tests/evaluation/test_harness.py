"""The real path on a small labelled set, once for each profile, and once more from the command line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest
import structlog

import contract.keyfile
from contract.audit_verdict import CONTROLS_OF
from contract.errors import InputError
from evaluation.datasets import LabelledSet, load_dataset
from evaluation.harness import Evaluation, evaluate, quiet
from tests.evaluation.labelled import write_small_set
from wasl.__main__ import main
from wasl.cli.evaluation import evaluate_set

PROFILES = ("blind_blocks", "record", "clear")
KEYS = {
    "dataset",
    "pairwise",
    "cross_register",
    "bcubed",
    "exact_persons",
    "true_pairs",
    "found_pairs",
    "by_group",
    "pairs_completeness",
    "reduction_ratio",
    "calibration",
    "self_assessment",
    "agreement",
    "passes",
    "profile",
    "leakage",
    "leakage_together",
    "gate",
    "stages",
}


@pytest.fixture(scope="module", autouse=True)
def cheap_passphrases() -> Iterator[None]:
    """Hash the passphrases of key stores at the least cost: their strength is not what is measured here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(contract.keyfile, "_MEMORY_KIB", 64)
        patch.setattr(contract.keyfile, "_PASSES", 1)
        yield


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return write_small_set(tmp_path_factory.mktemp("small"))


@pytest.fixture(scope="module")
def dataset(folder) -> LabelledSet:
    return load_dataset(folder)


@pytest.fixture(scope="module")
def results(dataset) -> dict[str, Evaluation]:
    rows = {"record": 80}
    return {profile: evaluate(dataset, profile=profile, audit_rows=rows.get(profile)) for profile in PROFILES}


@pytest.mark.parametrize("profile", PROFILES)
def test_a_report_has_every_key_and_no_number_that_json_lacks(results, profile):
    report = results[profile].report
    assert set(report) == KEYS
    assert report["profile"]["name"] == profile
    json.dumps(report, allow_nan=False)
    for rates in (report["pairwise"], report["cross_register"], report["bcubed"]):
        assert set(rates) == {"precision", "recall", "f1"}
        assert all(0 <= rate <= 1 for rate in rates.values())
    keys = {"expected_error", "error_by_chance", "pairs_in_the_middle", "questions_in_the_middle"}
    keys |= {"sum_of_probabilities", "matches"}
    assert set(report["calibration"]["own"]) == keys
    assert set(report["calibration"]) == {*keys, "own"}
    assert report["calibration"]["matches"] == report["calibration"]["own"]["matches"] > 0
    assert all(stage["seconds"] >= 0 and stage["peak_bytes"] > 0 for stage in report["stages"].values())


@pytest.mark.parametrize("profile", PROFILES)
def test_the_link_map_covers_every_record_once(dataset, results, profile):
    links = results[profile].links
    truth = dataset.truth.select("register", "record_id").sort("register", "record_id")
    assert links.columns == ["register", "record_id", "person_id"]
    assert links.select("register", "record_id").equals(truth)
    assert links["person_id"].null_count() == 0


@pytest.mark.parametrize("profile", PROFILES)
def test_no_person_stands_twice_in_a_register_of_one_record_a_person(results, profile):
    permits = results[profile].links.filter(pl.col("register") == "Permits 2024")
    assert permits.height == 120
    assert not permits["person_id"].is_duplicated().any()


@pytest.mark.parametrize("profile", ["blind_blocks", "clear"])
def test_small_errors_are_linked(results, profile):
    report = results[profile].report
    assert report["pairs_completeness"] > 0.95
    assert report["pairwise"]["f1"] > 0.95
    assert report["true_pairs"] == 80 + 12 + 8  # permits with pay slips, second pay slips, and these with permits
    assert set(report["by_group"]) == {"SEN", "MLI", "CIV", "FRA", "unknown"}  # the unpaid have no nationality


def test_a_units_estimates_stand_beside_the_truth(results):
    assert results["clear"].report["self_assessment"] is None  # no unit assessed it
    for profile in ("blind_blocks", "record"):
        found, pairwise = results[profile].report["self_assessment"], results[profile].report["pairwise"]
        assert set(found) == {"precision", "recall"}
        for name, share in found.items():
            assert share["true"] == pytest.approx(pairwise[name])  # every record is a subject here
            assert 0 <= share["low"] <= share["value"] <= share["high"] <= 1
            assert share["held"] == (share["low"] <= share["true"] <= share["high"])


def test_the_yardstick_runs_the_same_passes(results):
    blind, clear = (results[profile].report["passes"] for profile in ("blind_blocks", "clear"))
    assert [one["name"] for one in blind] == [one["name"] for one in clear]
    assert blind == clear
    assert all(one["largest_persons"] >= 1 for one in clear)


def test_the_record_profile_finds_most_matches_without_a_threshold(results):
    """Its one variable must not turn the classes round, nor take all that is a little alike for matches."""
    rates = results["record"].report["pairwise"]
    assert rates["f1"] > 0.85


def test_the_record_profile_compares_all_pairs(results):
    report = results["record"].report
    assert [one["name"] for one in report["passes"]] == ["record"]
    assert report["pairs_completeness"] == 1.0
    assert report["reduction_ratio"] == 0.0
    assert report["pairwise"]["precision"] > 0.95


def test_the_command_repeats_the_run_and_prints_one_object(folder, results, tmp_path, capfd):
    with pytest.raises(SystemExit) as ended:
        main(["evaluate", str(folder), "--links", str(tmp_path / "links.csv"), "--json"])
    assert ended.value.code == 0
    printed = capfd.readouterr().out
    report = json.loads(printed)
    assert printed.count("\n") == 1
    expected = results["blind_blocks"]
    # time passes, every run's parties have keys of their own, and only the command attacks what it links
    own = {"stages", "agreement", "leakage", "leakage_together", "gate"}
    assert {k: v for k, v in report.items() if k not in own} == {
        k: v for k, v in expected.report.items() if k not in own
    }
    assert pl.read_csv(tmp_path / "links.csv", infer_schema=False).equals(expected.links)
    assert expected.report["leakage"] is expected.report["gate"] is expected.report["leakage_together"] is None
    together = report["leakage_together"]
    assert set(together["passes"]) == {one["name"] for one in report["passes"]}
    assert (
        together["attacked"] == together["union"]["total"] > max(one["attacked"] for one in report["leakage"].values())
    )
    # rows of one person complete each other: more persons are named than in the register that hides its own best
    assert together["union"]["hits"] > 0
    assert set(report["leakage"]) == set(report["gate"]["registers"]) == {"Permits 2024", "pay"}
    for found in report["leakage"].values():
        assert set(found["passes"]) == {one["name"] for one in report["passes"]}
        assert found["union"]["total"] == found["attacked"] == found["persons"]
        assert set(found["controls"]) == {*CONTROLS_OF["blind_blocks"]}
    verdicts = {one["verdict"] for one in report["gate"]["registers"].values()}
    assert verdicts <= {"PASS", "FAIL"}
    assert report["gate"]["released"] is (verdicts == {"PASS"})


def test_the_record_profile_is_attacked_too(results):
    report = results["record"].report
    for found in report["leakage"].values():
        assert found["passes"]["record"] == found["union"]
        assert found["union"]["share"] < 0.2 < found["controls"]["plain_filters"]["share"]
        assert found["known_pairs"]["total"] > 0
    assert {one["verdict"] for one in report["gate"]["registers"].values()} <= {"PASS", "FAIL"}


def test_an_option_that_does_not_exist_is_refused(folder):
    with pytest.raises(InputError, match="no profile"):
        evaluate_set(folder, profile="bloom", group="none", links=None)
    with pytest.raises(InputError, match="--group"):
        evaluate_set(folder, profile="clear", group="family", links=None)


def test_quiet_silences_and_restores(capfd):
    before = structlog.get_config()
    with quiet():
        structlog.get_logger().error("request")
    assert capfd.readouterr().out == ""
    assert structlog.get_config() == before
