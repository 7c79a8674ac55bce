"""The search kernels against their plain twins, and against all that there is to find."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluation.attacks.blocks import search, twins
from evaluation.attacks.blocks.knowledge import Groups, Persons
from evaluation.attacks.blocks.layout import Layout
from evaluation.attacks.blocks.pairs import PairIndex
from evaluation.attacks.blocks.similarity import BINS

LEVELS = 129
BETWEEN = np.array([[0, 0, 0], [0, 1, 1], [1, 0, 0], [1, 0, 1], [1, 1, 0], [1, 1, 1]])
LAYOUT = Layout((), (), BETWEEN, np.empty((0, 3), dtype=np.int64))
KINDS = np.ascontiguousarray(BETWEEN[:, 0])


def _world(seed, groups=6, most=5, looks=4):
    """Random persons in random groups, random tables."""
    rng = np.random.default_rng(seed)
    sizes = rng.integers(1, most + 1, groups)
    count = int(sizes.sum())
    words = [np.unique(rng.integers(0, 9, rng.integers(1, 5))).astype(np.uint64) for _ in range(7)]
    persons = Persons(
        person=np.arange(count),
        tokens=rng.integers(-1, 3, (count, 2)).astype(np.int32),
        sketched=rng.integers(-1, 7, (count, 2)).astype(np.int32),
        offsets=np.concatenate([[0], np.cumsum([len(word) for word in words])]),
        grams=np.concatenate(words),
    )
    offsets = np.concatenate([[0], np.cumsum(sizes)])
    made = Groups(offsets, rng.permutation(count), np.log(rng.uniform(0.01, 1, groups)))
    table = np.log(rng.dirichlet(np.ones(LEVELS), (2, BINS)))
    look_of = rng.integers(0, looks, count)
    return rng, made, PairIndex(made, persons, LAYOUT, False, rng), table, look_of


def _seen(rng, rows):
    seen = np.concatenate([rng.integers(0, 2, (rows, rows, 2)), rng.integers(0, LEVELS, (rows, rows, 4))], axis=2)
    return np.where(rng.random(seen.shape) < 0.15, 255, seen).astype(np.uint8)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 12))
def test_the_best_pairs_are_those_of_a_full_scan(seed, width):
    rng, groups, index, table, look_of = _world(seed)
    left, right = rng.normal(0, 3, (2, 4))
    seen = _seen(rng, 2)[0, 1]
    base = groups.prior
    bounds = search.bucket_bounds(index.leads, index.lead_of, seen, KINDS, table)
    arguments = (index.sorted_pairs, look_of[index.first], look_of[index.second], index.group, KINDS, table)
    score, place = search.top_pairs(left, right, seen, base, bounds, index.starts, *arguments, width)
    everything = twins.all_pair_scores(left, right, seen, base, *arguments)
    best = np.sort(everything)[::-1][:width]
    assert np.allclose(score, best)
    assert np.allclose(score, everything[place])
    for bucket, bound in enumerate(bounds):
        of_bucket = index.sorted_pairs[index.starts[bucket] : index.starts[bucket + 1]]
        assert twins.pair_likelihoods(of_bucket, seen, KINDS, table).max() <= bound + 1e-9


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6))
def test_rows_by_themselves_are_judged_as_the_twin_judges(seed):
    rng = np.random.default_rng(seed)
    rows, looks = 3, 5
    missing, of_missing = rng.random((rows, 4)) < 0.4, rng.random((looks, 4)) < 0.4
    within = np.where(rng.random((rows, 2)) < 0.3, 255, rng.integers(0, 2, (rows, 2))).astype(np.uint8)
    of_within = np.where(rng.random((looks, 2)) < 0.3, 255, rng.integers(0, 2, (looks, 2))).astype(np.uint8)
    weights, of_weights = (rng.integers(-1, BINS, (n, 2)).astype(np.int16) for n in (rows, looks))
    pair_table = np.log(rng.dirichlet(np.ones(LEVELS), (2, BINS)))
    weight_table = pair_table[0]
    kinds, agreeing, held = np.array([0, 1]), np.log([0.01, 0.99]), rng.random((rows, 4)) < 0.8
    shared = (of_missing, of_within, of_weights, pair_table, weight_table, kinds, agreeing)
    found = search.look_likelihoods(np.arange(rows), missing, held, within, weights, *shared)
    assert np.allclose(found, twins.look_likelihoods(missing, within, weights, held, *shared))


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.integers(2, 4))
def test_a_wide_beam_finds_the_best_of_all_states(seed, rows):
    rng, groups, index, table, look_of = _world(seed, groups=3, most=4)
    alone, seen = rng.normal(0, 2, (rows, 4)), _seen(rng, rows)
    chance = rng.normal(0, 1, (rows, rows))
    rates = np.log([0.7, 0.2, 0.1])
    starts = [(g, place) for g in range(3) for place in range(groups.offsets[g], groups.offsets[g + 1])]
    named = np.full((len(starts), rows), search.OPEN)
    named[:, 0] = [place for _, place in starts]
    of = np.array([g for g, _ in starts])
    base = groups.prior[of] + rates[0] + alone[0, look_of[named[:, 0]]]
    arguments = (
        named, base, of, np.arange(1, rows), alone, seen, chance, groups.offsets, look_of, index.offsets, index.pairs,
        KINDS, table, rates, 10_000,
    )  # fmt: skip
    score, states = search.extend(*arguments)
    expected = {}
    for g in range(3):
        first, size = groups.offsets[g], groups.sizes[g]
        places = [*range(first, first + size), *[search.NOBODY] * (rows - 1)]
        for state in set(permutations(places, rows)):
            if state[0] == search.NOBODY:
                continue
            somebody = [row for row in range(rows) if state[row] >= 0]
            value = groups.prior[g] + len(somebody) * rates[0] + (rows - len(somebody)) * rates[1]
            value += (size - len(somebody)) * rates[2] + sum(alone[row, look_of[state[row]]] for row in somebody)
            for q in somebody:
                for t in (row for row in somebody if row > q):
                    at = index.offsets[g] + (state[q] - first) * size + state[t] - first
                    pair = index.pairs[at : at + 1]
                    value += twins.pair_likelihoods(pair, seen[q, t], KINDS, table)[0] - chance[q, t]
            expected[state] = value
    found = {tuple(state): value for state, value in zip(states.tolist(), score.tolist(), strict=True)}
    assert found.keys() == expected.keys()
    assert all(value == pytest.approx(expected[state]) for state, value in found.items())
    plain = search.extend.py_func(*arguments)
    assert np.allclose(np.sort(plain[0]), np.sort(score))
