"""From what the rows of a block show to the persons behind them: the kernels.

A state names a group and, for each row, a member of it or nobody. Rows are taken in the order of what they tell. Two
rows decide most of it: `top_pairs` finds the best pairs of members for them among all groups, exactly, and `extend`
completes these states row by row. Each kernel is its own plain twin: without numba it runs as it stands.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numba import njit

#: Named rows that a further row is compared with; the most telling ones come first.
CONTEXT: Final = 16
NOBODY, OPEN = -1, -2
_ABSENT: Final = np.uint8(255)
_LOW: Final = -1e30


@njit(nogil=True, cache=True)
def look_likelihoods(
    rows: Any,
    missing: Any,
    held: Any,
    within: Any,
    weights: Any,
    of_missing: Any,
    of_within: Any,
    of_weights: Any,
    pair_table: Any,
    weight_table: Any,
    kinds: Any,
    agreeing: Any,
) -> Any:
    """Return float64[b, L]: log likelihood of what each row shows by itself, for each look of a person.

    Args:
        rows: int64[b], rows of `Observed`.
        missing: bool[rows, t + s] as seen; `of_missing` the same of looks, and so on.
        held: bool[rows, t + s], columns that the row's register has.
        within: uint8[rows, w], comparisons of a row with itself.
        weights: int16[rows, s], ones of each sketch, -1 where missing; no column if weights tell nothing.
        of_missing: bool[L, t + s].
        of_within: uint8[L, w].
        of_weights: int16[L, s], bin of the number of grams, -1 where missing.
        pair_table: `Tables.pairs`.
        weight_table: `Tables.weights`.
        kinds: int64[w], kind of each comparison of `within`.
        agreeing: float64[2], log probability that a missing mark differs, or agrees.
    """
    looks = len(of_missing)
    out = np.zeros((len(rows), looks))
    for at in range(len(rows)):
        row = rows[at]
        for look in range(looks):
            total = 0.0
            for c in range(missing.shape[1]):
                if held[row, c]:
                    total += agreeing[int(missing[row, c] == of_missing[look, c])]
            for c in range(within.shape[1]):
                clear, seen = of_within[look, c], within[row, c]
                if max(clear, seen) < _ABSENT:
                    total += pair_table[kinds[c], clear, seen]
            for c in range(weights.shape[1]):
                if weights[row, c] >= 0 and of_weights[look, c] >= 0:
                    total += weight_table[of_weights[look, c], weights[row, c]]
            out[at, look] = total
    return out


@njit(nogil=True, cache=True)
def pair_likelihood(clear: Any, seen: Any, kinds: Any, table: Any) -> Any:
    """Return the log likelihood of one pair's comparisons, given the persons' in the clear (uint8[c] each)."""
    total = 0.0
    for c in range(len(kinds)):
        if clear[c] != _ABSENT and seen[c] != _ABSENT:
            total += table[kinds[c], clear[c], seen[c]]
    return total


@njit(nogil=True, cache=True)
def chance_likelihoods(seen: Any, sample: Any, kinds: Any, table: Any) -> Any:
    """Return float64[b, b]: log of the mean likelihood of each pair of rows over a sample of persons' pairs.

    Args:
        seen: uint8[b, b, c].
        sample: uint8[n, c], pairs of persons of one group.
        kinds: int64[c].
        table: `Tables.pairs`.
    """
    size = len(seen)
    out = np.zeros((size, size))
    logs = np.empty(len(sample))
    for i in range(size):
        for j in range(size):
            if i != j and len(sample) > 0:
                for at in range(len(sample)):
                    logs[at] = pair_likelihood(sample[at], seen[i, j], kinds, table)
                top = logs.max()
                out[i, j] = top + np.log(np.mean(np.exp(logs - top)))
    return out


@njit(nogil=True, cache=True)
def reach(rows: Any, persons: Any, rates: Any) -> Any:
    """Return the log probability of the rest at best: as many rows as may be are known persons.

    Args:
        rows: Rows still to name.
        persons: Persons of the group not yet used.
        rates: float64[3]: log probability that a row is somebody known, nobody known, and that a person is absent.
    """
    matched = min(rows, persons)
    return matched * rates[0] + (rows - matched) * rates[1] + (persons - matched) * rates[2]


@njit(nogil=True, cache=True)
def bucket_bounds(leads: Any, lead_of: Any, seen: Any, kinds: Any, table: Any) -> Any:
    """Return float64[k]: the most that the pairs of each bucket can score by their comparisons.

    Args:
        leads: uint8[k, d], comparisons that all pairs of a bucket share.
        lead_of: int64[d], which comparisons these are.
        seen: uint8[c], of the two rows.
        kinds: int64[c].
        table: `Tables.pairs`.
    """
    shared = np.zeros(len(kinds), dtype=np.bool_)
    shared[lead_of] = True
    rest = 0.0
    for c in range(len(kinds)):
        if not shared[c] and seen[c] != _ABSENT:
            best = 0.0  # a person may lack the cell
            for level in range(2 if kinds[c] == 0 else table.shape[1]):
                best = max(best, table[kinds[c], level, seen[c]])
            rest += best
    out = np.empty(len(leads))
    for k in range(len(leads)):
        total = rest
        for d in range(len(lead_of)):
            c = lead_of[d]
            if leads[k, d] != _ABSENT and seen[c] != _ABSENT:
                total += table[kinds[c], leads[k, d], seen[c]]
        out[k] = total
    return out


@njit(nogil=True, cache=True)
def top_pairs(
    left: Any,
    right: Any,
    seen: Any,
    base: Any,
    bounds: Any,
    starts: Any,
    pairs: Any,
    look_left: Any,
    look_right: Any,
    group: Any,
    kinds: Any,
    table: Any,
    width: Any,
) -> Any:
    """Find the best pairs of members for two rows: as a scan of all pairs would, but only where that can matter.

    Args:
        left: float64[L], likelihood of the first row for each look, above chance.
        right: float64[L], of the second.
        seen: uint8[c], their comparison.
        base: float64[g], score of each group by itself.
        bounds: float64[k], see `bucket_bounds`.
        starts: int64[k + 1], where each bucket begins.
        pairs: uint8[n, c], sorted by bucket.
        look_left: int32[n].
        look_right: int32[n].
        group: int32[n].
        kinds: int64[c].
        table: `Tables.pairs`.
        width: Pairs wanted.

    Returns:
        float64[w], int64[w]: scores and places in `pairs`, w at most `width`; ties fall to the first ones found.
    """
    room = 4 * width
    score = np.empty(room)
    place = np.empty(room, dtype=np.int64)
    count = 0
    floor = -np.inf
    if len(base) == 0 or len(pairs) == 0:
        return score[:0], place[:0]
    spare = left.max() + right.max() + base.max()
    order = np.argsort(-bounds)
    for k in order:
        if bounds[k] + spare < floor:
            break
        for at in range(starts[k], starts[k + 1]):
            value = left[look_left[at]] + right[look_right[at]] + base[group[at]]
            value += pair_likelihood(pairs[at], seen, kinds, table)
            if value <= floor:
                continue
            score[count], place[count] = value, at
            count += 1
            if count == room:
                kept = np.argsort(-score)[:width]
                score[:width], place[:width] = score[kept], place[kept]
                count, floor = width, score[width - 1]
    kept = np.argsort(-score[:count])[:width]
    return score[kept], place[kept]


@njit(nogil=True, cache=True)
def extend(
    named: Any,
    base: Any,
    groups: Any,
    todo: Any,
    alone: Any,
    seen: Any,
    chance: Any,
    offsets: Any,
    look_of: Any,
    pair_offsets: Any,
    pairs: Any,
    kinds: Any,
    table: Any,
    rates: Any,
    width: Any,
) -> Any:
    """Complete states row by row, keeping the best.

    Args:
        named: int64[n, b], place in `members` of each row, `NOBODY`, or `OPEN` for the rows of `todo`.
        base: float64[n], their likelihood so far.
        groups: int64[n], group of each state.
        todo: int64[r], rows still open, the most telling first.
        alone: float64[b, L], row by look, above chance.
        seen: uint8[b, b, c].
        chance: float64[b, b], see `chance_likelihoods`.
        offsets: int64[g + 1], see `Groups`.
        look_of: int64[m], look of each member.
        pair_offsets: int64[g], where the pairs of each group begin in `pairs`.
        pairs: uint8[..., c], comparisons of ordered pairs of a group's members, row-major.
        kinds: int64[c].
        table: `Tables.pairs`.
        rates: See `reach`.
        width: States kept.

    Returns:
        float64[w] log scores, int64[w, b] places in `members`.
    """
    rows = named.shape[1]
    used = np.zeros(len(named), dtype=np.int64)
    for s in range(len(named)):
        for q in range(rows):
            used[s] += named[s, q] >= 0
    score = np.empty(len(named))
    for s in range(len(named)):
        score[s] = base[s] + reach(len(todo), offsets[groups[s] + 1] - offsets[groups[s]] - used[s], rates)
    for step in range(len(todo)):
        t = todo[step]
        room = 0
        for s in range(len(groups)):
            room += 1 + offsets[groups[s] + 1] - offsets[groups[s]]
        made, made_base = np.empty(room), np.empty(room)
        parent, choice = np.empty(room, dtype=np.int64), np.empty(room, dtype=np.int64)
        count = 0
        left = len(todo) - step - 1
        for s in range(len(groups)):
            g = groups[s]
            first, size = offsets[g], offsets[g + 1] - offsets[g]
            made_base[count] = base[s] + rates[1]
            made[count] = made_base[count] + reach(left, size - used[s], rates)
            parent[count], choice[count] = s, NOBODY
            count += 1
            for member in range(size):
                taken = False
                for q in range(rows):
                    if named[s, q] == first + member:
                        taken = True
                if taken:
                    continue
                value = base[s] + rates[0] + alone[t, look_of[first + member]]
                compared = 0
                for q in range(rows):
                    if named[s, q] >= 0 and compared < CONTEXT:
                        at = pair_offsets[g] + (named[s, q] - first) * size + member
                        value += pair_likelihood(pairs[at], seen[q, t], kinds, table) - chance[q, t]
                        compared += 1
                made_base[count] = value
                made[count] = value + reach(left, size - used[s] - 1, rates)
                parent[count], choice[count] = s, first + member
                count += 1
        kept = np.argsort(-made[:count])[:width]
        new_named = np.empty((len(kept), rows), dtype=np.int64)
        new_groups, new_used = np.empty(len(kept), dtype=np.int64), np.empty(len(kept), dtype=np.int64)
        for at in range(len(kept)):
            s = parent[kept[at]]
            new_named[at] = named[s]
            new_named[at, t] = choice[kept[at]]
            new_groups[at] = groups[s]
            new_used[at] = used[s] + (1 if choice[kept[at]] >= 0 else 0)
        named, groups, used = new_named, new_groups, new_used
        base, score = made_base[kept], made[kept]
    return score, named
