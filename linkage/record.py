"""Profile `record`: an exact scan of all pairs of record-level encodings.

A pair's similarity is its Hamming distance against that of random pairs: (mean - h) / sd, in steps of
half a standard deviation (level 1 holds everything from four standard deviations below the mean). The
mean and sd come from the pass itself, by a fixed walk over its rows, so that every range of rows bins
alike. Documents are compared as in the other profiles; together they are the pattern that the same EM
reads. Bins, unlike a threshold, need no truth.

Counting takes the histogram of all distances (`scan.exact`) and then only the pairs that have documents to
compare; emitting takes the pairs within the largest distance at which a pair without an equal document is
likely, and those that share a document number.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt
from numba import njit

from linkage.errors import PatternError
from linkage.kernels.batch import BATCH, BUFFERS, document_levels, marks_of
from linkage.kernels.lanes import popcount64, token_bits
from linkage.layout import ANY_SLOT, DATED, DOCUMENTS, Layout, Rows, layout_of
from linkage.model import Model
from linkage.plan import DOCUMENT_LEVELS, SIMILARITY_BINS, ComparisonPlan
from linkage.scan import Codes, distance_histogram, hamming, scan
from linkage.tables import PassArrays
from linkage.twins import document_levels as twin_document_levels

STEPS_PER_SD: Final = 2
MIDDLE_BIN: Final = 8  # the bin that begins at the mean of random pairs
_SAMPLE: Final = 50_000
_EQUAL: Final = DOCUMENT_LEVELS.index("equal")


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
        documents = twin_document_levels(arrays, layout_of(plan), i, j)
        pattern = pattern + documents.astype(np.uint64) * np.uint64(plan.multiplier("documents"))
    return np.asarray(pattern, dtype=np.uint64)


@njit(nogil=True, cache=True)
def _document_counts(
    layout: Any, rows: Any, marks: Any, holders: Any, partners: Any, lo: int, hi: int, counts: Any
) -> None:
    """Count the pairs with documents to compare by document level, registers and distance.

    Args:
        layout: A `layout.Layout`.
        rows: A `layout.Rows`.
        marks: int64[n].
        holders: int64[h], the rows that have a document, ascending.
        partners: int64[n], first row each is compared with.
        lo: First row.
        hi: End of the first rows.
        counts: int64[levels, R, R, bits + 1], counted up.
    """
    codes, stride = rows.encodings, rows.tokens.shape[1]
    left, right = np.empty(BATCH, dtype=np.int64), np.empty(BATCH, dtype=np.int64)
    work, levels = np.empty((BUFFERS, BATCH), dtype=np.int64), np.empty(BATCH, dtype=np.int64)
    n = 0
    for first in range(np.searchsorted(holders, lo), np.searchsorted(holders, hi)):
        i = holders[first]
        start = np.searchsorted(holders, partners[i])
        for other in range(start, len(holders) + 1):
            last = other == len(holders)
            if not last:
                left[n], right[n] = i, holders[other]
                work[0, n], work[1, n] = marks[i], marks[holders[other]]
                work[2, n] = token_bits(rows.tokens, i * stride, holders[other] * stride)
                n += 1
            if n == BATCH or (last and n > 0):
                document_levels(layout.slot_sketches, rows.sketches, rows.present, left, right, n, work, levels)
                for p in range(n):
                    if levels[p] > 0:
                        distance = np.uint64(0)
                        for word in range(codes.shape[1]):
                            distance += popcount64(codes[left[p], word] ^ codes[right[p], word])
                        counts[levels[p], rows.register[left[p]], rows.register[right[p]], np.int64(distance)] += 1
                n = 0


def _level_of_distance(arrays: PassArrays) -> npt.NDArray[np.int64]:
    """Return int64[bits + 1]: the level of each Hamming distance."""
    distances = np.arange(64 * arrays.encodings.shape[1] + 1)
    return np.asarray(1 + (distances[:, None] <= bin_bounds(arrays)[None, :]).sum(axis=1), dtype=np.int64)


def _codes(layout: Layout, rows: Rows, many: npt.NDArray[np.bool_]) -> tuple[Codes, npt.NDArray[np.int64]]:
    """Return the encodings with each row's first partner, and the rows' marks.

    Raises:
        PatternError: The encodings are split into blocks.
    """
    if len(rows.ends) and (rows.ends != len(rows.ends)).any():
        raise PatternError("Record-level encodings are compared all with all: they have one block.")
    marks, partners = marks_of(layout, rows, many)
    return Codes(rows.encodings, partners), marks


def count_keys(
    arrays: PassArrays, plan: ComparisonPlan, many: npt.NDArray[np.bool_], lo: int, hi: int
) -> npt.NDArray[np.int64]:
    """Count patterns as `kernels.count_kernel` does: keys and counts, int64[k, 2].

    Raises:
        PatternError: The encodings are split into blocks.
    """
    layout, rows, registers = layout_of(plan), arrays.rows(), len(many)
    codes, marks = _codes(layout, rows, many)
    counts = np.zeros((len(DOCUMENT_LEVELS), registers, registers, codes.bits + 1), dtype=np.int64)
    counts[0] = distance_histogram(codes, arrays.register, registers, lo, hi)
    if plan.multiplier("documents"):
        holders = np.flatnonzero(arrays.known & np.uint64(DOCUMENTS))
        _document_counts(layout, rows, marks, holders, codes.partners, lo, hi, counts)
        counts[0] -= counts[1:].sum(axis=0)
    document, a, b, distance = np.nonzero(counts)
    pattern = _level_of_distance(arrays)[distance] + document * plan.multiplier("documents")
    return np.stack([(pattern * registers + a) * registers + b, counts[document, a, b, distance]], axis=1)


def likely_pairs(
    arrays: PassArrays, plan: ComparisonPlan, many: npt.NDArray[np.bool_], lo: int, hi: int, model: Model, bound: float
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.uint64]]:
    """Return rows i, j and patterns of the pairs that weigh at least `bound`, as `kernels.emit_kernel` does.

    Raises:
        PatternError: The encodings are split into blocks.
    """
    documents = max(len(DOCUMENT_LEVELS) * (plan.multiplier("documents") > 0), 1)
    combined = np.arange(SIMILARITY_BINS + 1)[:, None] + np.arange(documents)[None, :] * plan.multiplier("documents")
    likely = (model.most_weight(arrays.name, combined.ravel().astype(np.uint64)) >= bound).reshape(combined.shape)
    near = likely[_level_of_distance(arrays)]  # bool[bits + 1, document levels]
    sharing = near[:, _EQUAL].any() if documents > 1 else False
    near = np.delete(near, _EQUAL, axis=1) if documents > 1 else near
    within = int(np.flatnonzero(near.any(axis=1)).max(initial=-1))
    layout, rows = layout_of(plan), arrays.rows()
    codes, _ = _codes(layout, rows, many)
    pairs = scan(codes, within, lo, hi)[:, :2]
    if sharing:
        shared = _sharing(arrays, codes.partners, lo, hi)
        pairs = np.unique(np.concatenate([pairs, shared]), axis=0)
    i, j = pairs[:, 0], pairs[:, 1]
    patterns = record_patterns(arrays, plan, i, j)
    kept = likely.ravel(order="F")[_place(patterns, plan)]
    return i[kept], j[kept], patterns[kept]


def _place(patterns: npt.NDArray[np.uint64], plan: ComparisonPlan) -> npt.NDArray[np.int64]:
    """Return where a pattern stands among similarity levels x document levels, the first running fastest."""
    levels = plan.levels_of(patterns).astype(np.int64)
    document = plan.index("documents")
    return levels[:, plan.index("similarity")] + (SIMILARITY_BINS + 1) * (levels[:, document] if document >= 0 else 0)


def _sharing(arrays: PassArrays, partners: npt.NDArray[np.int64], lo: int, hi: int) -> npt.NDArray[np.int64]:
    """Return int64[k, 2], the compared pairs with first row in [lo, hi) that share a number in comparable slots."""
    slots = [slot for slot in range(8) if DOCUMENTS >> slot & 1]
    unknown = slots[ANY_SLOT]
    found = [np.empty((0, 2), dtype=np.int64)]
    for slot in slots:
        found.append(_equal_pairs(arrays, slot, slot))
        if DATED >> slot & 1:
            found += [_equal_pairs(arrays, slot, unknown), _equal_pairs(arrays, unknown, slot)]
    pairs = np.concatenate(found)
    kept = (pairs[:, 0] >= lo) & (pairs[:, 0] < hi) & (pairs[:, 1] >= partners[pairs[:, 0]])
    return np.asarray(pairs[kept])


def _equal_pairs(arrays: PassArrays, s: int, t: int) -> npt.NDArray[np.int64]:
    """Return int64[k, 2], the pairs i < j of which i's token s equals j's token t."""
    left, right = (np.flatnonzero(arrays.known >> np.uint64(slot) & np.uint64(1)) for slot in (s, t))
    right = right[np.argsort(arrays.tokens[right, t], kind="stable")]
    ordered, wanted = arrays.tokens[right, t], arrays.tokens[left, s]
    first, last = np.searchsorted(ordered, wanted, "left"), np.searchsorted(ordered, wanted, "right")
    count = last - first
    i = np.repeat(left, count)
    j = right[np.repeat(first - np.cumsum(count) + count, count) + np.arange(count.sum())]
    return np.asarray(np.stack([i, j], axis=1)[i < j])
