"""A1 to A4: each breaks what it is known to break, and neither random bits nor the `record` profile."""

import numpy as np
import pytest

from evaluation.attacks.records import Persons, scenario
from evaluation.attacks.records.frequency import frequency
from evaluation.attacks.records.graph_matching import graph_matching
from evaluation.attacks.records.pattern_mining import mine_patterns, pattern_mining
from evaluation.attacks.records.seeded_profile import seeded_profile
from evaluation.attacks.records.similarity import dice, mutual
from tests.evaluation.attacks.records.conftest import ATTACKERS_KEY, ENCODERS, KEY, persons_of


def _family_names(count):
    whole = persons_of(count)
    nothing = ("",) * count
    return Persons(nothing, whole.family, nothing)


def test_frequent_family_names_fall_to_their_frequency():
    made = scenario(ENCODERS["plain"], _family_names(2000), KEY, 1.0, seed=2)
    result = frequency(made)
    assert result.details["aligned"] >= 2
    assert result.interval[0] > 1.5 * result.baseline
    assert result.named > 5 * result.details["wrong"]


def test_random_bits_have_no_frequency():
    result = frequency(scenario(ENCODERS["random"], _family_names(1000), KEY, 1.0, seed=2))
    assert result.named == result.details["one_to_many"] == result.details["aligned"] == 0


@pytest.mark.parametrize("name", ["plain", "record"])
def test_whole_identities_are_unique_and_have_no_frequency(attacked, name):
    assert frequency(attacked(name, 1000)).named == 0


def test_pattern_mining_finds_the_positions_of_plain_filters(attacked):
    made = attacked("plain", 2000)
    vocabulary = made.persons.vocabulary
    positions = dict(zip(vocabulary, ENCODERS["plain"].positions(vocabulary, KEY), strict=True))
    result = pattern_mining(made, positions)
    assert result.details["positions_right"] >= 0.99
    assert result.details["grams_found"] >= 4
    assert 9 <= result.details["pattern_size"] <= 10


@pytest.mark.parametrize("name", ["random", "record"])
def test_pattern_mining_finds_nothing_where_there_is_no_pattern(attacked, name):
    assert mine_patterns(attacked(name, 1000)) == {}
    result = pattern_mining(attacked(name, 1000), {})
    assert result.named == result.details["grams_found"] == result.details["one_to_many"] == 0


def test_graph_matching_breaks_plain_filters(attacked):
    result = graph_matching(attacked("plain", 1000), ATTACKERS_KEY)
    assert result.named >= 0.99
    assert result.details["pseudo_seeds_right"] > 0.3


@pytest.mark.parametrize(("name", "count"), [("random", 400), ("record", 600)])
def test_graph_matching_breaks_neither_random_bits_nor_the_record_profile(attacked, name, count):
    assert graph_matching(attacked(name, count), ATTACKERS_KEY).named <= 0.01


def test_graph_matching_scores_the_overlap_only(attacked):
    result = graph_matching(attacked("plain", 400, 0.5), ATTACKERS_KEY)
    assert result.details["rows"] == 200
    assert result.baseline == 1 / 400


def test_fifty_seeds_name_the_others_of_plain_filters(attacked):
    result = seeded_profile(attacked("plain", 1200), 50, ATTACKERS_KEY, seed=3)
    assert result.named >= 0.99
    assert result.details["first_pass"] > 0.9
    assert result.details["rows"] == 1150


@pytest.mark.parametrize("name", ["random", "record"])
def test_fifty_seeds_name_nobody_else_elsewhere(attacked, name):
    assert seeded_profile(attacked(name, 400), 50, ATTACKERS_KEY, seed=3).named <= 0.02


def test_attacks_repeat_bit_by_bit(attacked):
    made = attacked("plain", 400, 0.5)
    assert graph_matching(made, ATTACKERS_KEY) == graph_matching(made, ATTACKERS_KEY)
    assert seeded_profile(made, 50, ATTACKERS_KEY, 3) == seeded_profile(made, 50, ATTACKERS_KEY, 3)


def test_too_few_rows_are_refused(attacked):
    with pytest.raises(ValueError, match="rows"):
        graph_matching(scenario(ENCODERS["plain"], persons_of(400).take(np.arange(5)), KEY, 1.0, 2), ATTACKERS_KEY)
    with pytest.raises(ValueError, match="seed"):
        seeded_profile(attacked("plain", 400, 0.5), 200, ATTACKERS_KEY, 3)


def test_dice_and_mutual_choices_by_hand():
    one = np.array([[1, 1, 0, 0], [0, 0, 0, 0]], dtype=np.uint8)
    other = np.array([[1, 0, 0, 0], [1, 1, 1, 1], [0, 0, 0, 0]], dtype=np.uint8)
    assert dice(one, other) == pytest.approx(np.array([[2 / 3, 4 / 6, 0], [0, 0, 0]]))
    scores = np.array([[0.9, 0.2, 0.1], [0.8, 0.3, 0.1], [0.2, 0.1, 0.7]], dtype=np.float32)
    rows, columns, margin = mutual(scores)
    assert list(zip(rows.tolist(), columns.tolist(), strict=True)) == [(2, 2), (0, 0)]
    assert margin == pytest.approx([0.5, 0.1], abs=1e-6)
