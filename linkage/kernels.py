"""Numba kernels: the agreement pattern of two rows, and walks over all pairs of a block.

No pair is ever stored: the counting walk fills a hash table of distinct patterns, the emitting walk
keeps only pairs whose weight reaches a bound. Both release the interpreter lock. `twins` states the
same comparison in NumPy; property tests hold the two equal.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numba import njit

from linkage.layout import ANY_SLOT, NATIONAL_SLOT, SOCIAL_SLOT
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
from linkage.popcount import popcount64

# What runs for every pair is inlined and counts no references: passing nineteen arrays by value, and
# counting each, costs seven times the comparison itself. None of it allocates.
_OPTIONS: Final[dict[str, Any]] = {"nogil": True, "cache": True, "_nrt": False, "forceinline": True}
_hot: Any = njit(**_OPTIONS)
_MIX = np.uint64(0x9E3779B97F4A7C15)  # golden ratio: spreads neighbouring patterns over the table
_ONE = np.uint64(1)


@_hot
def _both(present: Any, i: int, j: int, left: int, right: int) -> Any:
    return (present[i] >> np.uint64(left)) & (present[j] >> np.uint64(right)) & _ONE != np.uint64(0)


@_hot
def _hamming(sketches: Any, i: int, j: int, left: int, right: int) -> Any:
    first = popcount64(sketches[i, left, 0] ^ sketches[j, right, 0])
    return np.int64(first + popcount64(sketches[i, left, 1] ^ sketches[j, right, 1]))


@_hot
def _name_distance(rows: Any, i: int, j: int, left: int, left_skeleton: int, right: int, right_skeleton: int) -> Any:
    """Return the summed distance of two name parts, -1 where the romanised forms are equal."""
    plain = _hamming(rows.sketches, i, j, left, right)
    if plain == 0:
        return -1
    if _both(rows.present, i, j, left_skeleton, right_skeleton):
        return plain + _hamming(rows.sketches, i, j, left_skeleton, right_skeleton)
    return 2 * plain


@_hot
def _part_level(distance: int, left_class: int, right_class: int) -> Any:
    if distance < 0:
        return 1 + min(left_class, right_class)
    level = 5
    for bound in (NAME_CLOSE, NAME_NEAR, NAME_PARTIAL, NAME_WEAK):
        level += distance > bound
    return level


@_hot
def _full_level(distance: int, rarity: int) -> Any:
    if distance < 0:
        return 1 if rarity <= 2 else (2 if rarity <= 4 else 3)
    level = 4
    for bound in (FULL_CLOSE, FULL_NEAR, FULL_PARTIAL, FULL_WEAK):
        level += distance > bound
    return level


@_hot
def _names(layout: Any, rows: Any, i: int, j: int) -> Any:
    """Return the digits of given, family, order and full. See `twins.name_levels` for the rules."""
    present, classes, order_known = rows.present, rows.classes, rows.order_known
    given, family, given_s, family_s = layout.names[0], layout.names[1], layout.names[2], layout.names[3]
    full, full_s = layout.names[4], layout.names[5]
    given_level, family_level, order, total, compared = 0, 0, 0, 0, 0
    if given >= 0:
        gg, ff = _both(present, i, j, given, given), _both(present, i, j, family, family)
        straight, n_straight, d_given, d_family = 0, 0, 0, 0
        if gg:
            d_given = _name_distance(rows, i, j, given, given_s, given, given_s)
            straight += max(d_given, 0)
            n_straight += 1
        if ff:
            d_family = _name_distance(rows, i, j, family, family_s, family, family_s)
            straight += max(d_family, 0)
            n_straight += 1
        swapped = False
        if n_straight == 0 or straight > NAME_NEAR * n_straight:
            gf, fg = _both(present, i, j, given, family), _both(present, i, j, family, given)
            cross, n_cross, d_gf, d_fg = 0, 0, 0, 0
            if gf:
                d_gf = _name_distance(rows, i, j, given, given_s, family, family_s)
                cross += max(d_gf, 0)
                n_cross += 1
            if fg:
                d_fg = _name_distance(rows, i, j, family, family_s, given, given_s)
                cross += max(d_fg, 0)
                n_cross += 1
            if n_cross > 0:
                if n_straight == 0:
                    swapped = cross <= NAME_NEAR * n_cross
                else:
                    better = (cross + ORDER_MARGIN * n_cross) * n_straight <= straight * n_cross
                    swapped = better and cross <= NAME_PARTIAL * n_cross
            if swapped:
                order, total, compared = 2, cross, n_cross
                if gf:
                    given_level = _part_level(d_gf, classes[i, 0], classes[j, 1])
                if fg:
                    family_level = _part_level(d_fg, classes[i, 1], classes[j, 0])
        if not swapped and n_straight > 0:
            order, total, compared = 1, straight, n_straight
            if gg:
                given_level = _part_level(d_given, classes[i, 0], classes[j, 0])
            if ff:
                family_level = _part_level(d_family, classes[i, 1], classes[j, 1])
    full_level = 0
    if full >= 0 and (compared == 0 or not (order_known[i] and order_known[j])) and _both(present, i, j, full, full):
        distance = _name_distance(rows, i, j, full, full_s, full, full_s)
        if compared == 0 or max(distance, 0) * compared < total:
            rarity = min(classes[i, 0], classes[j, 0]) + min(classes[i, 1], classes[j, 1])
            given_level, family_level, order = 0, 0, 0
            full_level = _full_level(distance, rarity)
    by = layout.name_multipliers
    return (
        np.uint64(given_level) * by[0]
        + np.uint64(family_level) * by[1]
        + np.uint64(order) * by[2]
        + np.uint64(full_level) * by[3]
    )


@_hot
def _birth_level(tokens: Any, columns: Any, i: int, j: int) -> Any:
    year_i, year_j = tokens[i, columns[0]], tokens[j, columns[0]]
    if year_i < 0 or year_j < 0:
        return 0
    month_i, month_j = tokens[i, columns[1]], tokens[j, columns[1]]
    day_i, day_j = tokens[i, columns[2]], tokens[j, columns[2]]
    month_known, day_known = month_i >= 0 and month_j >= 0, day_i >= 0 and day_j >= 0
    month_equal, day_equal = month_known and month_i == month_j, day_known and day_i == day_j
    if year_i != year_j:
        if month_equal and day_equal:
            return 5
        return 8 if month_equal or day_equal else 9
    if month_equal and day_equal:
        return 1
    if month_known and day_known:
        if month_i == day_j and day_i == month_j:
            return 2
        if month_equal:
            return 3
        return 4 if day_equal else 7
    contradicted = (month_known and not month_equal) or (day_known and not day_equal)
    return 7 if contradicted else 6


@_hot
def comparable_slots(s: int, t: int) -> Any:
    """Tell whether numbers of two document slots may be the same number: see `twins.document_levels`."""
    if s == t:
        return True
    return SOCIAL_SLOT not in (s, t) and (ANY_SLOT in (s, t))


@_hot
def document_level(layout: Any, rows: Any, i: int, j: int) -> Any:
    sketches, present, tokens = rows.sketches, rows.present, rows.tokens
    slots = len(layout.slots)
    near, permanent, renewable = False, False, False
    for s in range(slots):
        left = tokens[i, layout.slots[s]]
        if left < 0:
            continue
        for t in range(slots):
            if not comparable_slots(s, t):
                continue
            right = tokens[j, layout.slots[t]]
            if right < 0:
                continue
            if left == right:
                return 1
            a, b = layout.slot_sketches[s], layout.slot_sketches[t]
            if a >= 0 and b >= 0 and _both(present, i, j, a, b) and _hamming(sketches, i, j, a, b) <= DOCUMENT_NEAR:
                near = True
            elif s == t and s in (SOCIAL_SLOT, NATIONAL_SLOT):
                permanent = True
            else:
                renewable = True
    if near:
        return 2
    if permanent:
        return 4
    return 3 if renewable else 0


@_hot
def pattern_of(layout: Any, rows: Any, i: int, j: int) -> Any:
    """Return the agreement pattern (uint64) of rows i and j."""
    sketches, present, tokens = rows.sketches, rows.present, rows.tokens
    pattern = np.uint64(0)
    if layout.names[0] >= 0 or layout.names[4] >= 0:
        pattern += _names(layout, rows, i, j)
    if layout.birth[0] >= 0:
        pattern += np.uint64(_birth_level(tokens, layout.birth, i, j)) * layout.birth_multiplier[0]
    if len(layout.slots):
        document = document_level(layout, rows, i, j)
        pattern += np.uint64(document) * layout.document_multiplier[0]
    for at in range(len(layout.tokens)):
        left, right = tokens[i, layout.tokens[at]], tokens[j, layout.tokens[at]]
        if left >= 0 and right >= 0:
            pattern += layout.token_multipliers[at] * np.uint64(1 if left == right else 2)
    for at in range(len(layout.sketches)):
        column = layout.sketches[at]
        if _both(present, i, j, column, column):
            distance = _hamming(sketches, i, j, column, column)
            level = 4
            if distance == 0:
                level = 1
            elif distance <= SKETCH_CLOSE:
                level = 2
            elif distance <= SKETCH_PARTIAL:
                level = 3
            pattern += layout.sketch_multipliers[at] * np.uint64(level)
    return pattern


@_hot
def slot_of(keys: Any, used: Any, key: Any) -> Any:
    """Return the place of a key in an open-addressing table, or of the empty place where it belongs."""
    mask = np.int64(len(keys) - 1)
    mixed = (key ^ (key >> np.uint64(32))) * _MIX  # every digit of the pattern reaches the upper half
    at = np.int64(mixed >> np.uint64(32)) & mask
    while used[at] != 0 and keys[at] != key:
        at = (at + 1) & mask
    return at


@njit(nogil=True, cache=True)
def _grown(keys: Any, counts: Any) -> Any:
    new_keys = np.zeros(2 * len(keys), dtype=np.uint64)
    new_counts = np.zeros(2 * len(keys), dtype=np.int64)
    for at in range(len(keys)):
        if counts[at] != 0:
            place = slot_of(new_keys, new_counts, keys[at])
            new_keys[place], new_counts[place] = keys[at], counts[at]
    return new_keys, new_counts


@njit(nogil=True, cache=True)
def count_kernel(layout: Any, rows: Any, many: Any, lo: int, hi: int) -> Any:
    """Count the patterns of all comparable pairs whose first row is in [lo, hi).

    Args:
        layout: A `layout.Layout`.
        rows: A `layout.Rows`.
        many: bool[R], whether a register's own rows are compared with each other.
        lo: First row.
        hi: End of the rows (exclusive).

    Returns:
        keys (uint64, pattern * R² + register of the first row * R + register of the second) and counts
        (int64) of a hash table; places with count 0 are empty.
    """
    register, ends, n_registers = rows.register, rows.ends, np.uint64(len(many))
    keys = np.zeros(1 << 12, dtype=np.uint64)
    counts = np.zeros(1 << 12, dtype=np.int64)
    filled = 0
    for i in range(lo, hi):
        for j in range(i + 1, ends[i]):
            if register[i] == register[j] and not many[register[i]]:
                continue
            pattern = pattern_of(layout, rows, i, j)
            key = (pattern * n_registers + np.uint64(register[i])) * n_registers + np.uint64(register[j])
            at = slot_of(keys, counts, key)
            if counts[at] == 0:
                keys[at] = key
                filled += 1
            counts[at] += 1
            if 2 * filled > len(keys):
                keys, counts = _grown(keys, counts)
    return keys, counts


@_hot
def _score(pattern: Any, sizes: Any, weights: Any, kind_bits: Any) -> Any:
    """Return a pattern's likelihood ratio in bits: over the kinds of matches, as `Model.weight` sums it."""
    ratio = 0.0
    for kind in range(len(kind_bits)):
        bits = kind_bits[kind]
        rest = pattern
        for variable in range(len(sizes)):
            bits += weights[kind, variable, np.int64(rest % sizes[variable])]
            rest //= sizes[variable]
        ratio += 2.0 ** min(max(bits, -1000.0), 1000.0)
    return np.log2(ratio)


@njit(nogil=True, cache=True)
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
    """Return first row, second row (int64) and pattern (uint64) of the pairs that weigh at least `bound`.

    Args:
        layout: A `layout.Layout`.
        rows: A `layout.Rows`.
        many: bool[R], whether a register's own rows are compared with each other.
        lo: First row.
        hi: End of the rows (exclusive).
        sizes: uint64[V], the number of levels of each variable.
        weights: float64[K, V, L], log2(m / u) of each kind of matches.
        kind_bits: float64[K], log2 of each kind's share.
        bound: Least weight in bits.
    """
    register, ends = rows.register, rows.ends
    keys = np.zeros(1 << 12, dtype=np.uint64)
    verdict = np.zeros(1 << 12, dtype=np.int64)  # 1: below the bound, 2: kept, 0: empty
    filled, kept = 0, 0
    first = np.empty(1 << 10, dtype=np.int64)
    second = np.empty(1 << 10, dtype=np.int64)
    patterns = np.empty(1 << 10, dtype=np.uint64)
    for i in range(lo, hi):
        for j in range(i + 1, ends[i]):
            if register[i] == register[j] and not many[register[i]]:
                continue
            pattern = pattern_of(layout, rows, i, j)
            at = slot_of(keys, verdict, pattern)
            if verdict[at] == 0:
                keys[at] = pattern
                verdict[at] = 2 if _score(pattern, sizes, weights, kind_bits) >= bound else 1
                filled += 1
                if 2 * filled > len(keys):
                    keys, verdict = _grown(keys, verdict)
                    at = slot_of(keys, verdict, pattern)
            if verdict[at] == 2:
                if kept == len(first):
                    first = np.concatenate((first, np.empty_like(first)))
                    second = np.concatenate((second, np.empty_like(second)))
                    patterns = np.concatenate((patterns, np.empty_like(patterns)))
                first[kept], second[kept], patterns[kept] = i, j, pattern
                kept += 1
    return first[:kept], second[:kept], patterns[:kept]


@njit(nogil=True, cache=True)
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
