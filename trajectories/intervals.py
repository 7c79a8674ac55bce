"""Spells of many persons as sorted arrays, and the few operations that every channel is made of.

No loop over persons: a person and a day are packed into one integer, so that sorting, searching and running
maxima over all persons at once never mix two persons.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

#: Days are shifted by year 1, so that packed days are positive, and take 23 bits: years 1 to 9999 and a window on top.
_DAY_SHIFT: Final = 719_163
_DAY_BITS: Final = 23


def pack(person: Ints, day: Ints) -> Ints:
    """Return person and day as one integer that sorts by person, then day."""
    return (person << _DAY_BITS) | (day + _DAY_SHIFT)


@dataclass(frozen=True)
class Intervals:
    """Half-open spells [start, end) in days, sorted by person and start, disjoint within a person.

    Attributes:
        person: int64 positions of the persons.
        start: int64 days.
        end: int64 days.
        flag: uint8 codes of `trajectories.flags`.
    """

    person: Ints
    start: Ints
    end: Ints
    flag: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.person)

    def where(self, mask: Bools) -> Intervals:
        """Return the spells that the mask selects."""
        return Intervals(self.person[mask], self.start[mask], self.end[mask], self.flag[mask])

    def clipped(self, first: int, end: int) -> Intervals:
        """Return the spells cut to [first, end), empty ones dropped."""
        start, stop = np.maximum(self.start, first), np.minimum(self.end, end)
        return Intervals(self.person, start, stop, self.flag).where(start < stop)

    def covering(self, day: int) -> Ints:
        """Return the persons (each once) with a spell that holds the day."""
        return self.person[(self.start <= day) & (day < self.end)]

    def days_before(self, person: Ints, day: Ints) -> Ints:
        """Return how many days of a person's spells lie before a day, for many (person, day)."""
        lengths = np.concatenate(([0], np.cumsum(self.end - self.start)))
        starts = pack(self.person, self.start)
        nth = np.searchsorted(starts, pack(person, day), side="left")  # spells that started before that day
        base = np.searchsorted(self.person, person, side="left")
        whole = lengths[nth] - lengths[base]
        if not len(self):
            return whole
        last = np.maximum(nth - 1, 0)
        over = np.where(nth > base, np.maximum(self.end[last] - day, 0), 0)  # the last one may reach beyond
        return np.asarray(whole - over, dtype=np.int64)


def intervals(person: Ints, start: Ints, end: Ints, flag: NDArray[np.uint8] | None = None) -> Intervals:
    """Return spells sorted by person and start, from arrays in any order; empty ones are dropped."""
    code = np.zeros(len(person), dtype=np.uint8) if flag is None else flag
    kept = Intervals(person, start, end, code).where(start < end)
    order = np.argsort(pack(kept.person, kept.start), kind="stable")
    return Intervals(kept.person[order], kept.start[order], kept.end[order], kept.flag[order])


def union(person: Ints, start: Ints, end: Ints) -> Intervals:
    """Return the union of spells: overlapping and touching ones are merged."""
    rows = intervals(person, start, end)
    if not len(rows):
        return rows
    reach = np.maximum.accumulate(pack(rows.person, rows.end))
    opens = np.ones(len(rows), dtype=np.bool_)
    # A packed day of the next person is larger than any of this one: a change of person always opens a spell.
    opens[1:] = pack(rows.person, rows.start)[1:] > reach[:-1]
    first = np.flatnonzero(opens)
    last = np.append(first[1:], len(rows)) - 1
    merged_end = reach[last] & ((1 << _DAY_BITS) - 1)
    return Intervals(rows.person[first], rows.start[first], merged_end - _DAY_SHIFT, rows.flag[first])


def gaps(spells: Intervals, longest: int, flag: int) -> Intervals:
    """Return the gaps of at most `longest` days between consecutive spells of a person, with a flag."""
    same = spells.person[1:] == spells.person[:-1]
    start, end = spells.end[:-1], spells.start[1:]
    short = same & (end - start <= longest)
    code = np.full(len(start), flag, dtype=np.uint8)
    return Intervals(spells.person[:-1], start, end, code).where(short)


def merged(*parts: Intervals) -> Intervals:
    """Return several sets of spells as one sorted set, nothing merged."""
    return intervals(
        np.concatenate([part.person for part in parts]),
        np.concatenate([part.start for part in parts]),
        np.concatenate([part.end for part in parts]),
        np.concatenate([part.flag for part in parts]),
    )


def month_of(day: Ints) -> Ints:
    """Return `12 * year + month - 1` of days."""
    return np.asarray(day.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64) + 1970 * 12)


def month_start(month: Ints) -> Ints:
    """Return the first day of months `12 * year + month - 1`."""
    return np.asarray((month - 1970 * 12).astype("datetime64[M]").astype("datetime64[D]").astype(np.int64))


def year_of(day: Ints) -> Ints:
    """Return the calendar year of days."""
    return month_of(day) // 12
