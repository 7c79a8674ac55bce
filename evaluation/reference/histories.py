"""Person histories from register tables and links: attributes by vote, channels by the reference rules."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import lru_cache
from pathlib import Path
from typing import TypeVar

import polars as pl

from evaluation.reference.spells import (
    Crossing,
    Spell,
    clip,
    presence_spells,
    presence_without_crossings,
    union,
)

REGISTERS = ("border_crossing", "residence_permit", "work_contract", "social_security", "placement", "consular")
_Value = TypeVar("_Value", str, int)
EXEMPT_NATIONALITIES = frozenset({"DZA", "TUN", "SEN"})


@dataclass
class PersonHistory:
    """What indicators need to know of one person; spells are half-open ordinals of days."""

    sex: str = "unknown"
    nationality: str = ""
    birth_year: int | None = None
    exempt: bool = False
    presence: list[Spell] = field(default_factory=list)
    permit: list[Spell] = field(default_factory=list)
    authorised: list[Spell] = field(default_factory=list)
    insured: list[Spell] = field(default_factory=list)


@dataclass
class _Gathered:
    """Votes and raw events of one person before the rules are applied."""

    sexes: Counter[str] = field(default_factory=Counter)
    nationalities: Counter[str] = field(default_factory=Counter)
    birth_years: Counter[int] = field(default_factory=Counter)
    attested: bool = False
    crossings: list[Crossing] = field(default_factory=list)
    permits: list[Spell] = field(default_factory=list)
    contracts: list[Spell] = field(default_factory=list)
    months: set[str] = field(default_factory=set)


@lru_cache(maxsize=1 << 16)
def ordinal(value: str) -> int | None:
    """Return the ordinal of an ISO date, or None where it is empty or not a whole date."""
    try:
        return date.fromisoformat(value).toordinal() if len(value) == len("2019-01-01") else None
    except ValueError:
        return None


@lru_cache(maxsize=1 << 16)
def birth_year_of(value: str, latest: int) -> int | None:
    """Return the year of a birth date as registers write it, or None where it is unusable.

    Args:
        value: `YYYY`, `YYYY-MM-DD` with 00 for what is unknown, or `YYMMDD` (MRZ).
        latest: Year of the window's end: nobody is born after it.
    """
    if len(value) == 6 and value.isascii() and value.isdigit():
        year, month, day = int(value[:2]), int(value[2:4]), int(value[4:])
        year += 1900 if year > latest % 100 else latest // 100 * 100
    else:
        parts = value.split("-")
        if [len(p) for p in parts] not in ([4], [4, 2, 2]) or not all(p.isascii() and p.isdigit() for p in parts):
            return None
        year, month, day = (int(p) for p in (*parts, "0", "0")[:3])
    return year if 1900 <= year <= latest and month <= 12 and day <= 31 else None


@lru_cache(maxsize=4096)
def month_spell(period: str) -> Spell | None:
    """Return the calendar month `YYYY-MM` as a spell, or None where it is not one."""
    first = ordinal(f"{period}-01")
    if first is None:
        return None
    following = date.fromordinal(first + 31).replace(day=1)
    return first, following.toordinal()


def winner(votes: Mapping[_Value, int]) -> _Value | None:
    """Return the most frequent value, the smallest in string order among equals, None without a vote."""
    return min(votes, key=lambda value: (-votes[value], str(value))) if votes else None


def read_registers(directory: Path) -> dict[str, tuple[pl.DataFrame, pl.DataFrame]]:
    """Read the canonical files `NAME.csv` and `NAME_events.csv` that are there, every column as text."""
    return {
        name: (
            pl.read_csv(directory / f"{name}.csv", infer_schema=False),
            pl.read_csv(directory / f"{name}_events.csv", infer_schema=False),
        )
        for name in REGISTERS
        if (directory / f"{name}.csv").exists()
    }


def histories(
    registers: Mapping[str, tuple[pl.DataFrame, pl.DataFrame]],
    links: Mapping[str, Mapping[str, str]],
    start: date,
    end: date,
) -> dict[str, PersonHistory]:
    """Build every linked person's history.

    Args:
        registers: Identity and event table by register name, all columns text (canonical schema).
        links: For each register, record id to person id. A record without a link is left out.
        start: First day of the window.
        end: Day after its last one.

    Returns:
        Person id to history, sorted by person id.
    """
    gathered: defaultdict[str, _Gathered] = defaultdict(_Gathered)
    for name in REGISTERS:
        if name not in registers:
            continue
        identity, events = registers[name]
        of_record = links.get(name, {})
        _vote(gathered, of_record, identity, end.year)
        if name in _GATHER:
            _GATHER[name](gathered, of_record, events)
    return {person: _history(gathered[person], start, end) for person in sorted(gathered)}


def _rows(of_record: Mapping[str, str], table: pl.DataFrame, columns: Iterable[str]) -> Iterator[tuple[str, ...]]:
    """Yield person, record id and the columns' stripped cells of every linked row; an absent column is empty."""
    cells = [
        table[c].cast(pl.String).fill_null("").str.strip_chars().to_list() if c in table.columns else [""] * len(table)
        for c in columns
    ]
    for record, *values in zip(table["record_id"].cast(pl.String).to_list(), *cells, strict=True):
        if record in of_record:
            yield of_record[record], record, *values


def _vote(gathered: dict[str, _Gathered], of_record: Mapping[str, str], identity: pl.DataFrame, latest: int) -> None:
    for person, _, sex, nationality, birth_date in _rows(of_record, identity, ("sex", "nationality", "birth_date")):
        votes = gathered[person]
        if sex in ("F", "M"):
            votes.sexes[sex] += 1
        if nationality:
            votes.nationalities[nationality] += 1
        year = birth_year_of(birth_date, latest)
        if year is not None:
            votes.birth_years[year] += 1


def _crossings(gathered: dict[str, _Gathered], of_record: Mapping[str, str], events: pl.DataFrame) -> None:
    for person, record, crossed_at, direction in _rows(of_record, events, ("crossed_at", "direction")):
        if direction not in ("entry", "exit"):
            continue
        try:
            moment = datetime.fromisoformat(crossed_at)
        except ValueError:
            continue
        crossing = Crossing(moment.isoformat(), direction == "exit", record, moment.toordinal())
        gathered[person].crossings.append(crossing)


def _permits(gathered: dict[str, _Gathered], of_record: Mapping[str, str], events: pl.DataFrame) -> None:
    columns = ("valid_from", "valid_to", "withdrawn_on")
    for person, _, valid_from, valid_to, withdrawn_on in _rows(of_record, events, columns):
        first, last, withdrawn = ordinal(valid_from), ordinal(valid_to), ordinal(withdrawn_on)
        if first is not None and last is not None:
            end = last + 1 if withdrawn is None else min(last + 1, withdrawn)
            gathered[person].permits.append((first, end))


def _contracts(gathered: dict[str, _Gathered], of_record: Mapping[str, str], events: pl.DataFrame) -> None:
    for person, _, start, end, decision in _rows(of_record, events, ("start", "end", "decision")):
        first, last = ordinal(start), ordinal(end)
        if decision == "granted" and first is not None and last is not None:
            gathered[person].contracts.append((first, last + 1))


def _declarations(gathered: dict[str, _Gathered], of_record: Mapping[str, str], events: pl.DataFrame) -> None:
    for person, _, period, days in _rows(of_record, events, ("period", "days")):
        if days.isascii() and days.isdigit() and int(days) >= 1 and month_spell(period) is not None:
            gathered[person].months.add(period)


def _attestations(gathered: dict[str, _Gathered], of_record: Mapping[str, str], events: pl.DataFrame) -> None:
    for person, _, kind, ground in _rows(of_record, events, ("kind", "exemption_ground")):
        if kind == "attestation" and ground:
            gathered[person].attested = True


_GATHER = {
    "border_crossing": _crossings,
    "residence_permit": _permits,
    "work_contract": _contracts,
    "social_security": _declarations,
    "placement": _attestations,
}


def _history(raw: _Gathered, start: date, end: date) -> PersonHistory:
    first, last = start.toordinal(), end.toordinal()
    permit = clip(union(raw.permits), first, last)
    authorised = clip(union(raw.contracts), first, last)
    months = (month_spell(period) for period in raw.months)
    insured = clip(union(m for m in months if m is not None), first, last)
    presence = (
        presence_spells(raw.crossings, first, last)
        if raw.crossings
        else presence_without_crossings((permit, authorised, insured))
    )
    nationality = winner(raw.nationalities) or ""
    return PersonHistory(
        sex=winner(raw.sexes) or "unknown",
        nationality=nationality,
        birth_year=winner(raw.birth_years),
        exempt=raw.attested or nationality in EXEMPT_NATIONALITIES,
        presence=presence,
        permit=permit,
        authorised=authorised,
        insured=insured,
    )
