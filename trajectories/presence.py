"""Presence from border movements.

Reference rule: crossings of a person sorted by time, an entry before an exit at the same time; an entry when absent
opens a spell, an exit when present closes it, any other crossing is ignored; a first crossing that is an exit opens
at S; an open spell ends at E. Because a crossing decides the state after it whatever went before, the walk needs no
loop: crossings that repeat the previous direction drop out, and each entry is paired with the next crossing left.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from contract.errors import InputError
from trajectories.flags import FIRST_EXIT, MISSING_ENTRY, MISSING_EXIT, NO_CROSSING, OPEN_END
from trajectories.intervals import Bools, Intervals, Ints, intervals, merged
from trajectories.tables import Window

_DAY_SHIFT: Final = 719_163
_SECOND_BITS: Final = 17
_DAY_BITS: Final = 22
_MOST_PERSONS: Final = 1 << (63 - _DAY_BITS - _SECOND_BITS - 1)


def sort_crossings(person: Ints, day: Ints, second: Ints, is_exit: Bools) -> tuple[Ints, Ints, Bools]:
    """Return person, day and direction sorted by person, time, entry before exit.

    One packed integer a crossing: sorting it is several times faster than sorting by columns, and 3 x 10^7 crossings
    take 240 MB. The record's name breaks no tie: crossings equal in time and direction are interchangeable.

    Raises:
        InputError: More persons than fit (8 388 608).
    """
    if len(person) and int(person.max()) >= _MOST_PERSONS:
        raise InputError("There are more persons than one run can hold.", advice="Split the population.")
    key = (((person << _DAY_BITS) | (day + _DAY_SHIFT)) << _SECOND_BITS | second) << 1 | is_exit
    key.sort()
    when = key >> (1 + _SECOND_BITS)
    return when >> _DAY_BITS, (when & ((1 << _DAY_BITS) - 1)) - _DAY_SHIFT, (key & 1).astype(np.bool_)


def pair_crossings(person: Ints, day: Ints, is_exit: Bools, window: Window, *, split_unmatched: bool) -> Intervals:
    """Return presence spells of sorted crossings, clipped to the window; empty ones are dropped, none are merged.

    With `split_unmatched`, two entries in a row end the first spell at the second entry (flag `missing_exit`: the
    exit lies somewhere in the spell), and two exits in a row give a spell between them (flag `missing_entry`: the
    entry lies somewhere in it).
    """
    if not split_unmatched:
        turns = np.ones(len(person), dtype=np.bool_)
        turns[1:] = (person[1:] != person[:-1]) | (is_exit[1:] != is_exit[:-1])
        person, day, is_exit = person[turns], day[turns], is_exit[turns]
    first = np.ones(len(person), dtype=np.bool_)
    first[1:] = person[1:] != person[:-1]
    last = np.append(first[1:], np.ones(min(1, len(first)), dtype=np.bool_))

    entry = np.flatnonzero(~is_exit)
    following = np.minimum(entry + 1, len(person) - 1)
    end = np.where(last[entry], window.end_day, day[following])
    flag = np.where(last[entry], OPEN_END, np.where(is_exit[following], 0, MISSING_EXIT)).astype(np.uint8)
    opened = intervals(person[entry], day[entry], end, flag)

    opening_exit = np.flatnonzero(is_exit & first)
    before = np.full(len(opening_exit), window.first_day, dtype=np.int64)
    code = np.full(len(opening_exit), FIRST_EXIT, dtype=np.uint8)
    at_start = intervals(person[opening_exit], before, day[opening_exit], code)

    repeated = np.zeros(len(person), dtype=np.bool_)
    repeated[1:] = is_exit[1:] & is_exit[:-1] & ~first[1:]
    second = np.flatnonzero(repeated)
    code = np.full(len(second), MISSING_ENTRY, dtype=np.uint8)
    uncertain = intervals(person[second], day[second - 1], day[second], code)
    return merged(opened, at_start, uncertain).clipped(window.first_day, window.end_day)


def presence_without_crossings(others: list[Intervals], crossed: Bools) -> Intervals:
    """Return one spell for each person without a usable crossing: earliest start to latest end of other channels.

    Args:
        others: The clipped spells of the other channels.
        crossed: For every person, whether there is a usable crossing.
    """
    count = len(crossed)
    start = np.full(count, np.iinfo(np.int64).max)
    end = np.full(count, np.iinfo(np.int64).min)
    for spells in others:
        np.minimum.at(start, spells.person, spells.start)
        np.maximum.at(end, spells.person, spells.end)
    chosen = np.flatnonzero(~crossed & (start < end))
    return intervals(chosen, start[chosen], end[chosen], np.full(len(chosen), NO_CROSSING, dtype=np.uint8))
