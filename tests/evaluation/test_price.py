import polars as pl
import pytest

from evaluation import price
from evaluation.datasets import load_dataset
from evaluation.harness import Evaluation
from evaluation.price import price_report
from tests.evaluation.labelled import write_small_set
from wasl.cli.bench_privacy import _price_text


def test_the_report_has_mean_and_worst_and_holds_them_against_the_targets():
    sets = [
        {"dataset": "a", "f1": {"clear": 0.99, "blind_blocks": 0.98}, "price": 0.01},
        {"dataset": "b", "f1": {"clear": 0.98, "blind_blocks": 0.985}, "price": -0.005},
    ]
    report = price_report(sets)
    assert report["mean"] == pytest.approx(0.0025)
    assert report["worst"] == 0.01
    assert report["within"]
    assert not price_report([sets[0]])["within"]  # a mean of .010
    dear = price_report([{**sets[0], "f1": {**sets[0]["f1"], "uncapped": 1.0}, "price_of_caps": 0.02}])
    assert not dear["caps_within"]
    assert "above the targets" in _price_text(dear)


def test_a_set_is_linked_by_default_in_the_clear_without_dummies_and_without_caps(tmp_path, monkeypatch):
    asked = []

    def evaluate(dataset, *, profile, group, terms):
        asked.append((profile, group, dict(terms)))
        report = {"pairwise": {"f1": 0.9 + 0.01 * len(asked)}, "pairs_completeness": 1.0}
        return Evaluation(report, pl.DataFrame())

    monkeypatch.setattr(price, "evaluate", evaluate)
    made = price.price_of(load_dataset(write_small_set(tmp_path)), uncapped=True, group="local")
    assert [(profile, group) for profile, group, _ in asked] == [
        ("blind_blocks", "local"),
        ("clear", "local"),
        ("blind_blocks", "local"),
    ]
    assert asked[1][2]["profile"].dummy_share == 0.0
    assert asked[2][2]["caps"].persons_per_key > 10**6
    assert made["price"] == pytest.approx(0.01)
    assert made["price_of_caps"] == pytest.approx(0.02)
