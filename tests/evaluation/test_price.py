import pytest

from evaluation.datasets import load_dataset
from evaluation.price import price_of, price_report
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


def test_one_set_is_linked_by_default_and_in_the_clear_over_the_same_passes(tmp_path):
    made = price_of(load_dataset(write_small_set(tmp_path)))
    assert made["f1"]["clear"] > 0.8
    assert made["f1"]["blind_blocks"] > 0.8
    assert made["price"] == made["f1"]["clear"] - made["f1"]["blind_blocks"]
    assert made["pairs_completeness"]["clear"] == made["pairs_completeness"]["blind_blocks"]
