"""Comparisons in the clear and as seen, on the same scale: the kernels of both sides."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numba import njit

from contract.submission import CROSSWISE_BITS

#: Jaccard index in steps of 1/32 (the last: equal sets), or grams that only one of both has (the last: more).
BINS: Final = 33
_ABSENT: Final = np.uint8(255)
_ALL: Final = np.uint64(2**64 - 1)
_SHARED: Final = np.uint64(CROSSWISE_BITS)


@njit(nogil=True, cache=True, error_model="numpy")
def gram_bin(left: Any, right: Any, offsets: Any, grams: Any, by_difference: Any) -> Any:
    """Return the bin of two values (places in `offsets`, sorted grams)."""
    if left == right:
        return 0 if by_difference else BINS - 1
    a, b, shared = offsets[left], offsets[right], 0
    end_a, end_b = offsets[left + 1], offsets[right + 1]
    both = (end_a - a) + (end_b - b)
    while a < end_a and b < end_b:
        if grams[a] == grams[b]:
            shared += 1
            a += 1
            b += 1
        elif grams[a] < grams[b]:
            a += 1
        else:
            b += 1
    if by_difference:
        return min(both - 2 * shared, BINS - 1)
    return shared * (BINS - 1) // max(both - shared, 1)


@njit(nogil=True, cache=True)
def pair_bins(left: Any, right: Any, offsets: Any, grams: Any, by_difference: Any) -> Any:
    """Return int64[n]: `gram_bin` of pairs of values."""
    out = np.empty(len(left), dtype=np.int64)
    for at in range(len(left)):
        out[at] = gram_bin(left[at], right[at], offsets, grams, by_difference)
    return out


@njit(nogil=True, cache=True)
def person_pairs(
    one: Any, other: Any, comparisons: Any, tokens: Any, sketched: Any, offsets: Any, grams: Any, by: Any
) -> Any:
    """Return uint8[n, c]: what pairs of persons' rows are to each other in the clear, 255 where one side is missing.

    Args:
        one: int64[n], rows of `Persons`.
        other: int64[n].
        comparisons: int64[c, 3], see `Layout`.
        tokens: int64[N, t].
        sketched: int64[N, s].
        offsets: int64[v + 1].
        grams: uint64[...].
        by: Whether bins count the symmetric difference.
    """
    out = np.empty((len(one), len(comparisons)), dtype=np.uint8)
    for at in range(len(one)):
        for c in range(len(comparisons)):
            kind, a, b = comparisons[c]
            out[at, c] = _ABSENT
            if kind == 0:
                left, right = tokens[one[at], a], tokens[other[at], b]
                if left >= 0 and right >= 0:
                    out[at, c] = np.uint8(left == right)
            else:
                left, right = sketched[one[at], a], sketched[other[at], b]
                if left >= 0 and right >= 0:
                    out[at, c] = np.uint8(gram_bin(left, right, offsets, grams, by))
    return out


@njit(nogil=True, cache=True)
def weight(word: Any) -> Any:
    """Return the number of ones of a uint64."""
    count = 0
    while word:
        word &= word - np.uint64(1)
        count += 1
    return count


@njit(nogil=True, cache=True)
def seen_pairs(one: Any, other: Any, comparisons: Any, tokens: Any, sketches: Any, sketched: Any) -> Any:
    """Return uint8[n, c]: what pairs of rows of one block are to each other as seen, 255 where one side is missing.

    Args:
        one: int64[n], rows of `Observed`.
        other: int64[n].
        comparisons: int64[c, 3], see `Layout`.
        tokens: int64[rows, t].
        sketches: uint64[rows, s, 2].
        sketched: bool[rows, s].
    """
    out = np.empty((len(one), len(comparisons)), dtype=np.uint8)
    for at in range(len(one)):
        i, j = one[at], other[at]
        for c in range(len(comparisons)):
            kind, a, b = comparisons[c]
            out[at, c] = _ABSENT
            if kind == 0:
                if tokens[i, a] >= 0 and tokens[j, b] >= 0:
                    out[at, c] = np.uint8(tokens[i, a] == tokens[j, b])
            elif sketched[i, a] and sketched[j, b]:
                looked_at = _ALL if kind == 1 else _SHARED
                low = weight((sketches[i, a, 0] ^ sketches[j, b, 0]) & looked_at)
                out[at, c] = np.uint8(low + weight((sketches[i, a, 1] ^ sketches[j, b, 1]) & looked_at))
    return out
