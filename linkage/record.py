"""Profile `record`: an exact scan of all pairs of record-level encodings.

A pair's similarity is its Hamming distance against that of random pairs: (mean - h) / sd, in steps of
half a standard deviation (level 1 holds everything from four standard deviations below the mean). The
mean and sd come from the pass itself, by a fixed walk over its rows, so that every range of rows bins
alike. Documents are compared as in the other profiles; together they are the pattern that the same EM
reads. Bins, unlike a threshold, need no truth.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt
from numba import njit

from linkage.kernels.batch import document_level, marks_of
from linkage.kernels.hashing import grown, slot_of
from linkage.kernels.lanes import popcount64, token_bits
from linkage.layout import layout_of
from linkage.model import Model
from linkage.plan import DOCUMENT_LEVELS, SIMILARITY_BINS, ComparisonPlan
from linkage.tables import PassArrays
from linkage.twins import document_levels

STEPS_PER_SD: Final = 2
MIDDLE_BIN: Final = 8  # the bin that begins at the mean of random pairs
_SAMPLE: Final = 50_000
_TILE: Final = 64  # rows of a tile: 64 encodings of 2048 bits fill half a first-level cache


def hamming(encodings: npt.NDArray[np.uint64], i: npt.NDArray[Any], j: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    """Return the Hamming distance of row pairs of uint64[n, w]."""
    different = encodings[i] ^ encodings[j]
    return np.asarray(np.bitwise_count(different).sum(axis=1, dtype=np.int64))


def bin_bounds(arrays: PassArrays) -> npt.NDArray[np.int64]:
    """Return int64[SIMILARITY_BINS - 1], falling: a pair's bin is the number of bounds its distance is below.

    Random pairs are row r with row r + step for a few odd steps: deterministic, and free of the order
    of the file, which handles have shuffled.
    """
    n = len(arrays)
    if n < 2:
        return np.arange(SIMILARITY_BINS - 1, 0, -1, dtype=np.int64)
    rows = np.arange(n, dtype=np.int64)
    steps = max(min(_SAMPLE // n, n - 1), 1)
    taken = rows[:: max(n // _SAMPLE, 1)]
    distances = [hamming(arrays.encodings, taken, (taken + 1 + (n - 1) * step // steps) % n) for step in range(steps)]
    sample = np.concatenate(distances)
    middle = float(np.median(sample))
    spread = max(1.4826 * float(np.median(np.abs(sample - middle))), 1.0)
    steps_up = np.arange(1, SIMILARITY_BINS) - MIDDLE_BIN
    return np.asarray(np.floor(middle - steps_up * spread / STEPS_PER_SD), dtype=np.int64)


def record_patterns(
    arrays: PassArrays, plan: ComparisonPlan, i: npt.NDArray[np.int64], j: npt.NDArray[np.int64]
) -> npt.NDArray[np.uint64]:
    """Return the patterns (uint64[n]) of row pairs: the NumPy twin of the scan."""
    distance = hamming(arrays.encodings, i, j)
    level = 1 + (distance[:, None] <= bin_bounds(arrays)[None, :]).sum(axis=1)
    pattern = level.astype(np.uint64) * np.uint64(plan.multiplier("similarity"))
    if plan.multiplier("documents"):
        documents = document_levels(arrays, layout_of(plan), i, j)
        pattern = pattern + documents.astype(np.uint64) * np.uint64(plan.multiplier("documents"))
    return np.asarray(pattern, dtype=np.uint64)


@njit(nogil=True, cache=True)
def _level(encodings: Any, i: int, j: int, level_of: Any) -> Any:
    distance = np.uint64(0)
    for word in range(encodings.shape[1]):
        distance += popcount64(encodings[i, word] ^ encodings[j, word])
    return level_of[np.int64(distance)]


@njit(nogil=True, cache=True)
def _scan(
    layout: Any,
    rows: Any,
    many: Any,
    lo: int,
    hi: int,
    level_of: Any,
    likely: Any,
    emit: bool,
) -> Any:
    """Walk all pairs, tile by tile; count patterns, or keep the pairs of likely (level, document level)."""
    encodings, register = rows.encodings, rows.register
    n, n_registers = len(register), len(many)
    marks, _ = marks_of(layout, rows, many)
    stride = rows.tokens.shape[1]
    table = np.zeros((1 << 12, 2), dtype=np.int64)
    filled, kept = 0, 0
    first = np.empty(1 << 10, dtype=np.int64)
    second = np.empty(1 << 10, dtype=np.int64)
    patterns = np.empty(1 << 10, dtype=np.int64)
    for tile_i in range(lo, hi, _TILE):
        end_i = min(tile_i + _TILE, hi)
        for tile_j in range(tile_i + 1, n, _TILE):
            end_j = min(tile_j + _TILE, n)
            for i in range(tile_i, end_i):
                for j in range(max(tile_j, i + 1), end_j):
                    if register[i] == register[j] and not many[register[i]]:
                        continue
                    level = _level(encodings, i, j, level_of)
                    document = 0
                    if len(layout.slots):
                        document = document_level(
                            layout, rows, i, j, marks[i], marks[j], token_bits(rows.tokens, i * stride, j * stride)
                        )
                    if emit:
                        if not likely[level, document]:
                            continue
                        if kept == len(first):
                            first = np.concatenate((first, np.empty_like(first)))
                            second = np.concatenate((second, np.empty_like(second)))
                            patterns = np.concatenate((patterns, np.empty_like(patterns)))
                        first[kept], second[kept] = i, j
                        patterns[kept] = level + document * layout.document_multiplier[0]
                        kept += 1
                        continue
                    pattern = level + document * layout.document_multiplier[0]
                    key = (pattern * n_registers + register[i]) * n_registers + register[j]
                    at = slot_of(table, key)
                    filled += table[at, 1] == 0
                    table[at, 0] = key
                    table[at, 1] += 1
                    if 2 * filled > table.shape[0]:
                        table = grown(table)
    return table, first[:kept], second[:kept], patterns[:kept]


def _level_of_distance(arrays: PassArrays) -> npt.NDArray[np.int64]:
    """Return int64[bits + 1]: the level of each Hamming distance."""
    distances = np.arange(64 * arrays.encodings.shape[1] + 1)
    return np.asarray(1 + (distances[:, None] <= bin_bounds(arrays)[None, :]).sum(axis=1), dtype=np.int64)


def count_keys(
    arrays: PassArrays, plan: ComparisonPlan, many: npt.NDArray[np.bool_], lo: int, hi: int
) -> npt.NDArray[np.int64]:
    """Count patterns as `kernels.count_kernel` does: a hash table int64[places, 2]."""
    none = np.zeros((1, 1), dtype=np.bool_)
    level_of = _level_of_distance(arrays)
    table, _, _, _ = _scan(layout_of(plan), arrays.rows(), many, lo, hi, level_of, none, False)
    return np.asarray(table)


def likely_pairs(
    arrays: PassArrays, plan: ComparisonPlan, many: npt.NDArray[np.bool_], lo: int, hi: int, model: Model, bound: float
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.uint64]]:
    """Return rows i, j and patterns of the pairs that weigh at least `bound`, as `kernels.emit_kernel` does."""
    documents = max(len(DOCUMENT_LEVELS) * (plan.multiplier("documents") > 0), 1)
    combined = np.arange(SIMILARITY_BINS + 1)[:, None] + np.arange(documents)[None, :] * plan.multiplier("documents")
    likely = (model.weight(arrays.name, combined.ravel().astype(np.uint64)) >= bound).reshape(combined.shape)
    level_of = _level_of_distance(arrays)
    _, i, j, patterns = _scan(layout_of(plan), arrays.rows(), many, lo, hi, level_of, likely, True)
    return i, j, patterns.astype(np.uint64)
