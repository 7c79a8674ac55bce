"""The benchmark of estimates: it tells of every country what was estimated and what was true.

The path of a country is that of `wasl evaluate`, whose tests put estimates beside the truth (`test_harness`).
"""

import json
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from evaluation.benchmarks import assessment
from evaluation.datasets import LabelledSet
from evaluation.self_assessment import held
from wasl.cli.bench import app


def test_an_interval_that_misses_the_truth_is_told() -> None:
    estimates = {name: {"value": 0.9, "low": 0.8, "high": 0.95} for name in ("precision", "recall")}
    found = held(estimates, {"pairwise": {"precision": 0.96, "recall": 0.95}})
    assert found["precision"] == {"value": 0.9, "low": 0.8, "high": 0.95, "true": 0.96, "held": False}
    assert found["recall"]["held"]


@pytest.fixture
def linked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return the sizes of the countries that were linked; the second one's recall is missed."""
    sizes: list[int] = []

    def evaluate(country: LabelledSet) -> SimpleNamespace:
        sizes.append(country.truth["entity_id"].n_unique())
        scores = {"precision": 0.9, "recall": 0.9 if len(sizes) != 2 else 0.5, "f1": 0.9}
        estimates = {name: {"value": 0.9, "low": 0.8, "high": 0.95} for name in ("precision", "recall")}
        calibration = {"expected_error": 0.04, "error_by_chance": 0.03, "sum_of_probabilities": 99.0, "matches": 100}
        stages = {"link": {"seconds": 1.0, "peak_bytes": 1}}
        found = held(estimates, {"pairwise": scores})
        report = {"pairwise": scores, "self_assessment": found, "calibration": calibration, "stages": stages}
        return SimpleNamespace(report=report)

    monkeypatch.setattr(assessment, "evaluate", evaluate)
    return sizes


def test_every_seed_is_a_country_of_its_own(linked: list[int]) -> None:
    done = CliRunner().invoke(app, ["assessment", "--persons", "150", "--seeds", "3", "--json"])
    assert done.exit_code == 0, done.output
    report = json.loads(done.stdout)
    assert [run["seed"] for run in report["runs"]] == [1, 2, 3]
    assert report["held"] == {"precision": 3, "recall": 2}
    assert report["runs"][0]["probabilities_over_matches"] == 0.99
    assert len(linked) == 3
    assert all(100 < size <= 150 for size in linked)


def test_the_table_shows_what_was_missed(linked: list[int]) -> None:
    done = CliRunner().invoke(app, ["assessment", "--persons", "100", "--seeds", "2"])
    assert done.exit_code == 0, done.output
    assert "of 2 seeds: precision 2, recall 1" in done.stdout
    assert len(linked) == 2
