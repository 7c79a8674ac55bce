"""What the attacker works out from public rules: levels, caps, likelihoods."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.agreement import CapTerms, PassTerms
from contract.audit_report import wilson
from evaluation.attacks.blocks.controls import BLOOM, FAMILY_AND_YEAR, UNCAPPED
from evaluation.attacks.blocks.keys import KeyIndex, level_keys
from evaluation.attacks.blocks.knowledge import Beliefs, candidate_groups, crowding, know, listed_probability
from evaluation.attacks.blocks.layout import AttackInputError, layout_of
from evaluation.attacks.blocks.likelihood import SKETCHES, learn
from evaluation.attacks.blocks.similarity import BINS, gram_bin, pair_bins
from pseudonymisation.blocking.caps import CrowdedKeys, choose_levels, discrete_laplace, listed
from pseudonymisation.blocking.components import key_values, key_variants
from pseudonymisation.blocking.public_table import expected_persons
from pseudonymisation.encoding.sketches import bigrams
from pseudonymisation.randomness import SeededRandomness
from tests.evaluation.attacks.blocks.people import KEY, agreement_over, clear_of

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
    less, more = crowding(np.array([count, count + 1]), CapTerms(), Beliefs(known=known))
    assert 0 <= less <= more + 1e-12 <= 1 + 1e-9  # sums of probabilities, to rounding


def test_unknown_persons_make_a_key_rather_crowded():
    one = np.array([1])
    assert crowding(one, CapTerms(), Beliefs(known=0.5))[0] > crowding(one, CapTerms(), Beliefs())[0] == 0.0


@given(st.integers(2, 60), st.lists(st.floats(0.05, 1.0), min_size=1, max_size=4))
def test_a_register_more_lists_rather_and_a_smaller_one_less(count, shares):
    caps, counts = CapTerms(), np.array([count])
    some = crowding(counts, caps, Beliefs(registers=tuple(shares)))[0]
    assert some <= crowding(counts, caps, Beliefs(registers=(*shares, 0.5)))[0] + 1e-12
    assert crowding(counts, caps, Beliefs(registers=(shares[0] / 2,)))[0] <= some + 1e-12


def _groups(identities, terms, caps):
    attacker = clear_of(identities)
    return candidate_groups(
        KeyIndex(attacker, [terms]), attacker.get_column("person").to_numpy(), terms, caps, Beliefs()
    )


def test_uncapped_groups_are_the_blocks_of_the_pass(persons_1500):
    groups = _groups(persons_1500, FAMILY_AND_YEAR, UNCAPPED)
    placed = choose_levels(persons_1500, FAMILY_AND_YEAR, KEY, CrowdedKeys(), UNCAPPED)
    assert sorted(groups.sizes) == sorted(np.bincount(placed.blocks))
    assert np.all(groups.prior == 0.0)


def test_groups_of_all_levels_share_one_row_at_most_once(persons_1500):
    groups = _groups(persons_1500, TWO_LEVELS, CapTerms())
    mass = np.bincount(groups.members, np.exp(groups.prior[groups.group_of]))
    assert mass.max() <= 1.0 + 1e-9


@pytest.mark.parametrize("level", [BROAD, ("skeleton_pair", "birth_year"), ("birth_year", "birth_day"), ("document",)])
def test_key_numbers_are_the_key_values_and_shares_the_public_table(persons_1500, level):
    terms = PassTerms(name="one", levels=(level,))
    of_pass = KeyIndex(clear_of(persons_1500), [terms]).of(terms)
    keyed, number, share = level_keys(of_pass, np.arange(len(of_pass.row)), level)
    variants = key_variants(persons_1500, level)
    values = key_values(variants, level)
    table = pl.DataFrame({"value": values.gather(keyed), "number": number})
    assert keyed.tolist() == np.flatnonzero(values.is_not_null().to_numpy()).tolist()
    assert table.unique().height == table.n_unique("value") == table.n_unique("number") == len(share)
    expected = expected_persons(level, table.get_column("value"), 1500)
    assert np.allclose(share[number] * 1500, expected)


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


@given(st.integers(0, 50), st.integers(1, 500))
def test_intervals_hold_their_share(hits, more):
    low, high = wilson(hits, hits + more)
    assert 0 <= low <= hits / (hits + more) <= high <= 1


def test_an_interval_of_nothing_says_nothing():
    assert wilson(0, 0) == (0.0, 1.0)
    assert wilson(0, 100) == pytest.approx((0.0, 0.0370), abs=1e-3)
