"""Walks over all comparable pairs of the rows of a pass, in batches."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numba import njit

from linkage.kernels.batch import BATCH, BUFFERS, batch_patterns, marks_of
from linkage.kernels.hashing import grown, slot_of
from linkage.kernels.lanes import LANES, prefetch
from linkage.layout import Rows

_SHORT: Final = 4  # so many partners are written at once, wanted or not: most rows have fewer
_FIRST_PLACES: Final = 1 << 13
_AHEAD: Final = 64  # rows that are fetched before they are compared: small blocks wait for nothing else
_CHUNK_ROWS: Final = 1 << 11  # whole blocks walked together, at least: what is worked out of a row stays in cache
_TILE_ROWS: Final = 2 * _CHUNK_ROWS  # partners that stay in the second-level cache; a chunk of small blocks is one tile

_plain: Any = njit(nogil=True, cache=True)
_uncounted: Any = njit(nogil=True, cache=True, _nrt=False)  # type: ignore[call-overload]


@_uncounted
def next_pairs(rows: Any, partners: Any, hi: int, place: Any, left: Any, right: Any) -> Any:
    """Fill left and right (int64[BATCH + 4]) with the next pairs and return how many; 0 at the end.

    The rows of a huge block do not stay in cache until the next first row meets them: all first rows meet
    one tile of partners before they go on to the next.

    Args:
        rows: A `layout.Rows`.
        partners: int64[rows], first row that each row is compared with.
        hi: End of the first rows.
        place: int64[3], the row, partner and tile to go on with; moved on.
        left: First rows.
        right: Second rows.
    """
    sketches, tokens, ends, words = rows.sketches, rows.tokens, rows.ends, 2 * rows.sketches.shape[1]
    i, j, tile, n = place[0], place[1], place[2], 0
    while n < BATCH:
        stop = tile + _TILE_ROWS
        if i >= hi or i >= stop:
            if stop >= len(ends):
                break
            i, tile = 0, stop
            j = max(partners[0], tile)
            continue
        take = max(min(ends[i], stop) - j, 0)
        if take > _SHORT:
            room = BATCH - n
            for step in range(min(take, room)):
                left[n + step], right[n + step] = i, j + step
            n += min(take, room)
            if take > room:
                j += room
                continue
        elif n + take > BATCH:
            break
        else:
            for step in range(_SHORT):
                left[n + step], right[n + step] = i, j + step
            n += take
        i += 1
        ahead = i + _AHEAD  # two lines hold most of a row's sketches, one its tokens
        prefetch(sketches, ahead * words)
        prefetch(sketches, ahead * words + LANES)
        prefetch(tokens, ahead * tokens.shape[1])
        j = max(partners[i], tile) if i < hi else 0
    place[0], place[1], place[2] = i, j, tile
    return n


@_plain
def _chunk_end(ends: Any, lo: int, hi: int) -> Any:
    """Return the end of the whole blocks that are walked together from `lo` on, which may lie beyond `hi`."""
    end = lo
    while end < hi and end - lo < _CHUNK_ROWS:
        end = ends[end]
    return end


@_plain
def _chunk(rows: Any, lo: int, end: int) -> Any:
    """Return the rows of [lo, end), counted from lo."""
    ends = np.empty(end - lo, dtype=np.int64)
    for at in range(end - lo):
        ends[at] = rows.ends[lo + at] - lo
    return Rows(
        rows.sketches[lo:end],
        rows.present[lo:end],
        rows.tokens[lo:end],
        rows.known[lo:end],
        rows.classes[lo:end],
        rows.order_known[lo:end],
        rows.register[lo:end],
        rows.encodings[lo:end],
        ends,
    )


@_plain
def _opened(layout: Any, rows: Any, many: Any, lo: int, hi: int, place: Any) -> Any:
    """Return the end of the chunk that begins at lo, its rows, marks and partners; the walk's place is set to begin."""
    end = _chunk_end(rows.ends, lo, hi)
    chunk = _chunk(rows, lo, end)
    marks, partners = marks_of(layout, chunk, many)
    place[0], place[1], place[2] = 0, partners[0], 0
    return end, chunk, marks, partners


@_plain
def count_kernel(layout: Any, rows: Any, many: Any, lo: int, hi: int) -> Any:
    """Count the patterns of all comparable pairs whose first row is in [lo, hi).

    Args:
        layout: A `layout.Layout`.
        rows: A `layout.Rows`.
        many: bool[R], whether a register's own rows are compared with each other.
        lo: First row.
        hi: End of the rows (exclusive).

    Returns:
        int64[places, 2], a hash table: pattern * R² + register of the first row * R + register of the
        second, and how often. Places with 0 are empty.
    """
    left, right = np.empty(BATCH + _SHORT, dtype=np.int64), np.empty(BATCH + _SHORT, dtype=np.int64)
    work, out = np.empty((BUFFERS, BATCH), dtype=np.int64), np.empty(BATCH, dtype=np.int64)
    table = np.zeros((_FIRST_PLACES, 2), dtype=np.int64)
    place, filled, registers = np.zeros(3, dtype=np.int64), 0, len(many)
    while lo < hi:
        end, chunk, marks, partners = _opened(layout, rows, many, lo, hi, place)
        while True:
            n = next_pairs(chunk, partners, min(end, hi) - lo, place, left, right)
            if n == 0:
                break
            batch_patterns(layout, chunk, marks, left, right, n, work, out)
            while 2 * (filled + n) > table.shape[0]:
                table = grown(table)
            a, b = work[0], work[1]
            for p in range(n):
                key = (out[p] * registers + (a[p] >> 16 & 0xFFFF)) * registers + (b[p] >> 16 & 0xFFFF)
                at = slot_of(table, key)
                filled += table[at, 1] == 0
                table[at, 0] = key
                table[at, 1] += 1
        lo = end
    return table


@_plain
def _score(pattern: Any, sizes: Any, weights: Any, kind_bits: Any) -> Any:
    """Return a pattern's likelihood ratio in bits: over the kinds of matches, as `Model.weight` sums it."""
    ratio = 0.0
    for kind in range(len(kind_bits)):
        bits = kind_bits[kind]
        rest = pattern
        for variable in range(len(sizes)):
            bits += weights[kind, variable, rest % sizes[variable]]
            rest //= sizes[variable]
        ratio += 2.0 ** min(max(bits, -1000.0), 1000.0)
    return np.log2(ratio)


@_plain
def _doubled(found: Any, kept: int) -> Any:
    """Return an array twice as long that begins with the same `kept` rows; the rest is never touched."""
    larger = np.empty((2 * found.shape[0], found.shape[1]), dtype=found.dtype)
    for at in range(kept):
        larger[at, 0], larger[at, 1], larger[at, 2] = found[at, 0], found[at, 1], found[at, 2]
    return larger


@_plain
def emit_kernel(
    layout: Any,
    rows: Any,
    many: Any,
    lo: int,
    hi: int,
    sizes: Any,
    weights: Any,
    kind_bits: Any,
    bound: float,
) -> Any:
    """Return first row, second row and pattern (int64) of the pairs that weigh at least `bound`.

    Args:
        layout: A `layout.Layout`.
        rows: A `layout.Rows`.
        many: bool[R], whether a register's own rows are compared with each other.
        lo: First row.
        hi: End of the rows (exclusive).
        sizes: int64[V], the number of levels of each variable.
        weights: float64[K, V, L], log2(m / u) of each kind of matches.
        kind_bits: float64[K], log2 of each kind's share.
        bound: Least weight in bits.
    """
    left, right = np.empty(BATCH + _SHORT, dtype=np.int64), np.empty(BATCH + _SHORT, dtype=np.int64)
    work, out = np.empty((BUFFERS, BATCH), dtype=np.int64), np.empty(BATCH, dtype=np.int64)
    table = np.zeros((_FIRST_PLACES, 2), dtype=np.int64)  # 1: below the bound, 2: kept, 0: empty
    place, filled, kept = np.zeros(3, dtype=np.int64), 0, 0
    found = np.empty((1 << 12, 3), dtype=np.int64)
    while lo < hi:
        end, chunk, marks, partners = _opened(layout, rows, many, lo, hi, place)
        while True:
            n = next_pairs(chunk, partners, min(end, hi) - lo, place, left, right)
            if n == 0:
                break
            batch_patterns(layout, chunk, marks, left, right, n, work, out)
            while 2 * (filled + n) > table.shape[0]:
                table = grown(table)
            while kept + n > found.shape[0]:
                found = _doubled(found, kept)
            for p in range(n):
                at = slot_of(table, out[p])
                if table[at, 1] == 0:
                    filled += 1
                    table[at, 0] = out[p]
                    table[at, 1] = 2 if _score(out[p], sizes, weights, kind_bits) >= bound else 1
                found[kept, 0], found[kept, 1], found[kept, 2] = lo + left[p], lo + right[p], out[p]
                kept += table[at, 1] - 1
        lo = end
    return found[:kept]


@_plain
def patterns_kernel(layout: Any, rows: Any, many: Any, left: Any, right: Any) -> Any:
    """Return the patterns (int64[n]) of given row pairs (int64[n] each)."""
    marks, _ = marks_of(layout, rows, many)
    work, out = np.empty((BUFFERS, BATCH), dtype=np.int64), np.empty(BATCH, dtype=np.int64)
    patterns = np.empty(len(left), dtype=np.int64)
    for start in range(0, len(left), BATCH):
        n = min(BATCH, len(left) - start)
        batch_patterns(layout, rows, marks, left[start:], right[start:], n, work, out)
        patterns[start : start + n] = out[:n]
    return patterns


@_plain
def largest_block(ends: Any) -> Any:
    """Return the rows of the largest block (ends: int64[n], end of each row's block)."""
    most = 0
    for i in range(len(ends)):
        most = max(most, ends[i] - i)
    return most


@_plain
def pairs_kernel(rows: Any, many: Any, lo: int, hi: int) -> Any:
    """Return first and second row (int64) of all comparable pairs whose first row is in [lo, hi)."""
    register, ends, total = rows.register, rows.ends, 0
    for i in range(lo, hi):
        for j in range(i + 1, ends[i]):
            if register[i] != register[j] or many[register[i]]:
                total += 1
    first = np.empty(total, dtype=np.int64)
    second = np.empty(total, dtype=np.int64)
    at = 0
    for i in range(lo, hi):
        for j in range(i + 1, ends[i]):
            if register[i] != register[j] or many[register[i]]:
                first[at], second[at] = i, j
                at += 1
    return first, second
