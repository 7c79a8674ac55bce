"""What distances look like, learnt by the attacker from own data under own random keys: the scheme is public.

Two values in the clear fall into a bin by their grams; the table says how far apart their encodings then are. The
same is learnt for one encoding's weight, given how many grams the value has: a Bloom filter betrays its length so.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from contract.submission import CROSSWISE_BITS
from evaluation.attacks.blocks.knowledge import Persons
from evaluation.attacks.blocks.layout import CROSSWISE, SKETCH, TOKEN
from evaluation.attacks.blocks.similarity import BINS, pair_bins
from pseudonymisation.encoding.sketches import SKETCH_BITS, sketch_kernel

LEVELS: Final = SKETCH_BITS + 1
_SAMPLE: Final = 12_000
_ENOUGH: Final = 20
_CHANCE_EQUAL: Final = 0.002  # short tokens hardly collide
Keys = npt.NDArray[np.uint64]


@dataclass(frozen=True)
class Encoding:
    """An encoding of gram sets in 128 bits.

    Attributes:
        kernel: (keys uint64[n, 2], values int64[n], offsets, grams) to uint8[n, 16].
        by_difference: Whether the distance follows the size of the symmetric difference, not the Jaccard index.
    """

    kernel: Callable[[Any, Any, Any, Any], npt.NDArray[np.uint8]]
    by_difference: bool = False


SKETCHES: Final = Encoding(sketch_kernel)


@dataclass(frozen=True)
class Tables:
    """Log likelihoods.

    Attributes:
        pairs: float64[3, BINS, 129]: kind of comparison, bin in the clear, what is seen (0 or 1, or a distance).
        weights: float64[BINS, 129]: number of grams (the last bin: more), weight seen.
    """

    pairs: npt.NDArray[np.float64]
    weights: npt.NDArray[np.float64]


def learn(persons: Persons, encoding: Encoding, rng: np.random.Generator, error: float = 0.01) -> Tables:
    """Learn the tables from random pairs of the attacker's values and from each value beside itself and its like.

    Args:
        persons: The attacker's.
        encoding: What the sketch columns hold.
        rng: Draws pairs and keys.
        error: Share of cells that differ from the attacker's copy; of a pair either may.
    """
    pairs = np.zeros((3, BINS, LEVELS))
    pairs[TOKEN, 0, :2] = np.log([1 - _CHANCE_EQUAL, _CHANCE_EQUAL])
    pairs[TOKEN, 1, :2] = np.log([error, 1 - error])
    values = len(persons.offsets) - 1
    if values == 0:
        return Tables(pairs, np.zeros((BINS, LEVELS)))
    left = rng.integers(0, values, _SAMPLE)
    near = np.clip(left + rng.integers(-3, 4, _SAMPLE), 0, values - 1)  # values are sorted: neighbours are alike
    right = np.where(rng.random(_SAMPLE) < 0.5, near, rng.integers(0, values, _SAMPLE))
    keys = rng.integers(0, 2**63, (_SAMPLE, 2)).astype(np.uint64)
    one = encoding.kernel(keys, left, persons.offsets, persons.grams)
    other = encoding.kernel(keys, right, persons.offsets, persons.grams)
    bins = pair_bins(left, right, persons.offsets, persons.grams, encoding.by_difference)
    unlike = (one ^ other).view(np.uint64)
    for kind, looked_at in ((SKETCH, 2**64 - 1), (CROSSWISE, CROSSWISE_BITS)):
        distance = np.bitwise_count(unlike & np.uint64(looked_at)).sum(axis=1, dtype=np.int64)
        pairs[kind] = smoothed(bins, distance, 2 * error)
    sizes = np.minimum(np.diff(persons.offsets)[left], BINS - 1)
    return Tables(pairs, smoothed(sizes, np.bitwise_count(one).sum(axis=1, dtype=np.int64), 2 * error))


def smoothed(bins: npt.NDArray[np.int64], seen: npt.NDArray[np.int64], stray: float) -> npt.NDArray[np.float64]:
    """Return float64[BINS, 129] log densities: a normal law in each bin, bins with few examples interpolated.

    A share `stray` follows the law of all bins together.
    """
    count = np.bincount(bins, minlength=BINS)
    safe = np.maximum(count, 1)
    mean = np.bincount(bins, seen, minlength=BINS) / safe
    variance = np.bincount(bins, seen.astype(np.float64) ** 2, minlength=BINS) / safe - mean**2
    enough = np.flatnonzero(count >= min(_ENOUGH, count.max()))
    every = np.arange(BINS)
    mean = np.interp(every, enough, mean[enough])
    spread = np.sqrt(np.maximum(np.interp(every, enough, variance[enough]), 0.02))
    density = np.exp(-0.5 * ((np.arange(LEVELS)[None, :] - mean[:, None]) / spread[:, None]) ** 2)
    density /= density.sum(axis=1, keepdims=True)
    at_large = np.bincount(seen, minlength=LEVELS) + 1.0
    return np.asarray(np.log((1 - stray) * density + stray * at_large / at_large.sum()))
