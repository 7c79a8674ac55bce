"""Edges are ordered by one number a pair and short runs: as a sort by all their columns would."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linkage import pairs
from linkage.ordering import partnered_rows, sorted_rows


def columns(seed: int, n: int, span: int) -> tuple[np.ndarray, ...]:
    draw = np.random.default_rng(seed)
    passes, a = draw.integers(0, 4, n).astype(np.int16), draw.integers(0, span, n)
    probability = draw.choice([0.1, 0.5, 0.9], n)
    return passes, a, a + 1 + draw.integers(0, span, n), probability, draw.choice([-1.0, 0.0, 3.5], n)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.integers(0, 400), st.sampled_from([1, 3, 1000]))
def test_any_edges(seed: int, n: int, span: int) -> None:
    passes, a, b, probability, weight = found = columns(seed, n, span)
    expected = np.lexsort((-weight, -probability, passes, b, a))
    order = pairs._ordered(*found)
    assert all(np.array_equal(column[order], column[expected]) for column in found)


def test_more_subjects_than_one_number_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    found = columns(1, 300, 5)
    quick = pairs._ordered(*found)
    monkeypatch.setattr(pairs, "_ONE_NUMBER", 2)
    assert all(np.array_equal(column[quick], column[pairs._ordered(*found)]) for column in found)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.integers(0, 300), st.sampled_from([1, 7, 1000]))
def test_rows_by_block_register_and_handle(seed: int, n: int, blocks: int) -> None:
    draw = np.random.default_rng(seed)
    block, handle = draw.integers(0, blocks, n).astype(np.uint64), draw.permutation(n).astype(np.uint64)
    register = draw.integers(0, 3, n).astype(np.uint16)
    assert np.array_equal(sorted_rows(block, register, handle), np.lexsort((handle, register, block)))


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.integers(0, 300), st.sampled_from([1, 40, 1000]), st.booleans())
def test_rows_with_a_partner_are_those_of_blocks_with_a_pair(seed: int, n: int, blocks: int, own: bool) -> None:
    draw = np.random.default_rng(seed)
    block, handle = draw.integers(0, blocks, n).astype(np.uint64), draw.permutation(n).astype(np.uint64)
    register, many = draw.integers(0, 3, n).astype(np.uint16), np.array([False, own, False])
    met = block[:, None] == block[None, :]
    met &= (register[:, None] != register[None, :]) | many[register][:, None]
    met[np.arange(n), np.arange(n)] = False
    shared = set(block[met.any(axis=1)].tolist())
    expected = [row for row in np.lexsort((handle, register, block)).tolist() if int(block[row]) in shared]
    assert partnered_rows(block, register, handle, many).tolist() == expected
