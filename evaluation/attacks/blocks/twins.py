"""NumPy twins of the search kernels: slow, plain, and held equal to them by property tests."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Bytes = npt.NDArray[np.uint8]
Ints = npt.NDArray[np.int64]


def pair_likelihoods(clear: Bytes, seen: Bytes, kinds: Ints, table: Floats) -> Floats:
    """Return float64[n]: `search.pair_likelihood` of many pairs in the clear (uint8[n, c]) with one seen (uint8[c])."""
    both = (clear != 255) & (seen != 255)
    at = np.where(clear == 255, 0, clear)
    return np.asarray(np.where(both, table[kinds, at, np.where(seen == 255, 0, seen)], 0.0).sum(axis=1))


def look_likelihoods(
    missing: npt.NDArray[np.bool_],
    within: Bytes,
    weights: npt.NDArray[np.int16],
    held: npt.NDArray[np.bool_],
    of_missing: npt.NDArray[np.bool_],
    of_within: Bytes,
    of_weights: npt.NDArray[np.int16],
    pair_table: Floats,
    weight_table: Floats,
    kinds: Ints,
    agreeing: Floats,
) -> Floats:
    """Return float64[b, L], as the kernel does for the rows given."""
    out = np.zeros((len(missing), len(of_missing)))
    for row in range(len(missing)):
        agree = (of_missing == missing[row])[:, held[row]]
        out[row] = np.where(agree, agreeing[1], agreeing[0]).sum(axis=1)
        out[row] += pair_likelihoods(of_within, within[row], kinds, pair_table)
        both = (of_weights >= 0) & (weights[row] >= 0)
        at = np.maximum(of_weights, 0), np.maximum(weights[row], 0)
        out[row] += np.where(both, weight_table[at[0], at[1]], 0.0).sum(axis=1)
    return out


def all_pair_scores(
    left: Floats,
    right: Floats,
    seen: Bytes,
    base: Floats,
    pairs: Bytes,
    look_left: Ints,
    look_right: Ints,
    group: Ints,
    kinds: Ints,
    table: Floats,
) -> Floats:
    """Return float64[n]: the score of every pair, of which `search.top_pairs` finds the best without seeing all."""
    return np.asarray(left[look_left] + right[look_right] + base[group] + pair_likelihoods(pairs, seen, kinds, table))
