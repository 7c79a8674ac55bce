"""What the attacker works out from public rules: levels, caps, likelihoods."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.agreement import CapTerms, PassTerms
from evaluation.attacks.blocks.controls import BLOOM, FAMILY_AND_YEAR, UNCAPPED
from evaluation.attacks.blocks.knowledge import candidate_groups, crowding, know, listed_probability
from evaluation.attacks.blocks.layout import AttackInputError, layout_of
from evaluation.attacks.blocks.leakage import wilson
from evaluation.attacks.blocks.likelihood import SKETCHES, learn
from evaluation.attacks.blocks.search import beam
from evaluation.attacks.blocks.similarity import BINS, gram_bin, pair_bins
from pseudonymisation.blocking.caps import CrowdedKeys, choose_levels, discrete_laplace, listed
from pseudonymisation.encoding.sketches import bigrams
from pseudonymisation.randomness import SeededRandomness
from tests.evaluation.attacks.blocks.people import KEY, agreement_over

BROAD = ("family_skeleton3", "birth_year")
TWO_LEVELS = PassTerms(name="two", levels=(BROAD, (*BROAD, "birth_month")))


def test_the_probability_of_being_listed_is_that_of_the_noise():
    noise = discrete_laplace(SeededRandomness(b"noise"), 40_000, 1.0)
    for caps in (CapTerms(), CapTerms(margin=0), CapTerms(persons_per_key=2, margin=1)):
        for persons in (1, 2, 3, 5):
            share = listed(np.full(40_000, persons), noise, caps).mean()
            assert share == pytest.approx(listed_probability(persons, caps), abs=0.01)


@given(st.integers(1, 40), st.floats(0.2, 1.0))
def test_a_key_of_more_persons_is_listed_rather(count, known):
    less, more = crowding(np.array([count, count + 1]), CapTerms(), known)
    assert 0 <= less <= more + 1e-12 <= 1 + 1e-9  # sums of probabilities, to rounding


def test_unknown_persons_make_a_key_rather_crowded():
    assert crowding(np.array([1]), CapTerms(), 0.5)[0] > crowding(np.array([1]), CapTerms(), 1.0)[0] == 0.0


def test_uncapped_groups_are_the_blocks_of_the_pass(persons_1500):
    attacker = persons_1500.rename({"subject": "person"})
    groups = candidate_groups(attacker, FAMILY_AND_YEAR, UNCAPPED, 1.0)
    placed = choose_levels(persons_1500, FAMILY_AND_YEAR, KEY, CrowdedKeys(), UNCAPPED)
    assert sorted(np.diff(groups.offsets)) == sorted(np.bincount(placed.blocks))
    assert np.all(groups.prior == 0.0)


def test_groups_of_all_levels_share_one_row_at_most_once(persons_1500):
    attacker = persons_1500.rename({"subject": "person"})
    groups = candidate_groups(attacker, TWO_LEVELS, CapTerms(), 1.0)
    mass = np.bincount(groups.members, np.exp(np.repeat(groups.prior, np.diff(groups.offsets))))
    assert mass.max() <= 1.0 + 1e-9


def test_a_person_without_a_number_is_refused(persons_1500):
    layout = layout_of(agreement_over((FAMILY_AND_YEAR,)))
    with pytest.raises(AttackInputError):
        know(persons_1500, layout)


@settings(max_examples=50)
@given(st.text("abcd", min_size=1, max_size=8), st.text("abcd", min_size=1, max_size=8), st.booleans())
def test_bins_are_those_of_the_gram_sets(left, right, by_difference):
    sets = [bigrams(left), bigrams(right)]
    offsets = np.array([0, len(sets[0]), len(sets[0]) + len(sets[1])])
    grams = np.array(sets[0] + sets[1], dtype=np.uint64)
    one, other = set(sets[0]), set(sets[1])
    expected = min(len(one ^ other), BINS - 1) if by_difference else len(one & other) * (BINS - 1) // len(one | other)
    assert gram_bin(0, 1, offsets, grams, by_difference) == expected
    assert pair_bins.py_func(np.array([0]), np.array([1]), offsets, grams, by_difference)[0] == expected


def test_the_tables_learn_what_each_encoding_shows(persons_1500):
    layout = layout_of(agreement_over((FAMILY_AND_YEAR,)))
    known = know(persons_1500.rename({"subject": "person"}), layout)
    sketch = learn(known, SKETCHES, np.random.default_rng(1))
    assert sketch.pairs[1, BINS - 1].argmax() == 0  # equal values, equal sketches
    assert 60 <= sketch.pairs[1, 0].argmax() <= 68  # nothing in common: half of the bits
    # a sketch's weight says nothing of the length, a Bloom filter's does
    bloom = learn(known, BLOOM, np.random.default_rng(1))
    assert abs(int(sketch.weights[4].argmax()) - int(sketch.weights[10].argmax())) <= 6
    assert bloom.weights[10].argmax() - bloom.weights[4].argmax() >= 12


def _tiny():
    """One block of two rows against two groups of two: row 0 is like persons 0 and 2, the pair's distance fits one."""
    alone = np.array([[2.0, 0.0, 2.0, 0.0], [0.0, 2.0, 0.0, 2.0]])
    seen = np.ones((2, 2, 1), dtype=np.uint8)
    pairs = np.array([[1], [0], [0], [1], [1], [1], [1], [1]], dtype=np.uint8)
    table = np.log(np.full((2, BINS, 129), 1e-3))
    table[0, 0, :2], table[0, 1, :2] = np.log([0.99, 0.01]), np.log([0.01, 0.99])
    return (
        alone, seen, np.full((2, 2), -1.0), np.array([0, 2, 4]), np.arange(4), np.zeros(2), np.array([0, 0, 1, 1]),
        np.array([0, 4]), pairs, np.zeros(1, dtype=np.int64), table, np.log(np.array([0.98, 0.01, 0.01])), 64,
    )  # fmt: skip


def test_the_beam_finds_the_group_and_the_alignment():
    score, named = beam(*_tiny())
    assert named[score.argmax()].tolist() == [2, 3]


def test_the_kernel_is_its_own_plain_twin():
    score, named = beam(*_tiny())
    plain_score, plain_named = beam.py_func(*_tiny())
    assert np.array_equal(named, plain_named)
    assert np.allclose(score, plain_score)


@given(st.integers(0, 50), st.integers(1, 500))
def test_intervals_hold_their_share(hits, more):
    low, high = wilson(hits, hits + more)
    assert 0 <= low <= hits / (hits + more) <= high <= 1


def test_an_interval_of_nothing_says_nothing():
    assert wilson(0, 0) == (0.0, 1.0)
    assert wilson(0, 100) == pytest.approx((0.0, 0.0370), abs=1e-3)
