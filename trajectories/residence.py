"""Residence by days of presence: the 12/16-month rule and its 6/12-month sibling.

Source: Stats NZ's outcomes-based migration measure, the 12/16-month rule (present, or absent, 12 of 16 months), with
days in place of months; 12 months is long-term migration in the United Nations' recommendations, 6 months the
residence of Morocco's census.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from contract.errors import InputError
from trajectories.intervals import Intervals, intervals
from trajectories.tables import Window


@dataclass(frozen=True)
class ResidenceRule:
    """At least `days` (D) of the `within` (W) days that begin at a boundary of presence.

    Raises:
        InputError: D is not positive, W is shorter than D, or 2 D <= W: then a person could become and cease to be
            resident on the same day.
    """

    name: str
    days: int
    within: int

    def __post_init__(self) -> None:
        if not 0 < self.days <= self.within < 2 * self.days:
            raise InputError("A residence rule needs D days within W, with 0 < D <= W < 2 D.")


RULES: Final = {rule.name: rule for rule in (ResidenceRule("12_16", 365, 487), ResidenceRule("6_12", 183, 365))}


def resident_spells(presence: Intervals, rule: ResidenceRule, window: Window) -> Intervals:
    """Return the resident spells of persons with the given presence spells (clipped to the window).

    Not resident: resident from the start a of a spell if a = S or at least D of the days [a, a + W) are present.
    Resident: not resident from the end b < E of a spell if at least D of [b, b + W) are absent. After E the last
    day's state is carried forward. Whether a boundary *could* turn the state does not depend on the state, so the
    walk needs no loop: boundaries that cannot turn it drop out, then those that repeat the one before.

    Returns:
        Spells [a, b), or [a, E); spells that touch stay two.
    """
    days, within = rule.days, rule.within
    carried = np.where(presence.end >= window.end_day, window.end_day + within, presence.end)
    known = Intervals(presence.person, presence.start, carried, presence.flag)

    def present(person: np.ndarray, day: np.ndarray) -> np.ndarray:
        return known.days_before(person, day + within) - known.days_before(person, day)

    arrives = (presence.start == window.first_day) | (present(presence.person, presence.start) >= days)
    leaves = (presence.end < window.end_day) & (within - present(presence.person, presence.end) >= days)

    # Boundaries in time order: start and end of the first spell, of the second, ...
    person = np.repeat(presence.person, 2)
    day = np.column_stack((presence.start, presence.end)).ravel()
    is_end = np.tile(np.array([False, True]), len(presence))
    turns = np.column_stack((arrives, leaves)).ravel()
    person, day, is_end = person[turns], day[turns], is_end[turns]

    # Not resident at first: a person's leading ends turn nothing.
    kept = np.ones(len(person), dtype=np.bool_)
    same = person[1:] == person[:-1]
    kept[1:] = ~same | (is_end[1:] != is_end[:-1])
    leading = np.ones(len(person), dtype=np.bool_)
    leading[1:] = ~same
    kept &= ~(leading & is_end)
    person, day, is_end = person[kept], day[kept], is_end[kept]

    start = np.flatnonzero(~is_end)
    following = np.minimum(start + 1, max(len(person) - 1, 0))
    closed = (start + 1 < len(person)) & is_end[following] & (person[following] == person[start])
    end = np.where(closed, day[following], window.end_day)
    return intervals(person[start], day[start], end)
