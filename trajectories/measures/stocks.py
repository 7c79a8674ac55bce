"""Stocks, and flows between two 31 Decembers that balance them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from trajectories.breakdowns import last_day
from trajectories.definitions import ALL
from trajectories.events import owned
from trajectories.figures import Key, marks
from trajectories.intervals import Bools, Ints
from trajectories.measures.scene import Scene

#: States between which yearly transitions are counted, in this order of precedence.
STATES = ("both", "insured", "authorised", "none", "absent")


def count_stocks(scene: Scene) -> Iterator[tuple[Key, Ints]]:
    """Yield stocks at 31 December and the entries, exits and comings of age between two of them.

    For a stock X of working age: X(t) = X(t - 1 year) + entries - exits + ageing, where *ageing* are those in X at t
    who were under 15 a year before, *entries* the others in X at t and not a year before.
    """
    for year in scene.years:
        insured, authorised = scene.workers(year)
        union = insured | authorised
        adult = scene.breakdowns.persons.adults(year)
        for rule in scene.rules:
            home = scene.resident_at(rule, year)
            yield ("working_age_stock", rule, year), scene.counted(home & adult, year)
            yield ("non_resident_workers", rule, year), scene.counted(union & ~home, year)
            yield ("for_work_residents", rule, year), scene.counted(home & scene.for_work, year)
            if rule != "12_16":  # the reference measures hold that one
                yield ("workers_insured", rule, year), scene.counted(insured & home, year)
                yield ("workers_authorised", rule, year), scene.counted(authorised & home, year)
                yield ("workers_both", rule, year), scene.counted(insured & authorised & home, year)
                yield ("workers_union", rule, year), scene.counted(union & home, year)
    for year in scene.steps:
        before, now = scene.workers(year - 1), scene.workers(year)
        for name, old, new in (("insured", before[0], now[0]), ("authorised", before[1], now[1])):
            yield from _balance(scene, f"{name}_workers", ALL, year, old, new)
        for rule in scene.rules:
            old, new = scene.resident_at(rule, year - 1), scene.resident_at(rule, year)
            persons = scene.breakdowns.persons
            yield from _balance(
                scene, "working_age", rule, year, old & persons.adults(year - 1), new & persons.adults(year)
            )


def _balance(scene: Scene, name: str, residence: str, year: int, old: Bools, new: Bools) -> Iterator[tuple[Key, Ints]]:
    grown = scene.breakdowns.persons.adults(year - 1)
    # All three in the categories of the later year: a move between categories is neither entry nor exit of the total.
    yield (f"{name}_entries", residence, year), scene.counted(new & ~old & grown, year)
    yield (f"{name}_exits", residence, year), scene.counted(old & ~new, year)
    yield (f"{name}_ageing", residence, year), scene.counted(new & ~old & ~grown, year)
    yield (f"{name}_start", residence, year), scene.counted(old, year)


def count_transitions(scene: Scene) -> Iterator[tuple[Key, Ints]]:
    """Yield N_ab and N_a of the migrants: state a at 31 December of the year before, b at that of the year.

    States, the first that fits: `both` insured and authorised, `insured`, `authorised` (15 or more), `none` (present
    on the day), `absent`. p_ab = N_ab / N_a.
    """
    for year in scene.steps:
        before, now = _states(scene, year - 1), _states(scene, year)
        for a, old in enumerate(STATES):
            yield (f"state_{old}", ALL, year), scene.counted(before == a, year)
            for b, new in enumerate(STATES):
                yield (f"transition_{old}_{new}", ALL, year), scene.counted((before == a) & (now == b), year)


def _states(scene: Scene, year: int) -> Ints:
    insured, authorised = scene.workers(year)
    present = marks(scene.presence.covering(last_day(year)), scene.size)
    chosen = [insured & authorised, insured, authorised, present]
    return np.select(chosen, list(range(4)), default=4).astype(np.int64)


def count_nationals(scene: Scene) -> Iterator[tuple[Key, Ints]]:
    """Yield nationals registered at a consulate, and proxies of return migrant workers."""
    who, start, end = owned(scene.channels.events.abroad, scene.channels.person_of_record, "start", "end")
    for year in scene.years:
        t, first = last_day(year), last_day(year - 1)
        registered = marks(who[(start <= t) & (t < end)], scene.size)
        returned = marks(who[end <= t], scene.size) & ~registered
        insured, _ = scene.workers(year)
        for name, chosen in (
            ("nationals_abroad", registered),
            ("nationals_registered", marks(who[(start > first) & (start <= t)], scene.size)),
            ("nationals_removed", marks(who[(end > first) & (end <= t)], scene.size)),
            ("return_migrant_workers", returned & insured),
        ):
            yield (name, ALL, year), scene.nationals.count(np.flatnonzero(chosen), year)
