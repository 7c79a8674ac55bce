"""Sketches: twins equal, length constant, and the Jaccard index recovered within its statistical error."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from pseudonymisation.encoding.sketches import (
    bigrams,
    jaccard_estimate,
    positions,
    sketch_kernel,
    sketch_twin,
)

NAMES = st.text(alphabet="abcdefghijklmnopqrstuvwxyz ", min_size=1, max_size=30).filter(str.strip)


def _sketches(values, keys):
    """Sketch each value under each key: uint8[keys, values, 16]."""
    offsets = np.concatenate([[0], np.cumsum([len(value) for value in values])])
    words = np.array([gram for value in values for gram in value], dtype=np.uint64)
    which = np.tile(np.arange(len(values)), len(keys))
    return sketch_kernel(np.repeat(keys, len(values), axis=0), which, offsets, words).reshape(len(keys), -1, 16)


@settings(deadline=None)  # the first call compiles
@given(st.binary(min_size=16, max_size=16), st.lists(NAMES, min_size=1, max_size=4))
def test_kernel_and_twin_are_equal(key, names):
    keys = np.frombuffer(key, dtype="<u8").astype(np.uint64)[None, :]
    made = _sketches([bigrams(name) for name in names], keys)[0]
    assert [row.tobytes() for row in made] == [sketch_twin(key, bigrams(name)) for name in names]


@given(st.text(min_size=1, max_size=12))
def test_any_value_has_grams_of_at_most_42_bits(value):
    for made in (bigrams(value), positions(value)):
        assert made
        assert max(made) < 2**42


def test_tokens_are_padded_each_and_their_order_is_nothing():
    assert bigrams("ali omar") == bigrams("omar ali")
    assert len(bigrams("ali")) == 4
    assert bigrams("al li") != bigrams("alli")


def test_a_number_is_compared_place_by_place():
    assert len(set(positions("AB123456")) & set(positions("AB123956"))) == 7
    assert not set(positions("123")) & set(positions("X123"))


def test_the_jaccard_index_is_recovered():
    keys = np.random.default_rng(7).integers(0, 2**63, size=(3000, 2), dtype=np.uint64)
    for left, right in (("mohamed", "mohammed"), ("mohamed", "ahmed"), ("diallo", "jallow"), ("sara", "khadija")):
        one, other = bigrams(left), bigrams(right)
        true = len(set(one) & set(other)) / len(set(one) | set(other))
        made = _sketches([one, other], keys)
        estimates = jaccard_estimate(made[:, 0], made[:, 1])
        # of 128 bits each agrees with probability (1 + J) / 2
        spread = np.sqrt((1 - true**2) / 128)
        assert abs(estimates.mean() - true) < 5 * spread / np.sqrt(len(keys))
        assert abs(estimates.std() - spread) < 0.1 * spread


def test_the_weight_says_nothing_about_the_length():
    keys = np.random.default_rng(8).integers(0, 2**63, size=(3000, 2), dtype=np.uint64)
    made = _sketches([bigrams("li"), bigrams("wickramasinghearachchi")], keys)
    weights = np.bitwise_count(made).sum(axis=2).mean(axis=0)
    assert np.all(np.abs(weights - 64) < 5 * np.sqrt(32 / len(keys)))
