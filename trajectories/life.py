"""Bounds of a life: no spell begins before the birth year or goes on after the month of death.

The day of birth does not travel (the payload holds the year), so a life begins on 1 January of the birth year that
most records name. A death is a declaration with the situation `DE`; a life ends with the last such month, so that one
wrong declaration among later work does not end it: a death followed by months worked is no death.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from trajectories.events import SITUATIONS, Events, owned
from trajectories.intervals import Intervals, Ints, month_start
from trajectories.tables import Window
from trajectories.votes import winners

OLDEST_BIRTH_YEAR: Final = 1900
_EVER: Final = 1 << 21
_DIED: Final = SITUATIONS.index("DE")


@dataclass(frozen=True)
class Life:
    """First day and day after the last one of every person (int64); far away where unknown."""

    birth: Ints
    death: Ints

    def cut(self, spells: Intervals) -> Intervals:
        """Return the spells within the lives, empty ones dropped."""
        start = np.maximum(spells.start, self.birth[spells.person])
        end = np.minimum(spells.end, self.death[spells.person])
        return Intervals(spells.person, start, end, spells.flag).where(start < end)


def life_of(events: Events, person_of_record: Ints, count: int, window: Window) -> Life:
    """Return the lives of `count` persons."""
    birth, death = np.full(count, -_EVER), np.full(count, _EVER)
    years = events.votes["birth_year"]
    born, year = winners(years, (years >= OLDEST_BIRTH_YEAR) & (years <= window.end.year), person_of_record)
    birth[born] = month_start(year * 12)
    who, month, days, situation = owned(events.declarations, person_of_record, "month", "days", "situation")
    worked = np.full(count, -1, dtype=np.int64)
    np.maximum.at(worked, who[days >= 1], month[days >= 1])
    died = situation == _DIED
    last = np.full(count, -1, dtype=np.int64)
    np.maximum.at(last, who[died], month[died])
    dead = (last >= 0) & (last >= worked)
    death[dead] = month_start(last[dead] + 1)
    return Life(birth, death)
