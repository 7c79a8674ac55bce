"""A0 and A6: bounds on the structure; everything with the right key, nothing with another."""

import numpy as np
import pytest

from evaluation.attacks.records.keys import key_attacks
from evaluation.attacks.records.structure import Bounds, bounds_held, structure
from pseudonymisation.encoding.record import linear_leakage
from pseudonymisation.keys.tree import epoch_key, vintage_key
from tests.evaluation.attacks.records.conftest import ATTACKERS_KEY, ENCODERS, KEY, persons_of


def _grams(persons):
    return persons.incidence.sum(axis=1, dtype=np.int64)


def test_plain_filters_break_the_bounds(attacked):
    made = attacked("plain", 1000)
    persons = made.persons.take(made.truth)
    result = structure(made.bits, made.bits.mean(axis=1), 1, _grams(persons))
    held = bounds_held(result)
    assert held == Bounds(False, False, False, False, duplicates=True)
    assert result.named is None
    assert result.details["length_correlation"] > 0.9
    assert result.details["linear_leakage"] == pytest.approx(1 - 2 * made.bits.mean())


def test_random_bits_keep_the_bounds(attacked):
    made = attacked("random", 2000)
    held = bounds_held(structure(made.bits, made.bits.mean(axis=1), 1, _grams(made.persons.take(made.truth))))
    # a single fair record is off one half by chance: only t > 1 brings its leakage down
    assert held.bit_frequency
    assert held.length_correlation
    assert held.duplicates


def test_the_record_profile_on_the_average_keeps_its_bound(attacked):
    made = attacked("record", 1000)
    persons = made.persons.take(made.truth)
    encoder = ENCODERS["record"]
    result = structure(made.bits, encoder.input_fill(persons, KEY), encoder.diffusion, _grams(persons))
    held = bounds_held(result)
    assert held.linear_leakage
    assert held.length_correlation
    assert held.duplicates
    assert 0.30 <= result.details["fill"] <= 0.35
    assert result.details["low_record_leakage"] == linear_leakage(result.details["low_fill"], 6)


def test_equal_encodings_are_counted():
    bits = np.eye(4, 64, dtype=np.uint8)[[0, 1, 2, 2]]
    result = structure(bits, bits.mean(axis=1), 1, np.array([1, 1, 1, 1]))
    assert result.details["duplicates"] == 0.25
    assert not bounds_held(result).duplicates
    assert result.details["length_correlation"] == 0


@pytest.mark.parametrize("name", ["plain", "record"])
def test_a_key_opens_everything_and_another_nothing(attacked, name):
    right, wrong = key_attacks(attacked(name, 1000), {"right key": KEY, "wrong key": ATTACKERS_KEY})
    assert right.named > 0.995
    assert wrong.interval[0] <= wrong.baseline
    assert wrong.named <= 0.005
    assert (right.name, wrong.name) == ("dictionary, right key", "dictionary, wrong key")


def test_another_epochs_key_opens_nothing():
    from evaluation.attacks.records import scenario

    shares = {"one": bytes(32), "two": bytes(range(32))}
    keys = {f"epoch {number}": vintage_key(epoch_key(shares, "agreement", number), "2026") for number in (1, 2)}
    made = scenario(ENCODERS["record"], persons_of(400), keys["epoch 1"], 1.0, seed=2)
    own, other = key_attacks(made, keys)
    assert own.named > 0.995
    assert other.named <= 0.01
