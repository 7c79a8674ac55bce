"""Beam search over the group behind a block and the persons behind its rows.

A state names a group and a person, or nobody, for each of the first rows. Rows come in the order of what they tell, so
that the first two decide most of it. The kernel is its own plain twin: without numba it runs as it stands.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numba import njit

#: Rows that a further row is compared with; the most telling ones come first.
CONTEXT: Final = 24
_ABSENT: Final = np.uint8(255)
_LOW: Final = -1e30


@njit(nogil=True, cache=True)
def row_likelihoods(
    rows: Any,
    classes: Any,
    missing: Any,
    within: Any,
    weights: Any,
    of_classes: Any,
    of_missing: Any,
    of_within: Any,
    of_weights: Any,
    pair_table: Any,
    weight_table: Any,
    kinds: Any,
    agreeing: Any,
) -> Any:
    """Return float64[b, N]: log likelihood of what each row shows by itself, for each person.

    Args:
        rows: int64[b], rows of `Observed`.
        classes: int64[rows, c] as seen; `of_classes` the same of persons, and so on.
        missing: bool[rows, t + s].
        within: uint8[rows, w], comparisons of a row with itself.
        weights: int64[rows, s], ones of each sketch, -1 where missing.
        of_classes: int64[N, c].
        of_missing: bool[N, t + s].
        of_within: uint8[N, w].
        of_weights: int64[N, s], bin of the number of grams, -1 where missing.
        pair_table: `Tables.pairs`.
        weight_table: `Tables.weights`.
        kinds: int64[w], kind of each comparison of `within`.
        agreeing: float64[2], log probability that a class or a missing mark differs, or agrees.
    """
    persons = len(of_classes)
    out = np.zeros((len(rows), persons))
    for at in range(len(rows)):
        row = rows[at]
        for person in range(persons):
            total = 0.0
            for c in range(classes.shape[1]):
                total += agreeing[int(classes[row, c] == of_classes[person, c])]
            for c in range(missing.shape[1]):
                total += agreeing[int(missing[row, c] == of_missing[person, c])]
            for c in range(within.shape[1]):
                clear, seen = of_within[person, c], within[row, c]
                if max(clear, seen) < _ABSENT:
                    total += pair_table[kinds[c], clear, seen]
            for c in range(weights.shape[1]):
                if weights[row, c] >= 0 and of_weights[person, c] >= 0:
                    total += weight_table[of_weights[person, c], weights[row, c]]
            out[at, person] = total
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
def beam(
    alone: Any,
    seen: Any,
    chance: Any,
    offsets: Any,
    members: Any,
    prior: Any,
    group_of: Any,
    pair_offsets: Any,
    pairs: Any,
    kinds: Any,
    table: Any,
    rates: Any,
    width: Any,
) -> Any:
    """Search a block's states.

    Args:
        alone: float64[b, N], row by person, above chance; rows in the order of search.
        seen: uint8[b, b, c].
        chance: float64[b, b], see `chance_likelihoods`.
        offsets: int64[g + 1], see `Groups`.
        members: int64[m].
        prior: float64[g].
        group_of: int64[m], the group of each member.
        pair_offsets: int64[g], where the pairs of each group begin in `pairs`.
        pairs: uint8[..., c], comparisons of ordered pairs of a group's members, row-major.
        kinds: int64[c].
        table: `Tables.pairs`.
        rates: See `reach`.
        width: States kept after the second row.

    Returns:
        float64[w] log scores, int64[w, b] places in `members`, -1 for nobody.
    """
    rows, total = len(alone), len(members)
    groups = np.full(1, -1, dtype=np.int64)
    named = np.full((1, rows), -1, dtype=np.int64)
    base = np.zeros(1)  # likelihood so far; the outlook is added for comparison only
    used = np.zeros(1, dtype=np.int64)
    score = np.zeros(1)
    for t in range(rows):
        room = 0
        for s in range(len(groups)):
            room += 1 + (total if groups[s] < 0 else offsets[groups[s] + 1] - offsets[groups[s]])
        made = np.empty(room)
        made_base = np.empty(room)
        parent = np.empty(room, dtype=np.int64)
        choice = np.empty(room, dtype=np.int64)
        count = 0
        left = rows - t - 1
        for s in range(len(groups)):
            g = groups[s]
            size = offsets[g + 1] - offsets[g] if g >= 0 else 0
            made_base[count] = base[s] + rates[1]
            made[count] = made_base[count] + reach(left, size - used[s] if g >= 0 else 0, rates)
            parent[count], choice[count] = s, -1
            count += 1
            start, stop = (0, total) if g < 0 else (offsets[g], offsets[g + 1])
            for place in range(start, stop):
                taken = False
                for q in range(t):
                    if named[s, q] == place:
                        taken = True
                if taken:
                    continue
                of = group_of[place]
                width_of = offsets[of + 1] - offsets[of]
                value = base[s] + rates[0] + alone[t, members[place]]
                if g < 0:
                    value += prior[of]
                else:
                    for q in range(min(t, CONTEXT)):
                        if named[s, q] >= 0:
                            at = pair_offsets[g] + (named[s, q] - offsets[g]) * width_of + (place - offsets[g])
                            value += pair_likelihood(pairs[at], seen[q, t], kinds, table) - chance[q, t]
                made_base[count] = value
                made[count] = value + reach(left, width_of - used[s] - 1, rates)
                parent[count], choice[count] = s, place
                count += 1
        floor = _LOW
        # after the first row nothing is decided yet: all states stay
        if t > 0 and count > width:
            floor = np.partition(made[:count], count - width)[count - width]
        kept = min(count, width) if t > 0 else count
        new_groups = np.empty(kept, dtype=np.int64)
        new_named = np.full((kept, rows), -1, dtype=np.int64)
        new_base, new_used, new_score = np.empty(kept), np.empty(kept, dtype=np.int64), np.empty(kept)
        filled = 0
        for strict in (True, False):  # those above the floor first, then as many at the floor as there is room for
            for at in range(count):
                above = made[at] > floor
                if filled == kept or above != strict:
                    continue
                if not strict and made[at] < floor:
                    continue
                s = parent[at]
                new_named[filled, :t] = named[s, :t]
                new_named[filled, t] = choice[at]
                new_groups[filled] = groups[s] if choice[at] < 0 or groups[s] >= 0 else group_of[choice[at]]
                new_used[filled] = used[s] + (1 if choice[at] >= 0 else 0)
                new_base[filled], new_score[filled] = made_base[at], made[at]
                filled += 1
        groups, named, base, used, score = new_groups, new_named, new_base, new_used, new_score
    return score, named
