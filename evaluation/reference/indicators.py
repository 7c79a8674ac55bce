"""Reference indicators: the definitions written down literally, one person and one year at a time.

Definitions: the project's reference preset of channels and indicators (12/16-month residence rule after
Stats NZ; 6/12 as in census practice). Choices left open by them stand in ``docs/indicator-conventions.md``; the
main ones: a figure "at t" is at 31 December; age is year minus birth year; an unknown nationality is
outside the population; exemption by attestation holds whatever its date and outcome; the protection
indicator counts spells, not persons; every category has a row, also with value 0.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import date
from statistics import median
from typing import NamedTuple

import polars as pl

from contract.nationality_groups import GROUP_NAMES, group_of
from evaluation.reference.histories import PersonHistory, histories
from evaluation.reference.spells import RESIDENCE_RULES, contains, days_within, resident_spells

COLUMNS = ("indicator", "residence", "period", "breakdown", "category", "value", "lower", "upper", "protected")
WORKING_AGE = 15

_WORKERS = ("workers_insured", "workers_authorised", "workers_both", "workers_union")
_GAPS = ("gap_exempt", "gap_expired", "gap_none")
#: Ratios: indicator to (numerator, denominator) among the counts.
_RATIOS = {
    "coverage_authorised_insured": ("workers_both", "workers_authorised"),
    "coverage_insured_authorised": ("covered_not_exempt", "insured_not_exempt"),
    "protection_3_months": ("protected_spells", "authorised_spells"),
    "overcoverage_permit": ("permit_without_presence", "permit"),
}
#: Indicators with the residences under which they are published, in the order of the output.
PUBLISHED: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("resident_stock", "inflow", "outflow"), ("12_16", "6_12")),
    **dict.fromkeys(_WORKERS, ("12_16", "all")),
    **dict.fromkeys(_GAPS, ("all",)),
    "arrival_to_insured_median": ("all",),
    "arrival_to_insured_number": ("all",),
    **dict.fromkeys(_RATIOS, ("all",)),
}


class Row(NamedTuple):
    """One row of the output; `value` is None where it does not exist."""

    indicator: str
    residence: str
    period: str
    breakdown: str
    category: str
    value: int | float | None


class _Cell(NamedTuple):
    """A count before rolling up: measure, residence, year, sex and nationality group."""

    measure: str
    residence: str
    year: int
    sex: str
    group: str


class _Tally:
    """Counts and durations by cell."""

    def __init__(self) -> None:
        self.counts: defaultdict[_Cell, int] = defaultdict(int)
        self.months: defaultdict[_Cell, list[int]] = defaultdict(list)


def observed_years(start: date, end: date) -> list[int]:
    """Return the years whose 31 December lies in [start, end)."""
    return [year for year in range(start.year, end.year + 1) if start <= date(year, 12, 31) < end]


def reference_indicators(
    registers: Mapping[str, tuple[pl.DataFrame, pl.DataFrame]],
    links: Mapping[str, Mapping[str, str]],
    start: date,
    end: date,
) -> list[Row]:
    """Compute all reference indicators from register tables and links (record id to person, by register)."""
    return indicator_rows(histories(registers, links, start, end).values(), start, end)


def indicator_rows(people: Iterable[PersonHistory], start: date, end: date) -> list[Row]:
    """Compute all reference indicators from person histories whose spells are clipped to [start, end)."""
    years = observed_years(start, end)
    tally = _Tally()
    for person in people:
        if person.nationality not in ("", "MAR"):
            _count_person(tally, person, years, start, end)
    return [
        row
        for indicator, residences in PUBLISHED.items()
        for r in residences
        for row in _rows(tally, indicator, r, years)
    ]


def _count_person(tally: _Tally, person: PersonHistory, years: list[int], start: date, end: date) -> None:
    first, last = start.toordinal(), end.toordinal()
    group = group_of(person.nationality)
    residence = {rule: resident_spells(person.presence, rule, first, last) for rule in RESIDENCE_RULES}

    def count(measure: str, residence_name: str, year: int) -> None:
        tally.counts[_Cell(measure, residence_name, year, person.sex, group)] += 1

    for rule, spells in residence.items():
        for a, b in spells:
            if a > first:
                count("inflow", rule, date.fromordinal(a).year)
            if b < last:
                count("outflow", rule, date.fromordinal(b).year)
    for a, _ in person.authorised:
        if a > first:
            year = date.fromordinal(a).year
            count("authorised_spells", "all", year)
            if _insured_within_months(person, a, 3):
                count("protected_spells", "all", year)
    _count_arrival(tally, person, group, first)

    for year in years:
        t = date(year, 12, 31).toordinal()
        for rule, spells in residence.items():
            if contains(spells, t):
                count("resident_stock", rule, year)
        if contains(person.permit, t):
            count("permit", "all", year)
            if days_within(person.presence, t - 364, t + 1) == 0:
                count("permit_without_presence", "all", year)
        if person.birth_year is None or year - person.birth_year < WORKING_AGE:
            continue
        insured, authorised = contains(person.insured, t), contains(person.authorised, t)
        for name in ("all", "12_16") if contains(residence["12_16"], t) else ("all",):
            for measure, holds in zip(
                _WORKERS, (insured, authorised, insured and authorised, insured or authorised), strict=True
            ):
                if holds:
                    count(measure, name, year)
        if insured and not person.exempt:
            count("insured_not_exempt", "all", year)
            if authorised:
                count("covered_not_exempt", "all", year)
        if insured and not authorised:
            expired = any(b <= t for _, b in person.authorised)
            count("gap_exempt" if person.exempt else "gap_expired" if expired else "gap_none", "all", year)


def _month_index(day: int) -> int:
    whole = date.fromordinal(day)
    return whole.year * 12 + whole.month - 1


def _first_insured_month(person: PersonHistory, month: int) -> int | None:
    """Return the index of the first insured month at or after a month."""
    for a, b in person.insured:
        if _month_index(b - 1) >= month:
            return max(_month_index(a), month)
    return None


def _insured_within_months(person: PersonHistory, day: int, months: int) -> bool:
    month = _month_index(day)
    found = _first_insured_month(person, month)
    return found is not None and found <= month + months


def _count_arrival(tally: _Tally, person: PersonHistory, group: str, first: int) -> None:
    if not person.presence or person.presence[0][0] <= first:
        return
    arrival = person.presence[0][0]
    found = _first_insured_month(person, _month_index(arrival))
    if found is not None:
        cell = _Cell("arrival", "all", date.fromordinal(arrival).year, person.sex, group)
        tally.months[cell].append(found - _month_index(arrival))


def _rows(tally: _Tally, indicator: str, residence: str, years: list[int]) -> Iterable[Row]:
    sexes = ("F", "M", "unknown")
    categories: list[tuple[str, str, tuple[str, ...], tuple[str, ...]]] = [("total", "total", sexes, GROUP_NAMES)]
    categories += [("sex", sex, (sex,), GROUP_NAMES) for sex in sexes]
    categories += [("nationality_group", group, sexes, (group,)) for group in GROUP_NAMES]
    for year in years:
        for breakdown, category, of_sexes, of_groups in categories:
            cells = [(year, sex, group) for sex in of_sexes for group in of_groups]
            value = _value(tally, indicator, residence, cells)
            yield Row(indicator, residence, str(year), breakdown, category, value)


def _value(tally: _Tally, indicator: str, residence: str, cells: list[tuple[int, str, str]]) -> int | float | None:
    def total(measure: str) -> int:
        return sum(tally.counts.get(_Cell(measure, residence, *cell), 0) for cell in cells)

    if indicator.startswith("arrival_to_insured"):
        months = [m for cell in cells for m in tally.months.get(_Cell("arrival", "all", *cell), [])]
        if indicator.endswith("number"):
            return len(months)
        return float(median(months)) if months else None
    if indicator in _RATIOS:
        numerator, denominator = (total(measure) for measure in _RATIOS[indicator])
        return numerator / denominator if denominator else None
    return total(indicator)


def as_table(rows: Iterable[Row]) -> pl.DataFrame:
    """Return rows in the output's form: all columns text, values in full, `protected` false."""
    cells = [
        (r.indicator, r.residence, r.period, r.breakdown, r.category, None if r.value is None else repr(r.value))
        for r in rows
    ]
    table = pl.DataFrame(cells, schema=dict.fromkeys(COLUMNS[:6], pl.String), orient="row")
    empty = pl.lit(None, pl.String)
    return table.with_columns(empty.alias("lower"), empty.alias("upper"), pl.lit("false").alias("protected"))
