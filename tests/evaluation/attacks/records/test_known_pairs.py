"""A5: known pairs open plain filters to a linear reader and to a network; random bits stay closed to both."""

import numpy as np
import pytest

from evaluation.attacks.records.known_pairs import known_pairs, mean_dice


def test_ridge_reads_plain_filters_from_two_thousand_pairs(attacked):
    result = known_pairs(attacked("plain", 2600), 2000, "ridge", seed=3)
    assert result.details["dice"] >= 0.98
    assert result.details["dice_baseline"] < 0.35
    assert result.named >= 0.99
    assert result.details["rows"] == 600
    assert 0 < result.details["lookalikes"] < 0.2
    assert result.details["named_unlike"] >= 0.99


def test_ridge_reads_nothing_from_random_bits(attacked):
    result = known_pairs(attacked("random", 1000), 600, "ridge", seed=3)
    assert result.details["dice"] <= result.details["dice_baseline"] + 0.05
    assert result.named <= 0.02


def test_a_network_reads_plain_filters(attacked):
    result = known_pairs(attacked("plain", 1000), 700, "mlp", seed=3, hidden=128)
    assert result.details["dice"] > result.details["dice_baseline"] + 0.3
    assert result.named > 0.9
    assert result.name == "known pairs, mlp"


def test_a_network_reads_nothing_from_random_bits(attacked):
    result = known_pairs(attacked("random", 500), 300, "mlp", seed=3, hidden=64)
    assert result.details["dice"] <= result.details["dice_baseline"] + 0.05
    assert result.named <= 0.02


def test_the_record_profile_shows_a_linear_reader_no_grams(attacked):
    result = known_pairs(attacked("record", 1000), 600, "ridge", seed=3)
    assert result.details["named_unlike"] <= 0.03
    assert result.details["dice"] <= result.details["dice_baseline"] + 0.05


def test_impossible_requests_are_refused(attacked):
    made = attacked("plain", 1000)
    for pairs in (5, 1000):
        with pytest.raises(ValueError, match="known pairs"):
            known_pairs(made, pairs, "ridge", seed=3)
    with pytest.raises(ValueError, match="reader"):
        known_pairs(made, 100, "forest", seed=3)


def test_dice_of_gram_sets_by_hand():
    read = np.array([[True, True, False], [False, False, False]])
    true = np.array([[1, 0, 1], [0, 0, 0]], dtype=np.float32)
    assert mean_dice(read, true) == pytest.approx((2 * 1 / 4 + 0) / 2)
