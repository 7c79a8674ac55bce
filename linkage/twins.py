"""The comparison in NumPy: what the kernels must equal bit for bit, written to be read.

Every function takes the arrays of a pass and two arrays of row numbers (int64[n]) and returns
agreement levels (int64[n], or a tuple of them).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from linkage.layout import ANY_SLOT, NATIONAL_SLOT, SOCIAL_SLOT, Layout, layout_of
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
from linkage.plan import ComparisonPlan
from linkage.tables import PassArrays

Rows = npt.NDArray[np.int64]
Levels = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


def _hamming(arrays: PassArrays, i: Rows, j: Rows, left: int, right: int) -> Levels:
    return arrays.distance(i, j, left, right)


def _token(arrays: PassArrays, rows: Rows, column: int) -> Levels:
    """Return tokens, -1 where missing."""
    known = (arrays.known[rows] >> np.uint64(column)) & np.uint64(1) != 0
    return np.where(known, arrays.tokens[rows, column].astype(np.int64), -1)


def _both(arrays: PassArrays, i: Rows, j: Rows, left: int, right: int) -> Flags:
    there = (arrays.present[i] >> np.uint64(left)) & (arrays.present[j] >> np.uint64(right)) & np.uint64(1)
    return np.asarray(there != 0)


def _distance(arrays: PassArrays, i: Rows, j: Rows, left: tuple[int, int], right: tuple[int, int]) -> Levels:
    """Return romanised plus skeleton distance; -1 where the romanised forms are equal."""
    compare = arrays.distance if left == right else arrays.crosswise
    plain = compare(i, j, left[0], right[0])
    skeletons = _both(arrays, i, j, left[1], right[1])
    total = np.where(skeletons, plain + compare(i, j, left[1], right[1]), 2 * plain)
    return np.where(plain == 0, -1, total)


def _banded(distance: Levels, bounds: tuple[int, ...], first: int) -> Levels:
    """Return `first` up to the first bound, and one more for each bound exceeded."""
    return first + sum(((distance > bound).astype(np.int64) for bound in bounds), np.zeros_like(distance))


def _part_level(distance: Levels, left_class: npt.NDArray[np.uint8], right_class: npt.NDArray[np.uint8]) -> Levels:
    exact = 1 + np.minimum(left_class, right_class).astype(np.int64)
    return np.where(distance < 0, exact, _banded(distance, (NAME_CLOSE, NAME_NEAR, NAME_PARTIAL, NAME_WEAK), 5))


def name_levels(arrays: PassArrays, layout: Layout, i: Rows, j: Rows) -> tuple[Levels, Levels, Levels, Levels]:
    """Return the levels of given, family, order and full.

    Given is compared with given and family with family. Crosswise instead where the straight
    comparison is not close and the crosswise one is better by `ORDER_MARGIN` a name (or where nothing
    can be compared straight and crosswise is close). The full name speaks, instead of its parts, where
    a register could not tell the parts' order and the whole agrees better, or there are no parts.
    """
    nothing = np.zeros(len(i), dtype=np.int64)
    given, family, order, total, compared = (nothing.copy() for _ in range(5))
    if layout.names[0] >= 0:
        g, f = (int(layout.names[0]), int(layout.names[2])), (int(layout.names[1]), int(layout.names[3]))
        there = {}
        far = {}
        for name, left, right in (("gg", g, g), ("ff", f, f), ("gf", g, f), ("fg", f, g)):
            there[name] = _both(arrays, i, j, left[0], right[0])
            far[name] = np.where(there[name], _distance(arrays, i, j, left, right), 0)
        straight = np.maximum(far["gg"], 0) + np.maximum(far["ff"], 0)
        cross = np.maximum(far["gf"], 0) + np.maximum(far["fg"], 0)
        n_straight = there["gg"].astype(np.int64) + there["ff"]
        n_cross = there["gf"].astype(np.int64) + there["fg"]
        better = (cross + ORDER_MARGIN * n_cross) * n_straight <= straight * n_cross
        swapped = (straight > NAME_NEAR * n_straight) & better & (cross <= NAME_PARTIAL * n_cross)
        swapped = np.where(n_straight == 0, cross <= NAME_NEAR * n_cross, swapped) & (n_cross > 0)
        order = np.where(swapped, 2, np.where(n_straight > 0, 1, 0))
        total, compared = np.where(swapped, cross, straight), np.where(swapped, n_cross, n_straight)
        ci, cj = arrays.classes[i], arrays.classes[j]
        level = {
            "gg": _part_level(far["gg"], ci[:, 0], cj[:, 0]),
            "ff": _part_level(far["ff"], ci[:, 1], cj[:, 1]),
            "gf": _part_level(far["gf"], ci[:, 0], cj[:, 1]),
            "fg": _part_level(far["fg"], ci[:, 1], cj[:, 0]),
        }
        level = {name: np.where(there[name], found, 0) for name, found in level.items()}
        given = np.where(swapped, level["gf"], level["gg"])
        family = np.where(swapped, level["fg"], level["ff"])
    full = nothing
    if layout.names[4] >= 0:
        column = (int(layout.names[4]), int(layout.names[5]))
        distance = _distance(arrays, i, j, column, column)
        asked = (compared == 0) | ~(arrays.order_known[i] & arrays.order_known[j])
        stronger = (compared == 0) | (np.maximum(distance, 0) * compared < total)
        used = asked & stronger & _both(arrays, i, j, column[0], column[0])
        rarity = np.minimum(arrays.classes[i], arrays.classes[j]).astype(np.int64).sum(axis=1)
        exact = np.where(rarity <= 2, 1, np.where(rarity <= 4, 2, 3))
        found = np.where(distance < 0, exact, _banded(distance, (FULL_CLOSE, FULL_NEAR, FULL_PARTIAL, FULL_WEAK), 4))
        full = np.where(used, found, 0)
        given, family, order = (np.where(used, 0, kept) for kept in (given, family, order))
    return given, family, order, full


def birth_levels(arrays: PassArrays, layout: Layout, i: Rows, j: Rows) -> Levels:
    """Return the levels of the birth date, in the order of `plan.BIRTH_DATE_LEVELS`."""
    year_i, month_i, day_i = (_token(arrays, i, int(column)) for column in layout.birth)
    year_j, month_j, day_j = (_token(arrays, j, int(column)) for column in layout.birth)
    month_known, day_known = (month_i >= 0) & (month_j >= 0), (day_i >= 0) & (day_j >= 0)
    month, day = month_known & (month_i == month_j), day_known & (day_i == day_j)
    whole = month_known & day_known
    crossed = whole & (month_i == day_j) & (day_i == month_j)
    contradicted = (month_known & ~month) | (day_known & ~day)
    same_year = np.select([month & day, crossed, whole & month, whole & day, contradicted], [1, 2, 3, 4, 7], default=6)
    other_year = np.select([month & day, month | day], [5, 8], default=9)
    level = np.where(year_i == year_j, same_year, other_year)
    return np.where((year_i < 0) | (year_j < 0), 0, level)


def document_levels(arrays: PassArrays, layout: Layout, i: Rows, j: Rows) -> Levels:
    """Return the levels of the documents.

    A slot is compared with its like; `document_any` also with passports, national ids and residence
    cards, whether they are equal: only like slots can be near. One equal number decides, then one near
    number, then what differs.
    """
    equal, near, permanent, renewable = (np.zeros(len(i), dtype=np.bool_) for _ in range(4))
    for s, column_s in enumerate(layout.slots):
        for t, column_t in enumerate(layout.slots):
            if s != t and (SOCIAL_SLOT in (s, t) or ANY_SLOT not in (s, t)):
                continue
            left, right = _token(arrays, i, int(column_s)), _token(arrays, j, int(column_t))
            there = (left >= 0) & (right >= 0)
            same = there & (left == right)
            a, b = int(layout.slot_sketches[s]), int(layout.slot_sketches[t])
            alike = np.zeros(len(i), dtype=np.bool_)
            if s == t and a >= 0:
                alike = there & _both(arrays, i, j, a, b) & (_hamming(arrays, i, j, a, b) <= DOCUMENT_NEAR)
            differs = there & ~same & ~alike
            equal, near = equal | same, near | alike
            if s == t and s in (SOCIAL_SLOT, NATIONAL_SLOT):
                permanent = permanent | differs
            else:
                renewable = renewable | differs
    return np.select([equal, near, permanent, renewable], [1, 2, 4, 3], default=0).astype(np.int64)


def patterns_of(arrays: PassArrays, plan: ComparisonPlan, i: Rows, j: Rows) -> npt.NDArray[np.uint64]:
    """Return the agreement patterns (uint64[n]) of row pairs: the reference of `kernels.patterns_kernel`."""
    layout = layout_of(plan)
    pattern = np.zeros(len(i), dtype=np.int64)
    if layout.names[0] >= 0 or layout.names[4] >= 0:
        for level, by in zip(name_levels(arrays, layout, i, j), layout.name_multipliers, strict=True):
            pattern += level.astype(np.int64) * by
    if layout.birth[0] >= 0:
        pattern += birth_levels(arrays, layout, i, j).astype(np.int64) * layout.birth_multiplier[0]
    if len(layout.slots):
        pattern += document_levels(arrays, layout, i, j).astype(np.int64) * layout.document_multiplier[0]
    for column, by in zip(layout.tokens, layout.token_multipliers, strict=True):
        left, right = _token(arrays, i, int(column)), _token(arrays, j, int(column))
        level = np.where((left >= 0) & (right >= 0), np.where(left == right, 1, 2), 0)
        pattern += level.astype(np.int64) * by
    for column, by in zip(layout.sketches, layout.sketch_multipliers, strict=True):
        distance = _hamming(arrays, i, j, int(column), int(column))
        level = np.where(distance == 0, 1, _banded(distance, (SKETCH_CLOSE, SKETCH_PARTIAL), 2))
        pattern += np.where(_both(arrays, i, j, int(column), int(column)), level, 0).astype(np.int64) * by
    return pattern.astype(np.uint64)
