"""Spells of one person by the reference rules, on whole days.

A day is its proleptic ordinal (`datetime.date.toordinal`). A spell is half-open, ``(start, end)``; the
spells of a channel are sorted and disjoint. The choices made where the definitions leave room are in
``docs/indicator-conventions.md``. This module shares no code with `trajectories`: a test holds both equal.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

Spell = tuple[int, int]

#: Residence rules: name, days present (or absent) needed, length of the window after the boundary.
RESIDENCE_RULES: dict[str, tuple[int, int]] = {"12_16": (365, 487), "6_12": (183, 365)}


class Crossing(NamedTuple):
    """One border crossing; sorts by timestamp, entry before exit, record id."""

    crossed_at: str
    is_exit: bool
    record_id: str
    day: int


def clip(spells: Iterable[Spell], start: int, end: int) -> list[Spell]:
    """Cut spells to [start, end) and drop empty ones."""
    cut = ((max(a, start), min(b, end)) for a, b in spells)
    return [(a, b) for a, b in cut if a < b]


def union(spells: Iterable[Spell]) -> list[Spell]:
    """Return the union of non-empty spells; overlapping and touching ones become one."""
    merged: list[Spell] = []
    for a, b in sorted(s for s in spells if s[0] < s[1]):
        if merged and a <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(b, merged[-1][1]))
        else:
            merged.append((a, b))
    return merged


def presence_spells(crossings: Sequence[Crossing], start: int, end: int) -> list[Spell]:
    """Pair crossings: an entry when absent opens, an exit when present closes, any other is ignored.

    A first crossing that is an exit opens at `start`; a spell still open ends at `end`.
    """
    spells: list[Spell] = []
    opened: int | None = None
    for position, crossing in enumerate(sorted(crossings)):
        if position == 0 and crossing.is_exit:
            opened = start
        if not crossing.is_exit and opened is None:
            opened = crossing.day
        elif crossing.is_exit and opened is not None:
            spells.append((opened, crossing.day))
            opened = None
    if opened is not None:
        spells.append((opened, end))
    return clip(spells, start, end)


def presence_without_crossings(other_channels: Iterable[Sequence[Spell]]) -> list[Spell]:
    """Return one spell from the earliest start to the latest end of the other channels."""
    spells = [spell for channel in other_channels for spell in channel]
    if not spells:
        return []
    return [(min(a for a, _ in spells), max(b for _, b in spells))]


def days_within(spells: Sequence[Spell], start: int, end: int) -> int:
    """Count the days of disjoint spells that lie in [start, end)."""
    return sum(min(b, end) - max(a, start) for a, b in spells if a < end and b > start)


def resident_spells(presence: Sequence[Spell], rule: str, start: int, end: int) -> list[Spell]:
    """Apply a (D, W) residence rule to a person's presence.

    Not resident: resident from the start a of a spell if a = `start` or at least D days of [a, a + W) are
    present. Resident: not resident from the end b < `end` of a spell if at least D days of [b, b + W) are
    absent. From `end` on, the state of the last day goes on.
    """
    needed, width = RESIDENCE_RULES[rule]
    known = list(presence)
    if known and known[-1][1] == end:
        known[-1] = (known[-1][0], end + width)
    spells: list[Spell] = []
    resident_from: int | None = None
    for a, b in presence:
        if resident_from is None and (a == start or days_within(known, a, a + width) >= needed):
            resident_from = a
        if resident_from is not None and b < end and width - days_within(known, b, b + width) >= needed:
            spells.append((resident_from, b))
            resident_from = None
    if resident_from is not None:
        spells.append((resident_from, end))
    return spells


def contains(spells: Sequence[Spell], day: int) -> bool:
    """Tell whether a day lies in one of the spells."""
    return any(a <= day < b for a, b in spells)
