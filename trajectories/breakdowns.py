"""Breakdowns: which column of a table a person counts in, by year, as positions that a single `bincount` adds up.

Static are sex and nationality group; age group is that at 31 December; activity, occupation and region are those of
the title that began last on or before 31 December: the section of the contract's activity (ISIC rev. 4), the major
group of its occupation (ISCO-08), the region of the residence title's prefecture. Who has none is `unknown`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Final

import numpy as np
import polars as pl

from trajectories.catalogue import UNKNOWN, catalogue
from trajectories.channels import Channels
from trajectories.coding import CODE_LISTS, CONCORDANCES
from trajectories.events import owned
from trajectories.intervals import Ints
from trajectories.persons import SEXES, Persons

REFERENCE_BREAKDOWNS: Final = ("total", "sex", "nationality_group")
ALL_BREAKDOWNS: Final = (*REFERENCE_BREAKDOWNS, "age_group", "activity", "occupation", "region")

_AGE_BOUNDS: Final = (15, 25, 35, 45, 55, 65)


def last_day(year: int) -> int:
    """Return 31 December as days since 1970-01-01."""
    return (date(year, 12, 31) - date(1970, 1, 1)).days


@dataclass(frozen=True)
class _Titles:
    """Coded titles, sorted by person, start and issue: the last one at or before a day is the person's."""

    person: Ints
    start: Ints
    position: Ints

    def at(self, day: int, count: int, missing: int) -> Ints:
        """Return each person's position at a day."""
        found = np.full(count, missing, dtype=np.int64)
        begun = self.start <= day
        found[self.person[begun]] = self.position[begun]  # of several, the last assignment stands
        return found


@dataclass(frozen=True)
class Breakdowns:
    """The categories of all tables, and every person's place in them.

    Attributes:
        categories: (breakdown, category) in the order of tables; the first is the total.
        persons: Attributes of the persons.
        record_keys: If given, a tally sums these keys of persons (int64 below 2^32) instead of counting them.
    """

    categories: tuple[tuple[str, str], ...]
    persons: Persons
    _names: tuple[str, ...]
    _titles: Mapping[str, _Titles]
    _cache: dict[int, Ints] = field(default_factory=dict)
    record_keys: Ints | None = None

    def codes(self, year: int) -> Ints:
        """Return int64 (persons, breakdowns): the position in `categories` at 31 December."""
        if year not in self._cache:
            columns, offset = [], 0
            for name in self._names:
                own, width = self._own(name, year)
                columns.append(own + offset)
                offset += width
            self._cache[year] = np.column_stack(columns)
        return self._cache[year]

    def _own(self, name: str, year: int) -> tuple[Ints, int]:
        who = self.persons
        if name == "total":
            return np.zeros(len(who), dtype=np.int64), 1
        if name == "sex":
            return who.sex, len(SEXES)
        if name == "nationality_group":
            return who.group, len(who.groups)
        width = sum(1 for breakdown, _ in self.categories if breakdown == name)
        if name == "age_group":
            ages = who.ages(year)
            groups = np.searchsorted(np.array(_AGE_BOUNDS), np.maximum(ages, 0), side="right")
            return np.where(ages < 0, width - 1, groups).astype(np.int64), width
        return self._titles[name].at(last_day(year), len(who), width - 1), width


def breakdowns_of(channels: Channels, persons: Persons, names: tuple[str, ...] = REFERENCE_BREAKDOWNS) -> Breakdowns:
    """Return the places of all persons in the breakdowns named (`total` first).

    Raises:
        CatalogueError: The catalogue lacks a code list or concordance.
    """
    categories: list[tuple[str, str]] = []
    titles = {}
    for name in names:
        if name == "total":
            categories.append(("total", "total"))
        elif name == "sex":
            categories += [(name, sex) for sex in SEXES]
        elif name == "nationality_group":
            categories += [(name, group) for group in persons.groups]
        else:
            codes = catalogue().code_list(CODE_LISTS[name]).codes
            categories += [(name, code) for code in (*codes, UNKNOWN)]
            if name in CONCORDANCES:
                titles[name] = _titles(channels, name)
    return Breakdowns(tuple(categories), persons, names, titles)


def grouped(persons: Persons, group: Ints, groups: int, years: Iterable[int]) -> Breakdowns:
    """Return a single breakdown `group` of persons into groups 0, 1, ... (int64, one a person), the same every year."""
    categories = tuple(("group", str(number)) for number in range(groups))
    return Breakdowns(categories, persons, ("group",), {}, dict.fromkeys(years, group.reshape(-1, 1)))


def _titles(channels: Channels, name: str) -> _Titles:
    events: pl.DataFrame = getattr(channels.events, CONCORDANCES[name][0])
    person, start, issued, place = owned(events, channels.person_of_record, "start", "issued", f"{name}_code")
    # Equal start and issue: the larger code, so that the order of rows decides nothing.
    order = np.lexsort((place, issued, start, person))
    order = order[place[order] >= 0]
    return _Titles(person[order], start[order], place[order])
