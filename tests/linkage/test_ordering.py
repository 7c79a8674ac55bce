"""Rows of a pass are ordered as a sort by all their keys would, and those that meet no other are left out."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from linkage.ordering import partnered_rows, sorted_rows


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.integers(0, 300), st.sampled_from([1, 7, 1000]))
def test_rows_by_block_register_and_handle(seed: int, n: int, blocks: int) -> None:
    draw = np.random.default_rng(seed)
    block, handle = draw.integers(0, blocks, n).astype(np.uint64), draw.permutation(n).astype(np.uint64)
    register = draw.integers(0, 3, n).astype(np.uint16)
    assert np.array_equal(sorted_rows(block, register, handle), np.lexsort((handle, register, block)))


def spread(kind: str, n: int, draw: np.random.Generator) -> np.ndarray:
    """Return blocks (uint64[n]) of a kind: over all numbers, in a corner, equal but one, in doubling steps."""
    wide = draw.integers(0, 2**64, n, dtype=np.uint64)
    return {
        "wide": np.where(draw.random(n) < 0.5, wide, wide[draw.permutation(n)]),
        "narrow": np.uint64(2**64 - n) + draw.integers(0, n, n, dtype=np.uint64),
        "one far": np.where(np.arange(n) == n // 2, np.uint64(2**64 - 1), np.uint64(7)),
        "powers": np.uint64(1) << draw.integers(0, 64, n, dtype=np.uint64),
    }[kind]


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 6000), st.sampled_from(["wide", "narrow", "one far", "powers"]))
def test_any_blocks_are_put_in_order(seed: int, n: int, kind: str) -> None:
    draw = np.random.default_rng(seed)
    block, handle = spread(kind, n, draw), draw.integers(0, 2**64, n, dtype=np.uint64)
    register = draw.choice(np.array([0, 1, 65_535], dtype=np.uint16), n)
    order = np.lexsort((handle, register, block))
    assert np.array_equal(sorted_rows(block, register, handle), order)
    many = np.zeros(65_536, dtype=np.bool_)
    found = partnered_rows(block, register, handle, many)
    assert np.array_equal(found, [row for row in order if len(set(register[block == block[row]].tolist())) > 1])


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
