"""The patterns of a batch of row pairs: a few short loops, each over one part of the comparison.

Buffers are int64 throughout, so that no loop mixes signed and unsigned numbers and LLVM can run them
on vectors. A row's *marks* gather all its small facts in one int64:

| bits | what |
|---|---|
| 0-3 | given, family, given_skeleton, family_skeleton are there |
| 4-7 | the same with given and family changed about |
| 8-9, 10-11 | frequency class of given and family |
| 12 | the order of names is known |
| 13, 14 | full, full_skeleton are there |
| 16-31 | register |
| 32-47 | which tokens are known |
| 48-63 | the same with tokens changed about as in `lanes.token_bits` |
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numba import njit

from linkage.kernels.lanes import LANES, name_bits, popcount64, token_bits
from linkage.layout import DATED, DOCUMENTS, FULL_CODE, OWN_AT, PERMANENT, SLOT_AT, TOKEN_LANES
from linkage.levels import (
    DOCUMENT_NEAR,
    FULL_CLOSE,
    FULL_NEAR,
    FULL_PARTIAL,
    FULL_WEAK,
    NAME_CLOSE,
    NAME_NEAR,
    NAME_PARTIAL,
    NAME_WEAK,
    ORDER_MARGIN,
    SKETCH_CLOSE,
    SKETCH_PARTIAL,
)

BATCH: Final = 512
BUFFERS: Final = 6
_EVEN: Final = 0x00FF00FF00FF00FF


# What runs for every pair is inlined and counts no references: passing arrays by value, and counting
# each, costs several times the comparison itself. None of it allocates.
_UNCOUNTED: Final[dict[str, Any]] = {"nogil": True, "cache": True, "_nrt": False}
_loop: Any = njit(**_UNCOUNTED)
_hot: Any = njit(**_UNCOUNTED, forceinline=True)
_plain: Any = njit(nogil=True, cache=True)


@_plain
def marks_of(layout: Any, rows: Any, many: Any) -> Any:
    """Return marks (int64[n]) and, for each row, the first row of its block it is compared with (int64[n])."""
    n = len(rows.ends)
    marks, partners = np.empty(n, dtype=np.int64), np.empty(n, dtype=np.int64)
    parts, full, full_skeleton = layout.names[0] >= 0, layout.names[4], layout.names[5]
    for i in range(n - 1, -1, -1):
        present, known, mark = np.int64(rows.present[i]), np.int64(rows.known[i]), np.int64(0)
        if parts:
            mark = present & 15
            mark |= (mark & 5) << 5 | (mark & 10) << 3
        if full >= 0:
            mark |= (present >> full & 1) << 13 | (present >> full_skeleton & 1) << 14
        mark |= np.int64(rows.classes[i, 0]) << 8 | np.int64(rows.classes[i, 1]) << 10
        mark |= np.int64(rows.order_known[i]) << 12 | np.int64(rows.register[i]) << 16
        known &= 0xFFFF
        crossed = known & 0xFFC1 | (known >> 1 & 2) | (known << 1 & 4) | (known >> 7 & 1) * DATED
        marks[i] = mark | known << 32 | crossed << 48
        partners[i] = i + 1
        if i + 1 < rows.ends[i] and rows.register[i] == rows.register[i + 1] and not many[rows.register[i]]:
            partners[i] = partners[i + 1]
    return marks, partners


@_loop
def _gather(marks: Any, left: Any, right: Any, n: int, mark_left: Any, mark_right: Any) -> None:
    for p in range(n):
        mark_left[p], mark_right[p] = marks[np.uint64(left[p])], marks[np.uint64(right[p])]


@_loop
def _name_distances(sketches: Any, left: Any, right: Any, n: int, straight: Any, crosswise: Any) -> None:
    stride = 2 * sketches.shape[1]
    for p in range(n):
        straight[p], crosswise[p] = name_bits(sketches, left[p] * stride, right[p] * stride)


@_loop
def _name_levels(straight: Any, crosswise: Any, mark_left: Any, mark_right: Any, n: int, out: Any, state: Any) -> None:
    """Fill codes (given + 16 family + 256 order) and states (distance compared + 65536 names compared).

    See `twins.name_levels` for the rules. Masks tell LLVM that numbers are small, so that it multiplies
    and compares on vectors.
    """
    for p in range(n):
        a, b = mark_left[p], mark_right[p]
        even = (straight[p] & _EVEN) + (straight[p] >> 8 & _EVEN)
        odd = (crosswise[p] & _EVEN) + (crosswise[p] >> 8 & _EVEN)
        both, cross = a & b, a & b >> 4
        gg, ff, gf, fg = both & 1, both >> 1 & 1, cross & 1, cross >> 1 & 1
        g, f, g_skeleton, f_skeleton = even & 255, even >> 16 & 255, even >> 32 & 255, even >> 48 & 255
        x, y, x_skeleton, y_skeleton = odd & 255, odd >> 16 & 255, odd >> 32 & 255, odd >> 48 & 255
        d_gg = (g + (g_skeleton if both & 4 else g) if g != 0 else 0) & 511
        d_ff = (f + (f_skeleton if both & 8 else f) if f != 0 else 0) & 511
        d_gf = (x + (x_skeleton if cross & 4 else x) if x != 0 else 0) & 511
        d_fg = (y + (y_skeleton if cross & 8 else y) if y != 0 else 0) & 511
        total = ((d_gg if gg else 0) + (d_ff if ff else 0)) & 1023
        total_cross = ((d_gf if gf else 0) + (d_fg if fg else 0)) & 1023
        names, names_cross = gg + ff, gf + fg
        # compared a name: where one side has two names and the other one, the one counts twice
        better = (total_cross + ORDER_MARGIN * names_cross) << (names == 2) <= total << (names_cross == 2)
        swapped = (total > NAME_NEAR * names) & better & (total_cross <= NAME_PARTIAL * names_cross)
        swapped = (total_cross <= NAME_NEAR * names_cross if names == 0 else swapped) & (names_cross > 0)
        d_given, d_family = d_gf if swapped else d_gg, d_fg if swapped else d_ff
        g, f = x if swapped else g, y if swapped else f
        gg, ff = gf if swapped else gg, fg if swapped else ff
        class_given, class_family = b >> 8 & 3, b >> 10 & 3
        rarity_given = min(a >> 8 & 3, class_family if swapped else class_given)
        rarity_family = min(a >> 10 & 3, class_given if swapped else class_family)
        far = 5 + (d_given > NAME_CLOSE) + (d_given > NAME_NEAR) + (d_given > NAME_PARTIAL) + (d_given > NAME_WEAK)
        given = 1 + rarity_given if g == 0 else far
        far = 5 + (d_family > NAME_CLOSE) + (d_family > NAME_NEAR) + (d_family > NAME_PARTIAL) + (d_family > NAME_WEAK)
        family = 1 + rarity_family if f == 0 else far
        order = 2 if swapped else (1 if names > 0 else 0)
        out[p] = (given if gg else 0) | (family if ff else 0) << 4 | order << 8
        state[p] = (total_cross if swapped else total) | (names_cross if swapped else names) << 16


@_hot
def _hamming(sketches: Any, i: int, j: int, left: int, right: int) -> Any:
    first = popcount64(sketches[i, left, 0] ^ sketches[j, right, 0])
    return np.int64(first + popcount64(sketches[i, left, 1] ^ sketches[j, right, 1]))


@_loop
def _full_levels(
    layout: Any, rows: Any, left: Any, right: Any, mark_left: Any, mark_right: Any, n: int, out: Any, state: Any
) -> None:
    """Put the level of the full name in place of its parts where it speaks for them."""
    full, skeleton = layout.names[4], layout.names[5]
    for p in range(n):
        a, b = mark_left[p], mark_right[p]
        total, names = state[p] & 1023, state[p] >> 16
        if (a & b) >> 13 & 1 == 0 or (names > 0 and (a & b) >> 12 & 1 == 1):
            continue
        plain = _hamming(rows.sketches, left[p], right[p], full, full)
        distance = plain
        if plain > 0 and (a & b) >> 14 & 1 == 1:
            distance += _hamming(rows.sketches, left[p], right[p], skeleton, skeleton)
        else:
            distance *= 2
        if names > 0 and distance * names >= total:
            continue
        level = (
            4 + (distance > FULL_CLOSE) + (distance > FULL_NEAR) + (distance > FULL_PARTIAL) + (distance > FULL_WEAK)
        )
        if plain == 0:
            rarity = min(a >> 8 & 3, b >> 8 & 3) + min(a >> 10 & 3, b >> 10 & 3)
            level = 1 if rarity <= 2 else (2 if rarity <= 4 else 3)
        out[p] = FULL_CODE + level


@_loop
def _equal_tokens(tokens: Any, left: Any, right: Any, n: int, equal: Any) -> None:
    stride = tokens.shape[1]
    for p in range(n):
        equal[p] = token_bits(tokens, left[p] * stride, right[p] * stride)


@_hot
def _near(sketches: Any, present: Any, i: int, j: int, column: int) -> Any:
    if column < 0:
        return False
    held = present[i] & present[j] & np.uint64(1) << np.uint64(column)
    return held != np.uint64(0) and _hamming(sketches, i, j, column, column) <= DOCUMENT_NEAR


@_loop
def document_levels(
    slot_sketches: Any, sketches: Any, present: Any, left: Any, right: Any, n: int, work: Any, levels: Any
) -> None:
    """Fill levels[:n] with the levels of documents: see `twins.document_levels`.

    Args:
        slot_sketches: int64[5], columns of the slots' sketches, -1 without.
        sketches: uint64[rows, S, 2].
        present: uint64[rows].
        left: int64[n], rows.
        right: int64[n], rows.
        n: Number of pairs.
        work: int64[BUFFERS, BATCH]: marks of both sides and what `lanes.token_bits` says; the last is overwritten.
        levels: int64[BATCH].
    """
    a, b, equal, differ = work[0], work[1], work[2], work[5]
    for p in range(n):
        same = a[p] >> 32 & b[p] >> 32 & DOCUMENTS
        into, out_of = a[p] >> 32 & b[p] >> 48 & DATED, a[p] >> 48 & b[p] >> 32 & DATED
        hits = same & equal[p] | into & equal[p] >> 16 | out_of & equal[p] >> 32
        level = 0 if same | into | out_of == 0 else (4 if same & PERMANENT else 3)
        levels[p] = 1 if hits != 0 else level
    unlike = 0
    for p in range(n):
        differ[unlike] = p
        unlike += levels[p] > 1
    for at in range(unlike):
        p = differ[at]
        i, j = left[p], right[p]
        same = a[p] >> 32 & b[p] >> 32 & DOCUMENTS
        near = False
        for slot in range(len(slot_sketches)):
            if same >> (slot + SLOT_AT) & 1:
                near |= _near(sketches, present, i, j, slot_sketches[slot])
        if near:
            levels[p] = 2


@_loop
def _token_levels(layout: Any, rows: Any, left: Any, right: Any, a: Any, b: Any, equal: Any, n: int, out: Any) -> None:
    """Turn name codes into pattern digits and add those of birth date and other tokens."""
    names, births = layout.name_table, layout.birth_table
    for p in range(n):
        known, same = (a[p] & b[p]) >> 32, equal[p]
        crossed = 64 if same >> 17 & 3 == 3 else 0
        out[p] = names[np.uint64(out[p])] + births[np.uint64(known & 7 | (same & 7) << 3 | crossed)]
    for at in range(min(len(layout.tokens), TOKEN_LANES - OWN_AT)):
        multiplier, bit = layout.token_multipliers[at], OWN_AT + at
        for p in range(n):
            known = (a[p] & b[p]) >> (32 + bit) & 1
            out[p] += (multiplier << (1 - (equal[p] >> bit & 1))) * known
    for at in range(TOKEN_LANES - OWN_AT, len(layout.tokens)):
        multiplier, column = layout.token_multipliers[at], layout.tokens[at]
        for p in range(n):
            i, j = left[p], right[p]
            if rows.known[i] & rows.known[j] & np.uint64(1) << np.uint64(column) != np.uint64(0):
                out[p] += multiplier * (1 if rows.tokens[i, column] == rows.tokens[j, column] else 2)


@_loop
def _sketch_levels(layout: Any, rows: Any, left: Any, right: Any, n: int, out: Any) -> None:
    for at in range(len(layout.sketches)):
        column, multiplier = layout.sketches[at], layout.sketch_multipliers[at]
        there = np.uint64(1) << np.uint64(column)
        for p in range(n):
            i, j = np.uint64(left[p]), np.uint64(right[p])
            distance = _hamming(rows.sketches, i, j, column, column)
            level = 1 + (distance > 0) + (distance > SKETCH_CLOSE) + (distance > SKETCH_PARTIAL)
            out[p] += multiplier * level if rows.present[i] & rows.present[j] & there != np.uint64(0) else 0


@_loop
def batch_patterns(layout: Any, rows: Any, marks: Any, left: Any, right: Any, n: int, work: Any, out: Any) -> None:
    """Fill out[:n] with the patterns of the pairs (left[p], right[p]).

    Args:
        layout: A `layout.Layout`.
        rows: A `layout.Rows`.
        marks: int64[rows] of `marks_of`.
        left: int64[BATCH or more], rows.
        right: As left.
        n: Number of pairs, at most BATCH.
        work: int64[BUFFERS, BATCH]; the first two are left holding the marks of both sides.
        out: int64[BATCH].
    """
    a, b, one, other, state = work[0], work[1], work[2], work[3], work[4]
    _gather(marks, left, right, n, a, b)
    for p in range(n):
        out[p], state[p] = 0, 0
    if layout.names[0] >= 0:
        _name_distances(rows.sketches, left, right, n, one, other)
        _name_levels(one, other, a, b, n, out, state)
    if layout.names[4] >= 0:
        _full_levels(layout, rows, left, right, a, b, n, out, state)
    _equal_tokens(rows.tokens, left, right, n, one)
    _token_levels(layout, rows, left, right, a, b, one, n, out)
    documents = layout.document_multiplier[0]
    if documents > 0:
        document_levels(layout.slot_sketches, rows.sketches, rows.present, left, right, n, work, other)
        for p in range(n):
            out[p] += other[p] * documents
    _sketch_levels(layout, rows, left, right, n, out)


assert LANES == 8  # a row's four name sketches are one vector
