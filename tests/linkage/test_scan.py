"""Scans of long codes: exact, in two stages, by hashing; all against NumPy."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from linkage.errors import PatternError
from linkage.scan import (
    Codes,
    distance_histogram,
    hamming,
    hamming_lsh,
    lsh_recall,
    prefix_bound,
    prefix_loss,
    scan,
    scan_two_stage,
)
from linkage.scan.two_stage import drawn_bits


def noisy(draw: np.random.Generator, codes: np.ndarray, share: float) -> np.ndarray:
    """Return the codes with a share of their bits turned."""
    turned = draw.random((len(codes), 64 * codes.shape[1])) < share
    packed = np.packbits(turned, axis=1, bitorder="little").view("<u8").astype(np.uint64)
    return codes ^ packed


def some_codes(seed: int, n: int, words: int) -> np.ndarray:
    draw = np.random.default_rng(seed)
    base = draw.integers(0, 2**64, (max(n // 3, 1), words), dtype=np.uint64)
    return noisy(draw, base[draw.integers(0, len(base), n)], draw.uniform(0, 0.2))


def slowly(codes: Codes, bound: int, lo: int = 0, hi: int | None = None) -> np.ndarray:
    n = len(codes.words)
    i, j = np.triu_indices(n, 1)
    kept = (j >= codes.partners[i]) & (i >= lo) & (i < (n if hi is None else hi))
    i, j = i[kept], j[kept]
    distance = hamming(codes.words, i, j)
    near = distance <= bound
    return np.stack([i[near], j[near], distance[near]], axis=1)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 90), st.sampled_from([1, 3, 16]), st.floats(0, 0.6), st.integers(0, 90))
def test_the_exact_scan_finds_what_numpy_finds(seed: int, n: int, words: int, share: float, cut: int) -> None:
    rows, bound = some_codes(seed, n, words), int(share * 64 * words)
    cut = min(cut, n)
    for codes in (Codes.within(rows), Codes.between(rows[:cut], rows[cut:])):
        assert np.array_equal(scan(codes, bound), slowly(codes, bound))
        middle = n // 2
        parts = [scan(codes, bound, 0, middle), scan(codes, bound, middle, n)]
        assert np.array_equal(np.concatenate(parts), slowly(codes, bound))
        groups = np.arange(n) % 2
        counts = distance_histogram(codes, groups, 2, 0, middle) + distance_histogram(codes, groups, 2, middle)
        every = slowly(codes, 64 * words)
        expected = np.zeros_like(counts)
        np.add.at(expected, (groups[every[:, 0]], groups[every[:, 1]], every[:, 2]), 1)
        assert np.array_equal(counts, expected)
        assert counts.sum() == codes.pairs


def test_2048_bits() -> None:
    codes = Codes.within(some_codes(5, 60, 32))
    assert np.array_equal(scan(codes, 500), slowly(codes, 500))


def test_the_loss_bound_is_the_hypergeometric_tail_and_it_is_the_smallest() -> None:
    for bits, prefix, bound in ((1024, 192, 184), (2048, 192, 300), (1024, 64, 0), (128, 128, 40)):
        short = prefix_bound(bits, prefix, bound)
        assert prefix_loss(bits, prefix, bound, short) <= 1e-3
        assert short == 0 or prefix_loss(bits, prefix, bound, short - 1) > 1e-3
        for distance in range(0, bound + 1, 7):  # a nearer pair is lost less often
            assert stats.hypergeom.sf(short, bits, distance, prefix) <= 1e-3


def test_the_two_stage_scan_loses_no_more_than_it_states_even_of_pairs_at_the_very_bound() -> None:
    draw = np.random.default_rng(11)
    bits, bound, n = 1024, 184, 4000
    left = draw.integers(0, 2**64, (n, 16), dtype=np.uint64)
    # adversary: all the differing bits lie next to each other, at the front
    turned = np.zeros((n, bits), dtype=np.uint8)
    turned[:, :bound] = 1
    right = left ^ np.packbits(turned, axis=1, bitorder="little").view("<u8").astype(np.uint64)
    found, tried = 0, 0
    for seed in range(40):
        # every pair shares its places of difference, so that one drawing keeps or loses all of them
        few = Codes.between(left[seed * 8 : seed * 8 + 8], right[seed * 8 : seed * 8 + 8])
        found += len(scan_two_stage(few, bound, loss=0.2, prefix=192, seed=seed))
        tried += 8
    lost = 1 - found / tried
    assert 0 < lost <= 0.2 + 3 * np.sqrt(0.2 * 0.8 / 40)
    places = noisy_at(draw, left, bound)
    codes = Codes.between(left, places)
    missed = n - len(scan_two_stage(codes, bound, seed=3))
    assert stats.binom.sf(missed - 1, n, 1e-3) > 1e-4


def noisy_at(draw: np.random.Generator, codes: np.ndarray, distance: int) -> np.ndarray:
    """Return the codes, each with exactly `distance` bits turned."""
    turned = np.zeros((len(codes), 64 * codes.shape[1]), dtype=np.uint8)
    turned[:, :distance] = 1
    turned = draw.permuted(turned, axis=1)
    return codes ^ np.packbits(turned, axis=1, bitorder="little").view("<u8").astype(np.uint64)


def test_the_two_stage_scan_finds_nothing_that_the_exact_one_does_not() -> None:
    codes = Codes.within(some_codes(2, 300, 16))
    exact, staged = scan(codes, 200), scan_two_stage(codes, 200)
    assert {tuple(pair) for pair in staged} <= {tuple(pair) for pair in exact}
    assert len(staged) > 0.99 * len(exact) > 0


def test_drawn_bits_are_bits_of_the_code_and_follow_from_the_seed() -> None:
    rows = some_codes(1, 50, 16)
    drawn = drawn_bits(rows, 100, 7)
    assert drawn.shape == (50, 2)
    assert np.array_equal(drawn, drawn_bits(rows, 100, 7))
    assert not np.array_equal(drawn, drawn_bits(rows, 100, 8))
    whole = drawn_bits(rows, 1024, 7)
    i, j = np.triu_indices(50, 1)
    assert np.array_equal(hamming(whole, i, j), hamming(rows, i, j))


def test_hashing_finds_as_many_as_it_states() -> None:
    draw = np.random.default_rng(4)
    n, distance = 2000, 100
    left = draw.integers(0, 2**64, (n, 16), dtype=np.uint64)
    codes = Codes.between(left, noisy_at(draw, left, distance))
    found = hamming_lsh(codes, distance, key_bits=20, tables=10)
    expected = lsh_recall(1024, distance, 20, 10)
    assert 0.5 < expected < 0.9
    assert abs(len(found) / n - expected) < 4 * np.sqrt(expected * (1 - expected) / n)
    assert np.array_equal(found, np.unique(found, axis=0))
    assert lsh_recall(1024, 1020, 20, 10) == 0
    assert lsh_recall(1024, 0, 20, 1) == pytest.approx(1)


def test_what_makes_no_sense_is_refused() -> None:
    rows = some_codes(0, 10, 2)
    with pytest.raises(PatternError):
        Codes(rows, np.arange(10))
    with pytest.raises(PatternError):
        Codes(rows.astype(np.int64), np.arange(1, 11))
    with pytest.raises(PatternError):
        scan(Codes.within(rows), 3, 5, 11)
    for prefix, loss in ((129, 0.1), (64, 0.0), (0, 0.5)):
        with pytest.raises(PatternError):
            prefix_bound(128, prefix, 3, loss)
    with pytest.raises(PatternError):
        hamming_lsh(Codes.within(rows), 3, key_bits=65, tables=1)


def test_nothing_one_code_and_equal_codes() -> None:
    none = Codes.within(np.empty((0, 16), dtype=np.uint64))
    one = Codes.within(np.ones((1, 16), dtype=np.uint64))
    for codes in (none, one):
        assert len(scan(codes, 9)) == len(scan_two_stage(codes, 9)) == 0
        assert len(hamming_lsh(codes, 9, key_bits=8, tables=2)) == 0
        assert distance_histogram(codes, np.zeros(len(codes.words), dtype=int), 1).sum() == 0
    same = Codes.within(np.ones((40, 16), dtype=np.uint64))
    assert len(scan(same, 0)) == len(scan_two_stage(same, 0)) == 40 * 39 // 2
    assert len(scan(same, -1)) == 0
