"""What decisions would do to the figures, and what a reviewer sees of a subject's events: all in one computation.

Persons that a decision takes apart or makes are computed side by side, each decision a world of its own, by the same
channels and counts as the indicators. Only differences leave this module, and of a subject's events only how many
months of each year a channel covers, in bands: months and values of single events identify people.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Final, NamedTuple

import numpy as np
import polars as pl

from service.statistics_unit.payload import described, text_of, usable_events
from service.statistics_unit.review_selection import Change, Person
from trajectories.breakdowns import grouped
from trajectories.channels import Channels, build_channels
from trajectories.definitions import INDICATORS
from trajectories.figures import count_figures
from trajectories.flags import NO_CROSSING
from trajectories.intervals import year_of
from trajectories.persons import birth_years, describe_persons
from trajectories.tables import LinkedRegisters, Window

#: Months of a year in a channel, as shown: the last number of each band.
BANDS: Final = (0, 3, 9, 12)
#: Columns of events whose values are compared between two subjects of registers that both have the column.
COMPARED: Final = ("activity", "occupation", "employer_id", "employer_no", "prefecture", "post", "country")
_COUNTS: Final = tuple(one for one in INDICATORS if one.kind == "count")
_DAYS_OF_MONTH: Final = 30.44

Moved = dict[tuple[str, str], dict[str, int]]  # (indicator, residence) -> year -> difference


@dataclass(frozen=True)
class Payload:
    """What is known of some subjects.

    Attributes:
        records: `subject` (int64), `register`, `record` (str), `birth_date`, `sex`, `nationality` (str or null).
        events: By register, as submitted: `record` and columns as text, of these records alone.
        window: Observation window of the computation, None without events.
    """

    records: pl.DataFrame
    events: Mapping[str, pl.DataFrame]
    window: Window | None


class Seen(NamedTuple):
    """A subject as a reviewer sees it: records, events, and bands of months by channel and year."""

    records: int
    events: int
    months: dict[str, dict[str, str]]


def payload_of(
    subjects: pl.DataFrame,
    registers: Iterable[str],
    table: Callable[[str, str], pl.DataFrame],
    window: Window | None,
) -> Payload:
    """Return what is known of subjects.

    Args:
        subjects: `subject` (int64), `register`, `subject_ref`.
        registers: Names of the registers.
        table: Gives a register's table as submitted, `records.parquet` or `events.parquet`; one is in memory at a time.
        window: Observation window.
    """
    parts, found = [pl.DataFrame(schema=_RECORDS)], {}
    for register in sorted(registers):
        own = subjects.filter(pl.col("register") == register).select("subject", "subject_ref")
        mine = text_of(table(register, "records.parquet")).join(own, on="subject_ref", how="inner")
        named = mine.with_columns(register=pl.lit(register), record="record_ref", person_id=pl.lit(""))
        parts.append(described(named, "subject").select(list(_RECORDS)).cast(_RECORDS))  # type: ignore[arg-type]
        wanted = pl.col("record_ref").cast(pl.String).is_in(mine["record_ref"].to_list())
        found[register] = text_of(table(register, "events.parquet").filter(wanted).rename({"record_ref": "record"}))
    return Payload(pl.concat(parts).sort("subject", "register", "record"), found, window)


_RECORDS: Final = {
    "subject": pl.Int64,
    "register": pl.String,
    "record": pl.String,
    "birth_date": pl.String,
    "sex": pl.String,
    "nationality": pl.String,
}


def effects_of(payload: Payload, changes: Sequence[Change]) -> list[Moved]:
    """Return how far each change moves the counts behind the indicators, of all persons and years; zeros left out."""
    window = payload.window
    if window is None or not changes:
        return [{} for _ in changes]
    worlds = [side for change in changes for side in (change.lost, change.gained)]
    channels = _channels(payload, worlds, window)
    world = np.array([int(name.split(".")[0]) for name in channels.persons["person_id"]], dtype=np.int64)
    years = {*window.years(), window.end.year}
    counts = count_figures(channels, grouped(describe_persons(channels), world, len(worlds), years)).counts
    found: list[Moved] = [{} for _ in changes]
    for one in _COUNTS:
        for residence in one.residence:
            for year in window.years():
                table = counts[one.code, residence, year]
                difference = table[1::2] - table[0::2]
                for at in np.flatnonzero(difference).tolist():
                    moved = found[at].setdefault((one.code, residence), {})
                    moved[str(year)] = int(difference[at])
    return found


def seen_of(payload: Payload, subjects: Sequence[int]) -> dict[int, Seen]:
    """Return what a reviewer sees of each subject."""
    sizes = dict(payload.records.group_by("subject").len().iter_rows())
    events: dict[int, int] = {}
    for register, frame in payload.events.items():
        own = payload.records.filter(pl.col("register") == register).select("subject", "record")
        for subject, number in frame.join(own, on="record", how="inner").group_by("subject").len().iter_rows():
            events[subject] = events.get(subject, 0) + number
    months = _months(payload, subjects) if payload.window is not None else {}
    return {
        subject: Seen(sizes.get(subject, 0), events.get(subject, 0), months.get(subject, {})) for subject in subjects
    }


def compared(payload: Payload, pairs: Sequence[tuple[int, int]]) -> list[dict[str, str]]:
    """Return how the attributes and event columns of two subjects compare: `equal`, `near` or `different`.

    What a side lacks is left out. Birth years that differ by one are `near`.
    """
    end = 9999 if payload.window is None else payload.window.end.year
    years = birth_years(payload.records["birth_date"], end).cast(pl.String).alias("birth_year")
    held: dict[int, dict[str, set[str]]] = {}
    for row in payload.records.with_columns(years).iter_rows(named=True):
        for name in ("sex", "birth_year", "nationality"):
            if row[name]:
                held.setdefault(row["subject"], {}).setdefault(name, set()).add(row[name])
    for register, frame in payload.events.items():
        own = payload.records.filter(pl.col("register") == register).select("subject", "record")
        for name in (name for name in COMPARED if name in frame.columns):
            values = frame.select("record", name).join(own, on="record", how="inner").drop_nulls()
            for subject, value in values.select("subject", name).unique().iter_rows():
                held.setdefault(subject, {}).setdefault(name, set()).add(value)
    return [_relation(held.get(a, {}), held.get(b, {})) for a, b in pairs]


def _relation(one: Mapping[str, set[str]], other: Mapping[str, set[str]]) -> dict[str, str]:
    found = {}
    for name in ("sex", "birth_year", "nationality", *COMPARED):
        if name in one and name in other:
            shared = bool(one[name] & other[name])
            near = name == "birth_year" and any(abs(int(x) - int(y)) == 1 for x in one[name] for y in other[name])
            found[name] = "equal" if shared else "near" if near else "different"
    return found


def _channels(payload: Payload, worlds: Sequence[Sequence[Person]], window: Window) -> Channels:
    """Build the channels of persons of several worlds: a record stands in each that holds its subject."""
    rows = [
        (f"{world}.{person}", subject)
        for world, persons in enumerate(worlds)
        for person, subjects in enumerate(persons)
        for subject in subjects
    ]
    owner = pl.DataFrame(rows, schema={"person_id": pl.String, "subject": pl.Int64}, orient="row")
    copies = owner.join(payload.records, on="subject", how="inner").with_columns(
        own=pl.col("record"), record=pl.concat_str("person_id", pl.lit("."), "record")
    )
    known, _ = usable_events(payload.events)
    events = {
        register: frame.rename({"record": "own"})
        .join(copies.filter(pl.col("register") == register).select("own", "record"), on="own", how="inner")
        .drop("own")
        for register, frame in known.items()
    }
    years = birth_years(copies["birth_date"], window.end.year).alias("birth_year")
    records = copies.with_columns(years).drop("birth_date", "own", "subject").sort("register", "record")
    return build_channels(LinkedRegisters(records, events, invalid="skip"), window)


def _months(payload: Payload, subjects: Sequence[int]) -> dict[int, dict[str, dict[str, str]]]:
    """Return bands of months by subject, channel and year, each subject taken for a person."""
    assert payload.window is not None
    channels = _channels(payload, [[(subject,)] for subject in subjects], payload.window)
    place = [int(name.split(".")[0]) for name in channels.persons["person_id"]]
    days: dict[tuple[int, str, int], int] = {}
    for name, spells in channels.spells.items():
        kept = spells.where(spells.flag != NO_CROSSING)
        first, last = year_of(kept.start).tolist(), year_of(kept.end - 1).tolist()
        rows = zip(kept.person.tolist(), kept.start.tolist(), kept.end.tolist(), first, last, strict=True)
        for person, start, end, begun, ended in rows:
            for year in range(begun, ended + 1):
                bounds = np.array([f"{year}-01-01", f"{year + 1}-01-01"], dtype="datetime64[D]").astype(np.int64)
                key = (subjects[place[person]], name, year)
                days[key] = days.get(key, 0) + int(min(end, bounds[1]) - max(start, bounds[0]))
    found: dict[int, dict[str, dict[str, str]]] = {}
    for (subject, name, year), number in sorted(days.items()):
        found.setdefault(subject, {}).setdefault(name, {})[str(year)] = band_of(min(ceil(number / _DAYS_OF_MONTH), 12))
    return found


def band_of(months: int) -> str:
    """Return the band of a number of months: `0`, `1–3`, `4–9`, `10–12`."""
    lower = 0
    for upper in BANDS:
        if months <= upper:
            return str(upper) if upper == lower else f"{lower}–{upper}"
        lower = upper + 1
    raise ValueError("a year has twelve months")
