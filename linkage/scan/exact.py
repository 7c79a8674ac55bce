"""The exact scan: every pair of codes within a Hamming distance, or how many pairs have each distance."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt
from numba import njit

from linkage.errors import PatternError
from linkage.kernels.lanes import popcount64
from linkage.scan.lanes import LANES, tile_distances, tile_hits
from linkage.scan.tiles import Codes, tiled

ROWS: Final = 64  # of a block: with a tile they stay in the first-level cache at 2048 bits

_plain: Any = njit(nogil=True, cache=True)


@_plain
def near_pairs(
    words: Any, short: Any, tiles: Any, short_bound: int, codes: Any, bound: int, partners: Any, lo: int, hi: int
) -> Any:
    """Return int64[k, 3]: rows i in [lo, hi) and j of the pairs within `bound`, and their distance.

    Args:
        words: A tuple of as many zeros as `short` has words.
        short: uint64[n, s], what is compared first: the codes, or some of their bits.
        tiles: `short`, tiled.
        short_bound: Pairs whose short codes differ in more bits are passed over.
        codes: uint64[n, w].
        bound: Largest distance.
        partners: int64[n], see `Codes`.
        lo: First row.
        hi: End of the first rows.
    """
    n, width = codes.shape
    found, kept = np.empty((1 << 10, 3), dtype=np.int64), np.int64(0)
    hits = np.empty(ROWS, dtype=np.uint8)
    size = short.shape[1]
    for start in range(lo, hi, ROWS):
        end = min(start + ROWS, hi)
        for tile in range(partners[start] // LANES, tiles.shape[0]):
            place = tile * size * LANES
            if not tile_hits(words, tiles, place, short, start * size, end - start, short_bound, hits):
                continue
            for i in range(start, end):
                if hits[i - start] == 0:
                    continue
                while kept + LANES > found.shape[0]:
                    found = np.concatenate((found, np.empty_like(found)))
                for lane in range(LANES):
                    j = tile * LANES + lane
                    if hits[i - start] >> lane & 1 == 0 or j < partners[i] or j >= n:
                        continue
                    distance = np.uint64(0)
                    for word in range(width):
                        distance += popcount64(codes[i, word] ^ codes[j, word])
                    found[kept, 0], found[kept, 1], found[kept, 2] = i, j, np.int64(distance)
                    kept += np.int64(distance) <= bound
    return found[:kept]


def checked_range(codes: Codes, lo: int, hi: int | None) -> tuple[int, int]:
    """Return the range of first rows.

    Raises:
        PatternError: It lies outside the codes.
    """
    end = len(codes.words) if hi is None else hi
    if not 0 <= lo <= end <= len(codes.words):
        raise PatternError("The row range lies outside the codes.")
    return lo, end


def ordered(found: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return found pairs (int64[k, 3]) by i, j."""
    return np.asarray(found[np.lexsort((found[:, 1], found[:, 0]))])


def scan(codes: Codes, bound: int, lo: int = 0, hi: int | None = None) -> npt.NDArray[np.int64]:
    """Return all pairs whose first row is in [lo, hi) within a distance of `bound` bits.

    Returns:
        int64[k, 3]: i, j (i < j) and distance, sorted.

    Raises:
        PatternError: The range lies outside the codes.
    """
    lo, hi = checked_range(codes, lo, hi)
    if bound < 0 or not len(codes.words):
        return np.empty((0, 3), dtype=np.int64)
    words = (0,) * codes.words.shape[1]
    tiles = tiled(codes.words)
    return ordered(near_pairs(words, codes.words, tiles, bound, codes.words, bound, codes.partners, lo, hi))


@_plain
def _histogram(words: Any, codes: Any, tiles: Any, partners: Any, groups: Any, n_groups: int, lo: int, hi: int) -> Any:
    n, width = codes.shape
    counts = np.zeros((n_groups, n_groups, 64 * width + 1), dtype=np.int64)
    out = np.empty(LANES, dtype=np.int64)
    for start in range(lo, hi, ROWS):
        end = min(start + ROWS, hi)
        for tile in range(partners[start] // LANES, tiles.shape[0]):
            for i in range(start, end):
                tile_distances(words, tiles, tile * width * LANES, codes, i * width, out)
                first = max(partners[i] - tile * LANES, 0)
                last = min(n - tile * LANES, LANES)
                for lane in range(first, last):
                    counts[groups[i], groups[tile * LANES + lane], out[lane]] += 1
    return counts


def distance_histogram(
    codes: Codes, groups: npt.NDArray[Any], n_groups: int, lo: int = 0, hi: int | None = None
) -> npt.NDArray[np.int64]:
    """Count all pairs whose first row is in [lo, hi) by groups and distance.

    Args:
        codes: The codes.
        groups: Integer[n], each row's group (its register), below `n_groups`.
        n_groups: Number of groups.
        lo: First row.
        hi: End of the first rows.

    Returns:
        int64[n_groups, n_groups, bits + 1]: group of the first row, of the second, distance.

    Raises:
        PatternError: The range lies outside the codes.
    """
    lo, hi = checked_range(codes, lo, hi)
    if not len(codes.words):
        return np.zeros((n_groups, n_groups, codes.bits + 1), dtype=np.int64)
    words = (0,) * codes.words.shape[1]
    kinds = np.asarray(groups, dtype=np.int64)
    return np.asarray(_histogram(words, codes.words, tiled(codes.words), codes.partners, kinds, n_groups, lo, hi))
