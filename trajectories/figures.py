"""Counts behind the indicators: for every measure, residence rule, year and category, one integer.

Every count and every histogram is a sum over persons. So figures of parts of a population add up to those of the
whole (`Figures.__add__`: large runs go bucket by bucket), and a draw of other links costs only the persons it touches
(`trajectories.uncertainty`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from contract.errors import InputError
from trajectories.breakdowns import Breakdowns, last_day
from trajectories.channels import Channels
from trajectories.definitions import ALL
from trajectories.flags import MISSING_ENTRY
from trajectories.intervals import Bools, Intervals, Ints, month_of, month_start, pack, year_of
from trajectories.residence import RULES, ResidenceRule, resident_spells

Key = tuple[str, str, int]  # measure, residence, year


@dataclass(frozen=True)
class Tally:
    """Puts persons (or their spells) into the categories of the tables."""

    breakdowns: Breakdowns
    population: Bools

    @property
    def width(self) -> int:
        """Number of categories."""
        return len(self.breakdowns.categories)

    def count(self, owners: Ints, year: int) -> Ints:
        """Return the number of rows in each category at the end of a year, rows given by their persons' positions."""
        mine = owners[self.population[owners]]
        codes, keys = self.breakdowns.codes(year)[mine], self.breakdowns.record_keys
        if keys is None:
            return np.bincount(codes.ravel(), minlength=self.width).astype(np.int64)
        # Two halves: sums of floats stay exact.
        low, high = (
            np.bincount(codes.ravel(), np.repeat(half, codes.shape[1]), self.width).astype(np.int64)
            for half in (keys[mine] & 0xFFFF, keys[mine] >> 16)
        )
        return low + (high << 16)

    def histogram(self, owners: Ints, values: Ints, year: int, bins: int) -> NDArray[np.int64]:
        """Return counts (categories, bins) of whole values; those beyond the last bin are in it."""
        mask = self.population[owners]
        codes = self.breakdowns.codes(year)[owners[mask]]
        kept = np.minimum(values[mask], bins - 1)
        flat = codes * bins + kept[:, None]
        return np.bincount(flat.ravel(), minlength=self.width * bins).astype(np.int64).reshape(self.width, bins)


def medians_of(histogram: NDArray[np.int64]) -> list[float | None]:
    """Return the median of each row of a histogram of whole values (mean of the middle two); None of nobody."""
    found: list[float | None] = []
    for row in histogram:
        reached, total = np.cumsum(row), int(row.sum())
        if not total:
            found.append(None)
            continue
        low, high = np.searchsorted(reached, [(total - 1) // 2, total // 2], side="right")
        found.append((int(low) + int(high)) / 2)
    return found


@dataclass(frozen=True)
class Figures:
    """Counts by (measure, residence, year), each over `categories`; histograms (categories, bins) likewise.

    Attributes:
        categories: (breakdown, category).
        population: Persons of the population in each category, at the end of the last year.
        years: Reference years.
        counts: int64; float64 where they are corrected (`trajectories.correction`).
        histograms: int64, of whole months or pay bands.
    """

    categories: tuple[tuple[str, str], ...]
    population: Ints
    years: list[int]
    counts: dict[Key, NDArray[Any]]
    histograms: dict[Key, NDArray[np.int64]]

    @property
    def measures(self) -> frozenset[str]:
        """Names of all counts and histograms."""
        return frozenset(measure for measure, _, _ in (*self.counts, *self.histograms))

    @property
    def medians(self) -> dict[Key, list[float | None]]:
        """Medians of all histograms."""
        return {key: medians_of(histogram) for key, histogram in self.histograms.items()}

    def __add__(self, other: Figures) -> Figures:
        """Figures of two parts of a population together."""
        return self._combined(other, 1)

    def __sub__(self, other: Figures) -> Figures:
        """Figures without those of a part of the population."""
        return self._combined(other, -1)

    def _combined(self, other: Figures, sign: int) -> Figures:
        if (self.categories, self.years) != (
            other.categories,
            other.years,
        ) or self.counts.keys() != other.counts.keys():
            raise InputError("Figures of other categories, years or measures cannot be added.")
        return Figures(
            self.categories,
            self.population + sign * other.population,
            self.years,
            {key: counts + sign * other.counts[key] for key, counts in self.counts.items()},
            {key: counts + sign * other.histograms[key] for key, counts in self.histograms.items()},
        )


def count_figures(
    channels: Channels,
    breakdowns: Breakdowns,
    rules: Mapping[str, ResidenceRule] = RULES,
    resident: Mapping[str, Intervals] | None = None,
) -> Figures:
    """Return all counts and histograms of the reference indicators.

    Args:
        channels: Spells of the population.
        breakdowns: Its categories.
        rules: Residence rules of stocks and flows; the reference ones must be among them.
        resident: Resident spells by rule, where they were made already.
    """
    persons = breakdowns.persons
    tally = Tally(breakdowns, persons.in_population)
    presence = counted_presence(channels)
    if resident is None:
        resident = {name: resident_spells(presence, rule, channels.window) for name, rule in rules.items()}
    turned = {name: (year_of(spells.start), year_of(spells.end)) for name, spells in resident.items()}
    years = channels.window.years()
    counts: dict[Key, Ints] = {}
    for year in years:
        for name, spells in resident.items():
            counts.update(_residents(tally, spells, turned[name], name, year, channels))
        counts.update(_workers(tally, resident["12_16"], year, channels))
        counts.update(_overcoverage(tally, presence, year, channels.spells["permit"]))
    counts.update(_protection(tally, channels, years))
    arrivals, histograms = _arrivals(tally, presence, channels, years)
    counts.update(arrivals)
    everybody = np.arange(len(persons), dtype=np.int64)
    last = channels.window.end.year if not years else years[-1]
    return Figures(breakdowns.categories, tally.count(everybody, last), years, counts, histograms)


def counted_presence(channels: Channels) -> Intervals:
    """Return the presence that figures count: a spell whose entry was not seen is shown, not counted."""
    seen = channels.spells["presence"]
    return seen.where(seen.flag != MISSING_ENTRY)


def _residents(
    tally: Tally, spells: Intervals, turned: tuple[Ints, Ints], rule: str, year: int, channels: Channels
) -> Iterator[tuple[Key, Ints]]:
    """Stock and flows of a year; `turned` are the years in which the spells start and end."""
    first, end = channels.window.first_day, channels.window.end_day
    begun = (turned[0] == year) & (spells.start > first)
    ended = (turned[1] == year) & (spells.end < end)
    yield ("resident_stock", rule, year), tally.count(spells.covering(last_day(year)), year)
    yield ("inflow", rule, year), tally.count(spells.person[begun], year)
    yield ("outflow", rule, year), tally.count(spells.person[ended], year)


def marks(owners: Ints, count: int) -> Bools:
    """Return, for every one of `count` persons, whether they are among the owners."""
    found = np.zeros(count, dtype=np.bool_)
    found[owners] = True
    return found


def _workers(tally: Tally, resident: Intervals, year: int, channels: Channels) -> Iterator[tuple[Key, Ints]]:
    """Workers by channel, the gap of the insured without authorisation, and the counts of the coverage ratios."""
    t, who = last_day(year), tally.breakdowns.persons
    adult = who.adults(year)
    insured = marks(channels.spells["insured_work"].covering(t), len(who)) & adult
    authorised = marks(channels.spells["authorised_work"].covering(t), len(who)) & adult
    at_home = marks(resident.covering(t), len(who))

    def counted(chosen: Bools) -> Ints:
        return tally.count(np.flatnonzero(chosen), year)

    for residence, among in (("12_16", at_home), (ALL, np.ones_like(at_home))):
        yield ("workers_insured", residence, year), counted(insured & among)
        yield ("workers_authorised", residence, year), counted(authorised & among)
        yield ("workers_both", residence, year), counted(insured & authorised & among)
        yield ("workers_union", residence, year), counted((insured | authorised) & among)

    work = channels.spells["authorised_work"]
    expired = marks(work.person[work.end <= t], len(who))
    gap = insured & ~authorised
    yield ("gap_exempt", ALL, year), counted(gap & who.exempt)
    yield ("gap_expired", ALL, year), counted(gap & ~who.exempt & expired)
    yield ("gap_none", ALL, year), counted(gap & ~who.exempt & ~expired)
    yield ("insured_not_exempt", ALL, year), counted(insured & ~who.exempt)
    yield ("both_not_exempt", ALL, year), counted(insured & authorised & ~who.exempt)


def _overcoverage(tally: Tally, presence: Intervals, year: int, permit: Intervals) -> Iterator[tuple[Key, Ints]]:
    t = last_day(year)
    holders = permit.covering(t)
    days = np.full(len(holders), t + 1, dtype=np.int64)
    seen = presence.days_before(holders, days) - presence.days_before(holders, days - 365)
    yield ("permits_valid", ALL, year), tally.count(holders, year)
    yield ("permits_unseen", ALL, year), tally.count(holders[seen == 0], year)


def first_month_from(spells: Intervals, person: Ints, month: Ints) -> tuple[Ints, Bools]:
    """Return the first month with a day of a spell at or after a month, and whether there is one, for many pairs."""
    if not len(spells):
        return month, np.zeros(len(person), dtype=np.bool_)
    # Ends are sorted as starts are: the first spell that ends after the month's first day holds or follows it.
    nth = np.searchsorted(pack(spells.person, spells.end), pack(person, month_start(month)), side="right")
    spell = np.minimum(nth, len(spells) - 1)
    found = (nth < len(spells)) & (spells.person[spell] == person)
    return np.maximum(month_of(spells.start[spell]), month), found


def _protection(tally: Tally, channels: Channels, years: list[int]) -> Iterator[tuple[Key, Ints]]:
    """Authorised spells by year of start, and those with an insured month in the month of the start or three next."""
    work = channels.spells["authorised_work"]
    work = work.where(work.start > channels.window.first_day)
    month = month_of(work.start)
    insured, found = first_month_from(channels.spells["insured_work"], work.person, month)
    soon = found & (insured <= month + 3)
    started = month // 12
    for year in years:
        yield ("spells_started", ALL, year), tally.count(work.person[started == year], year)
        yield ("spells_protected", ALL, year), tally.count(work.person[(started == year) & soon], year)


def first_arrivals(presence: Intervals, first_day: int) -> tuple[Ints, Ints]:
    """Return persons whose first presence spell starts after S, and the month of the start."""
    first = np.ones(len(presence), dtype=np.bool_)
    first[1:] = presence.person[1:] != presence.person[:-1]
    arrived = presence.where(first & (presence.start > first_day))
    return arrived.person, month_of(arrived.start)


def _arrivals(
    tally: Tally, presence: Intervals, channels: Channels, years: list[int]
) -> tuple[dict[Key, Ints], dict[Key, NDArray[np.int64]]]:
    """Number of arrived persons with a later insured month, and their months to it, by year of arrival."""
    person, month = first_arrivals(presence, channels.window.first_day)
    insured, found = first_month_from(channels.spells["insured_work"], person, month)
    owner, waited, arrived = person[found], (insured - month)[found], (month // 12)[found]
    # Months are not cut: the longest wait a window allows has a bin of its own.
    bins = (channels.window.end_day - channels.window.first_day) // 28 + 2
    counts: dict[Key, Ints] = {}
    histograms: dict[Key, NDArray[np.int64]] = {}
    for year in years:
        chosen = arrived == year
        counts["arrival_to_insured_number", ALL, year] = tally.count(owner[chosen], year)
        histogram = tally.histogram(owner[chosen], waited[chosen], year, bins)
        histograms["arrival_to_insured_median", ALL, year] = histogram
    return counts, histograms
