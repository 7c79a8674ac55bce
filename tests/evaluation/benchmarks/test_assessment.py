"""The benchmark of estimates: it tells of every country what was estimated and what was true."""

import json

from typer.testing import CliRunner

from evaluation.self_assessment import held
from wasl.cli.bench import app


def test_an_interval_that_misses_the_truth_is_told() -> None:
    assessment = {name: {"value": 0.9, "low": 0.8, "high": 0.95} for name in ("precision", "recall")}
    found = held(assessment, {"pairwise": {"precision": 0.96, "recall": 0.95}})
    assert found["precision"] == {"value": 0.9, "low": 0.8, "high": 0.95, "true": 0.96, "held": False}
    assert found["recall"]["held"]


def test_a_country_goes_the_real_path() -> None:
    done = CliRunner().invoke(app, ["assessment", "--persons", "200", "--seeds", "1", "--json"])
    assert done.exit_code == 0, done.output
    report = json.loads(done.stdout)
    (run,) = report["runs"]
    assert report["held"] == {name: int(run[name]["held"]) for name in ("precision", "recall")}
    assert run["precision"]["true"] > 0.9
    assert run["recall"]["true"] > 0.9
    assert 0 <= run["calibration_error_by_chance"] <= 1
    assert {"seed", "f1", "calibration_error", "probabilities_over_matches", "seconds"} < set(run)
