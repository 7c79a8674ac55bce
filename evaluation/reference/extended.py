"""Reference counts of extended measures, written down literally, one person and one year at a time.

Only what needs nothing but a person's history: stocks of working age, non-resident workers, yearly transitions,
retention, times to first events and the parts of the gap. Definitions: `docs/indicator-conventions.md`. Shares no code
with `trajectories`: a test holds both equal.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import date

from evaluation.reference.histories import PersonHistory
from evaluation.reference.indicators import WORKING_AGE, observed_years
from evaluation.reference.spells import RESIDENCE_RULES, Spell, contains, resident_spells

Counts = Counter[tuple[str, str, int]]
Times = Counter[tuple[str, int, int]]
_DEPARTURE = 183


def reference_counts(people: Iterable[PersonHistory], start: date, end: date) -> tuple[Counts, Times]:
    """Return counts by (measure, residence, year) and numbers of persons by (histogram, year, months)."""
    counts: Counts = Counter()
    times: Times = Counter()
    for person in people:
        if person.nationality not in ("", "MAR"):
            _stocks(counts, person, start, end)
            _arrival(counts, times, person, start, end)
    return counts, times


def _adult(person: PersonHistory, year: int) -> bool:
    return person.birth_year is not None and year - person.birth_year >= WORKING_AGE


def _state(person: PersonHistory, year: int) -> str:
    t = date(year, 12, 31).toordinal()
    insured = _adult(person, year) and contains(person.insured, t)
    authorised = _adult(person, year) and contains(person.authorised, t)
    if insured and authorised:
        return "both"
    if insured:
        return "insured"
    if authorised:
        return "authorised"
    return "none" if contains(person.presence, t) else "absent"


def _stocks(counts: Counts, person: PersonHistory, start: date, end: date) -> None:
    years = observed_years(start, end)
    first, last = start.toordinal(), end.toordinal()
    homes = {rule: resident_spells(person.presence, rule, first, last) for rule in RESIDENCE_RULES}
    for year in years:
        t = date(year, 12, 31).toordinal()
        state = _state(person, year)
        for rule, home in homes.items():
            resident = contains(home, t)
            if resident and _adult(person, year):
                counts["working_age_stock", rule, year] += 1
            if state in ("both", "insured", "authorised") and not resident:
                counts["non_resident_workers", rule, year] += 1
        if state == "insured":
            counts["gap_total", "all", year] += 1
            if not person.exempt and not any(b <= t for _, b in person.authorised):
                part = "gap_other_permit" if contains(person.permit, t) else "gap_residual"
                counts[part, "all", year] += 1
        if year - 1 in years:
            before = _state(person, year - 1)
            counts[f"state_{before}", "all", year] += 1
            counts[f"transition_{before}_{state}", "all", year] += 1


def _month(day: int) -> int:
    whole = date.fromordinal(day)
    return whole.year * 12 + whole.month - 1


def _first_month(spells: list[Spell], month: int) -> int | None:
    return next((max(_month(a), month) for a, b in spells if _month(b - 1) >= month), None)


def _departure(person: PersonHistory, month: int, end: int) -> int | None:
    """Return the month of the first end of presence, from a month on, that is followed by 183 days of absence."""
    spells = person.presence
    for number, (_, b) in enumerate(spells):
        following = spells[number + 1][0] if number + 1 < len(spells) else end
        if _month(b) >= month and following - b >= _DEPARTURE:
            return _month(b)
    return None


def _arrival(counts: Counts, times: Times, person: PersonHistory, start: date, end: date) -> None:
    if not person.presence or person.presence[0][0] <= start.toordinal():
        return
    arrival = _month(person.presence[0][0])
    year, stop = arrival // 12, _month(end.toordinal())
    counts["arrived", "all", year] += 1
    for k in (6, 12, 24, 60):
        if arrival + k < stop:
            counts[f"observed_{k}", "all", year] += 1
            if k > 6 and _first_month(person.insured, arrival + k) == arrival + k:
                counts[f"retained_{k}", "all", year] += 1
    channels = {"permit": person.permit, "authorised": person.authorised, "insured": person.insured}
    for name, spells in channels.items():
        found = _first_month(spells, arrival)
        if found is None:
            times[f"time_{name}_censored", year, stop - 1 - arrival] += 1
        else:
            times[f"time_{name}_event", year, found - arrival] += 1
            counts[f"reached_{name}", "all", year] += 1
    insured, left = _first_month(person.insured, arrival), _departure(person, arrival, end.toordinal())
    if insured is not None and (left is None or insured <= left):
        times["first_insured", year, insured - arrival] += 1
        _within(counts, "insured", arrival, insured, stop)
    elif left is not None:
        times["first_left", year, left - arrival] += 1
        _within(counts, "left", arrival, left, stop)
    else:
        times["first_censored", year, stop - 1 - arrival] += 1


def _within(counts: Counts, event: str, arrival: int, month: int, stop: int) -> None:
    for k in (6, 12, 24):
        if arrival + k < stop and month - arrival <= k:
            counts[f"{event}_by_{k}", "all", arrival // 12] += 1
