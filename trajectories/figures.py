"""Counts behind the indicators: for every measure, residence rule, year and category, one integer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

import numpy as np

from trajectories.channels import Channels
from trajectories.definitions import ALL
from trajectories.flags import MISSING_ENTRY
from trajectories.intervals import Bools, Intervals, Ints, month_of, month_start, pack, year_of
from trajectories.persons import SEXES, Persons
from trajectories.residence import RULES, resident_spells

Key = tuple[str, str, int]  # measure, residence, year


@dataclass(frozen=True)
class Tally:
    """Puts persons (or their spells) into the categories of the tables."""

    persons: Persons

    def categories(self) -> list[tuple[str, str]]:
        """Return (breakdown, category) in the order of tables."""
        sexes = [("sex", sex) for sex in SEXES]
        return [("total", "total"), *sexes, *(("nationality_group", group) for group in self.persons.groups)]

    def count(self, owners: Ints) -> list[int]:
        """Return the number of rows in each category, rows given by their persons' positions."""
        inside = owners[self.persons.in_population[owners]]
        sex = np.bincount(self.persons.sex[inside], minlength=len(SEXES))
        group = np.bincount(self.persons.group[inside], minlength=len(self.persons.groups))
        return [len(inside), *sex.tolist(), *group.tolist()]

    def medians(self, owners: Ints, values: Ints) -> list[float | None]:
        """Return the median of the values in each category; None of nobody."""
        mask = self.persons.in_population[owners]
        inside, kept = owners[mask], values[mask]
        picks = [np.ones(len(inside), dtype=np.bool_)]
        picks += [self.persons.sex[inside] == position for position in range(len(SEXES))]
        picks += [self.persons.group[inside] == position for position in range(len(self.persons.groups))]
        return [float(np.median(kept[pick])) if pick.any() else None for pick in picks]


@dataclass(frozen=True)
class Figures:
    """Counts and medians by (measure, residence, year); each a list over `categories`."""

    categories: list[tuple[str, str]]
    population: list[int]
    years: list[int]
    counts: dict[Key, list[int]]
    medians: dict[Key, list[float | None]]


def count_figures(channels: Channels, persons: Persons) -> Figures:
    """Return all counts and medians of the indicators, over the population of `persons`."""
    tally = Tally(persons)
    seen = channels.spells["presence"]
    presence = seen.where(seen.flag != MISSING_ENTRY)  # an uncertain presence is shown, not counted
    resident = {name: resident_spells(presence, rule, channels.window) for name, rule in RULES.items()}
    years = channels.window.years()
    counts: dict[Key, list[int]] = {}
    for year in years:
        for name, spells in resident.items():
            counts.update(_residents(tally, spells, name, year, channels))
        counts.update(_workers(tally, resident["12_16"], year, channels))
        counts.update(_overcoverage(tally, presence, year, channels.spells["permit"]))
    counts.update(_protection(tally, channels, years))
    arrivals, medians = _arrivals(tally, presence, channels, years)
    counts.update(arrivals)
    everybody = np.arange(len(persons.in_population), dtype=np.int64)
    return Figures(tally.categories(), tally.count(everybody), years, counts, medians)


def last_day(year: int) -> int:
    """Return 31 December as days since 1970-01-01."""
    return (date(year, 12, 31) - date(1970, 1, 1)).days


def _residents(
    tally: Tally, spells: Intervals, rule: str, year: int, channels: Channels
) -> Iterator[tuple[Key, list[int]]]:
    first, end = channels.window.first_day, channels.window.end_day
    yield ("resident_stock", rule, year), tally.count(spells.covering(last_day(year)))
    yield ("inflow", rule, year), tally.count(spells.person[(year_of(spells.start) == year) & (spells.start > first)])
    yield ("outflow", rule, year), tally.count(spells.person[(year_of(spells.end) == year) & (spells.end < end)])


def _marks(owners: Ints, persons: Persons) -> Bools:
    marks = np.zeros(len(persons.in_population), dtype=np.bool_)
    marks[owners] = True
    return marks


def _workers(tally: Tally, resident: Intervals, year: int, channels: Channels) -> Iterator[tuple[Key, list[int]]]:
    """Workers by channel, the gap of the insured without authorisation, and the counts of the coverage ratios."""
    t, who = last_day(year), tally.persons
    adult = who.adults(year)
    insured = _marks(channels.spells["insured_work"].covering(t), who) & adult
    authorised = _marks(channels.spells["authorised_work"].covering(t), who) & adult
    at_home = _marks(resident.covering(t), who)

    def counted(marks: Bools) -> list[int]:
        return tally.count(np.flatnonzero(marks))

    for residence, among in (("12_16", at_home), (ALL, np.ones_like(at_home))):
        yield ("workers_insured", residence, year), counted(insured & among)
        yield ("workers_authorised", residence, year), counted(authorised & among)
        yield ("workers_both", residence, year), counted(insured & authorised & among)
        yield ("workers_union", residence, year), counted((insured | authorised) & among)

    work = channels.spells["authorised_work"]
    expired = _marks(work.person[work.end <= t], who)
    gap = insured & ~authorised
    yield ("gap_exempt", ALL, year), counted(gap & who.exempt)
    yield ("gap_expired", ALL, year), counted(gap & ~who.exempt & expired)
    yield ("gap_none", ALL, year), counted(gap & ~who.exempt & ~expired)
    yield ("insured_not_exempt", ALL, year), counted(insured & ~who.exempt)
    yield ("both_not_exempt", ALL, year), counted(insured & authorised & ~who.exempt)


def _overcoverage(tally: Tally, presence: Intervals, year: int, permit: Intervals) -> Iterator[tuple[Key, list[int]]]:
    t = last_day(year)
    holders = permit.covering(t)
    days = np.full(len(holders), t + 1, dtype=np.int64)
    seen = presence.days_before(holders, days) - presence.days_before(holders, days - 365)
    yield ("permits_valid", ALL, year), tally.count(holders)
    yield ("permits_unseen", ALL, year), tally.count(holders[seen == 0])


def _first_insured_month(insured: Intervals, person: Ints, month: Ints) -> tuple[Ints, Bools]:
    """Return the first insured month at or after a month, and whether there is one, for many (person, month)."""
    if not len(insured):
        return month, np.zeros(len(person), dtype=np.bool_)
    # Ends are sorted as starts are: the first spell that ends after the month's first day holds or follows it.
    nth = np.searchsorted(pack(insured.person, insured.end), pack(person, month_start(month)), side="right")
    spell = np.minimum(nth, len(insured) - 1)
    found = (nth < len(insured)) & (insured.person[spell] == person)
    return np.maximum(month_of(insured.start[spell]), month), found


def _protection(tally: Tally, channels: Channels, years: list[int]) -> Iterator[tuple[Key, list[int]]]:
    """Authorised spells by year of start, and those with an insured month in the month of the start or three next."""
    work = channels.spells["authorised_work"]
    work = work.where(work.start > channels.window.first_day)
    month = month_of(work.start)
    insured, found = _first_insured_month(channels.spells["insured_work"], work.person, month)
    soon = found & (insured <= month + 3)
    started = month // 12
    for year in years:
        yield ("spells_started", ALL, year), tally.count(work.person[started == year])
        yield ("spells_protected", ALL, year), tally.count(work.person[(started == year) & soon])


def _arrivals(
    tally: Tally, presence: Intervals, channels: Channels, years: list[int]
) -> tuple[dict[Key, list[int]], dict[Key, list[float | None]]]:
    """Number of arrived persons with a later insured month, and median months to it, by year of arrival."""
    first = np.ones(len(presence), dtype=np.bool_)
    first[1:] = presence.person[1:] != presence.person[:-1]
    arrived = presence.where(first & (presence.start > channels.window.first_day))
    month = month_of(arrived.start)
    insured, found = _first_insured_month(channels.spells["insured_work"], arrived.person, month)
    owner, waited, year_arrived = arrived.person[found], (insured - month)[found], (month // 12)[found]
    counts: dict[Key, list[int]] = {}
    medians: dict[Key, list[float | None]] = {}
    for year in years:
        chosen = year_arrived == year
        counts["arrival_to_insured_number", ALL, year] = tally.count(owner[chosen])
        medians["arrival_to_insured_median", ALL, year] = tally.medians(owner[chosen], waited[chosen])
    return counts, medians
