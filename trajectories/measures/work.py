"""Work: the parts of the gap between insured and authorised, accidents, pay."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from trajectories.breakdowns import last_day
from trajectories.definitions import ALL
from trajectories.events import SITUATIONS, owned
from trajectories.figures import Key, Tally, marks
from trajectories.intervals import Bools, Ints
from trajectories.measures.scene import Scene

#: Width of a pay band in centimes, and how many bands there are; the last is open.
PAY_BAND: Final = 50_000
PAY_BANDS: Final = 201
FULL_MONTH: Final = 26


def count_gap(scene: Scene) -> Iterator[tuple[Key, Ints]]:
    """Yield the insured not authorised who are neither exempt nor expired, with and without another valid title."""
    work = scene.channels.spells["authorised_work"]
    exempt = scene.breakdowns.persons.exempt
    for year in scene.years:
        insured, authorised = scene.workers(year)
        rest = insured & ~authorised & ~exempt & ~marks(work.person[work.end <= last_day(year)], scene.size)
        permitted = scene.in_channel("permit", year)
        yield ("gap_total", ALL, year), scene.counted(insured & ~authorised, year)
        yield ("gap_other_permit", ALL, year), scene.counted(rest & permitted, year)
        yield ("gap_residual", ALL, year), scene.counted(rest & ~permitted, year)


def count_accidents(scene: Scene) -> Iterator[tuple[Key, Ints]]:
    """Yield persons insured at any time of the year, and those with a month declared as work accident."""
    who, month, days, situation = owned(
        scene.channels.events.declarations, scene.channels.person_of_record, "month", "days", "situation"
    )
    year_declared = month // 12
    accident = situation == SITUATIONS.index("AT")
    for year in scene.years:
        this = year_declared == year
        insured = marks(who[this & (days >= 1)], scene.size)
        hurt = marks(who[this & accident], scene.size)
        yield ("insured_in_year", ALL, year), scene.counted(insured | hurt, year)
        yield ("accident_in_year", ALL, year), scene.counted(hurt, year)


def count_pay(scene: Scene) -> Iterator[tuple[Key, NDArray[np.int64]]]:
    """Yield pay of full December months, all employers together, in bands of 500 MAD: migrants' and nationals'."""
    for name, tally, year, paid, total in _paid(scene):
        yield (f"pay_{name}", ALL, year), tally.histogram(paid, total // PAY_BAND, year, PAY_BANDS)


def count_paid(scene: Scene) -> Iterator[tuple[Key, Ints]]:
    """Yield the persons behind the pay of `count_pay`."""
    for name, tally, year, paid, _ in _paid(scene):
        yield (f"paid_{name}", ALL, year), tally.count(paid, year)


def _paid(scene: Scene) -> Iterator[tuple[str, Tally, int, Ints, Ints]]:
    """Yield name, tally, year, and the adults with a full December month and their pay in centimes."""
    who, month, days, pay = owned(
        scene.channels.events.declarations, scene.channels.person_of_record, "month", "days", "pay"
    )
    tallies: tuple[tuple[str, Tally], ...] = (("migrants", scene.migrants), ("nationals", scene.nationals))
    for year in scene.years:
        chosen = full_decembers(month, days, pay, year)
        total = np.zeros(scene.size, dtype=np.int64)
        np.add.at(total, who[chosen], pay[chosen])
        paid = np.flatnonzero(marks(who[chosen], scene.size) & scene.breakdowns.persons.adults(year))
        for name, tally in tallies:
            yield name, tally, year, paid, total[paid]


def full_decembers(month: Ints, days: Ints, pay: Ints, year: int) -> Bools:
    """Return which declarations are full months of December with a pay."""
    return np.asarray((month == 12 * year + 11) & (days >= FULL_MONTH) & (pay >= 0), dtype=np.bool_)
