"""Graphs of equal cells: the same whatever the order of rows, different where cells differ, and a way to names."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluation.attacks.blocks.attacker import attacker_of
from evaluation.attacks.blocks.controls import FAMILY_AND_YEAR, UNCAPPED, encode_control
from evaluation.attacks.blocks.equality import EqualityGraphs, colours
from evaluation.attacks.blocks.fingerprint import search_of
from evaluation.attacks.blocks.leakage import either, rows_of, score_pass
from evaluation.attacks.blocks.seeded import attack_from_known_rows
from tests.evaluation.attacks.blocks.people import agreement_over, clear_of, context


@pytest.fixture(scope="module")
def uncapped(persons_1500):
    made = agreement_over((FAMILY_AND_YEAR,), caps=UNCAPPED, dummy_share=0.1)
    control = encode_control(persons_1500, FAMILY_AND_YEAR, context(made))
    return search_of(control.table, attacker_of(clear_of(persons_1500), made, seed=4), FAMILY_AND_YEAR, seed=4), control


def _graph(rows, pairs):
    size = len(rows)
    found = colours(np.array([0, size]), rows, np.array([0]), pairs.ravel(), 3)
    assert np.array_equal(found[0], colours.py_func(np.array([0, size]), rows, np.array([0]), pairs.ravel(), 3)[0])
    return found


@pytest.mark.filterwarnings("ignore:overflow")
@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 5))
def test_a_graph_keeps_its_colours_in_any_order(seed, size):
    rng = np.random.default_rng(seed)
    rows, pairs = rng.integers(0, 2, size).astype(np.uint64), rng.integers(0, 2, (size, size)).astype(np.uint64)
    colour, graph = _graph(rows, pairs)
    order = rng.permutation(size)
    again, same = _graph(rows[order], pairs[order][:, order])
    assert np.array_equal(again, colour[order])
    assert same == graph
    changed = rows.copy()
    changed[0] += np.uint64(2)
    assert _graph(changed, pairs)[1] != graph


def test_equality_alone_names_people_in_crowded_blocks(uncapped):
    search, control = uncapped
    drawn = rows_of(search, control.truth)
    leak = score_pass(EqualityGraphs(search).attack(drawn), control.truth)
    assert leak.of_blocks(3).share > 0.2 > 0.05 > leak.of_blocks(1, 1).share
    assert leak.rows.get_column("posterior").max() <= 1
    assert leak.confident.total == 0 or leak.confident.share > 0.6
    both = either(leak, leak)
    assert both.rows.equals(leak.rows)


def test_known_pairs_name_block_mates_and_nobody_else(uncapped):
    search, control = uncapped
    crowded = search.observed.sizes[search.observed.block] > 1
    some, many = (attack_from_known_rows(search, control.truth, known, 1) for known in (50, 500))
    assert 0 < some.share < many.share
    assert many.total == control.truth.height - 500
    assert many.hits <= crowded.sum()
    assert attack_from_known_rows(search, control.truth, 0, 1).hits == 0


def test_a_wrong_pair_names_hardly_anybody(uncapped):
    search, control = uncapped
    shifted = control.truth.with_columns((control.truth["person"] + 7) % 1500)
    assert attack_from_known_rows(search, shifted, 500, 1).share < 0.01
