"""What becomes of those who arrive: retention, and times to a first permit, authorisation and insured month."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from trajectories.definitions import ALL
from trajectories.figures import Key, first_arrivals, first_month_from
from trajectories.intervals import Bools, Intervals, Ints, month_of, month_start, pack
from trajectories.measures.scene import Scene

#: Months after arrival at which retention is counted.
RETENTION: Final = (12, 24, 60)
#: Months after arrival at which first events of those observed so long are counted.
REACHED: Final = (6, 12, 24)
#: Channels to which the time from arrival is measured.
TARGETS: Final = {"permit": "permit", "authorised": "authorised_work", "insured": "insured_work"}
#: An absence that begins within the window counts as departure if it lasts at least so many days.
DEPARTURE_DAYS: Final = 183


def count_retention(scene: Scene) -> Iterator[tuple[Key, Ints]]:
    """Yield, by year of arrival, who was observed k whole months after the month of arrival, and insured in it."""
    person, month = first_arrivals(scene.presence, scene.channels.window.first_day)
    end = _end_month(scene)
    for k in RETENTION:
        seen = month + k < end
        found, there = first_month_from(scene.channels.spells["insured_work"], person, month + k)
        kept = seen & there & (found == month + k)
        for year in scene.years:
            own = month // 12 == year
            yield (f"observed_{k}", ALL, year), scene.migrants.count(person[own & seen], year)
            yield (f"retained_{k}", ALL, year), scene.migrants.count(person[own & kept], year)


def count_first_events(scene: Scene) -> Iterator[tuple[Key, Ints]]:
    """Yield the counts behind times and incidences, by year of arrival; releases are made from them.

    `arrived`: all arrivals; `reached_<target>`: of them, who has a first month in the channel. Of the arrivals observed
    k whole months after the month of arrival (`observed_k`): who had an insured month first (`insured_by_k`), or left
    first (`left_by_k`), within k months. Where a year's arrivals are all observed so long, insured_by_k / observed_k is
    the Aalen-Johansen estimate.
    """
    person, month = first_arrivals(scene.presence, scene.channels.window.first_day)
    end = _end_month(scene)
    left, has_left = _departures(scene, person, month)
    chosen: dict[str, Bools] = {"arrived": np.ones(len(person), dtype=np.bool_)}
    for target, channel in TARGETS.items():
        reached, found = first_month_from(scene.channels.spells[channel], person, month)
        chosen[f"reached_{target}"] = found
        if target == "insured":
            first = found & (~has_left | (reached <= left))
            gone = has_left & ~first
            for k in REACHED:
                seen = month + k < end
                chosen[f"observed_{k}"] = seen
                chosen[f"insured_by_{k}"] = seen & first & (reached - month <= k)
                chosen[f"left_by_{k}"] = seen & gone & (left - month <= k)
    for name, mask in chosen.items():
        for year in scene.years:
            yield (name, ALL, year), scene.migrants.count(person[mask & (month // 12 == year)], year)


def count_times(scene: Scene) -> Iterator[tuple[Key, NDArray[np.int64]]]:
    """Yield histograms of months from arrival, by year of arrival.

    For each target: `time_<target>_event` and `time_<target>_censored` (observed to the window's end without it).
    For insurance with departure as the competing event: `first_insured`, `first_left`, `first_censored`.
    """
    person, month = first_arrivals(scene.presence, scene.channels.window.first_day)
    end = _end_month(scene)
    bins = end - month_of(np.array([scene.channels.window.first_day])).item() + 1
    left, has_left = _departures(scene, person, month)
    for target, channel in TARGETS.items():
        reached, found = first_month_from(scene.channels.spells[channel], person, month)
        groups = {
            f"time_{target}_event": (found, reached - month),
            f"time_{target}_censored": (~found, end - 1 - month),
        }
        if target == "insured":
            # A departure in the month of the first insured month comes after it.
            first = found & (~has_left | (reached <= left))
            gone = has_left & ~first
            groups |= {
                "first_insured": (first, reached - month),
                "first_left": (gone, left - month),
                "first_censored": (~first & ~gone, end - 1 - month),
            }
        for name, (chosen, months) in groups.items():
            for year in scene.years:
                own = chosen & (month // 12 == year)
                yield (name, ALL, year), scene.migrants.histogram(person[own], months[own], year, bins)


def _end_month(scene: Scene) -> int:
    """Return the month that holds E: the first that is not whole within the window."""
    return int(month_of(np.array([scene.channels.window.end_day])).item())


def _departures(scene: Scene, person: Ints, month: Ints) -> tuple[Ints, Bools]:
    """Return the month of the first lasting departure after arrival, and whether there is one."""
    spells, end_day = scene.presence, scene.channels.window.end_day
    following = np.full(len(spells), end_day, dtype=np.int64)
    same = spells.person[1:] == spells.person[:-1]
    following[:-1][same] = spells.start[1:][same]
    lasting: Intervals = spells.where(following - spells.end >= DEPARTURE_DAYS)
    if not len(lasting):
        return month, np.zeros(len(person), dtype=np.bool_)
    nth = np.searchsorted(pack(lasting.person, lasting.end), pack(person, month_start(month)), side="left")
    spell = np.minimum(nth, len(lasting) - 1)
    found = (nth < len(lasting)) & (lasting.person[spell] == person)
    return month_of(lasting.end[spell]), found
