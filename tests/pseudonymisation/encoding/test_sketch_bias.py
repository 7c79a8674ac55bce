"""A single sketch is nearly uniform: what its bits tell of the length, exactly, and as the kernel makes them."""

from __future__ import annotations

import numpy as np
import pytest

from pseudonymisation.encoding.sketches import sketch_kernel

LANE = 1 << 16


@pytest.mark.parametrize("grams", [5, 20, 400])
def test_the_documented_bias_is_the_exact_one(grams: int) -> None:
    """P(bit = 0) - 1/2 of the lowest bit of the least of n uniform 16-bit values is n / 2**18."""
    at_least = (np.arange(LANE, 0, -1) / LANE) ** grams
    steps = at_least - np.append(at_least[1:], 0.0)
    excess = float((steps * np.where(np.arange(LANE) % 2, -1, 1)).sum() / 2)
    assert excess == pytest.approx(grams / 2**18, rel=1e-3)


def test_sketches_of_short_and_long_values_have_one_weight() -> None:
    """20 000 keys each: the mean weights of 5 and of 40 grams differ by less than chance allows."""
    rng = np.random.default_rng(5)
    keys = rng.integers(0, 1 << 64, size=(40_000, 2), dtype=np.uint64)
    words = rng.integers(0, 1 << 42, size=45, dtype=np.uint64)
    offsets = np.array([0, 5, 45], dtype=np.int64)
    values = np.repeat(np.array([0, 1], dtype=np.int64), 20_000)
    weights = np.bitwise_count(sketch_kernel(keys, values, offsets, words)).sum(axis=1, dtype=np.int64)
    standard_error = np.sqrt(128 / 4 / 20_000)
    for mean in (weights[:20_000].mean(), weights[20_000:].mean()):
        assert abs(mean - 64) < 5 * standard_error
