"""Dummy data: linked registers of nobody, to try a cohort on before real data.

Drawn from a seed, with the shapes of real registers (columns, codes, gaps, several titles a person) and none of their
contents: nothing here was estimated from anything.
"""

from __future__ import annotations

import random
from datetime import date, timedelta
from typing import Final

import polars as pl

from trajectories.channels import Channels, build_channels
from trajectories.cohorts.compute import CohortTables, cohort_tables, members_of
from trajectories.cohorts.definition import Cohort
from trajectories.exports.months import Months, months_of
from trajectories.spells import spells_of
from trajectories.tables import LinkedRegisters, Window

DUMMY_PERSONS: Final = 2000
_SEED: Final = 20
_NATIONS: Final = ("SEN", "CIV", "FRA", "ESP", "PHL", "CHN", "DZA", "TUN", "SYR", "USA", "GIN", "COD", "MAR")
_DUMMY_EPOCH: Final = bytes(16)  # nothing to protect


def dummy_registers(window: Window, persons: int = DUMMY_PERSONS) -> LinkedRegisters:
    """Return registers of dummy persons d0, d1, ... with events inside a window."""
    draw = random.Random(_SEED)
    records: list[tuple[str, str, str, int, str, str]] = []
    rows: dict[str, list[tuple[str, ...]]] = {
        name: [] for name in ("border_crossing", "residence_permit", "work_contract", "social_security")
    }
    length = (window.end - window.start).days
    for number in range(persons):
        who = (draw.randrange(1950, 2004), draw.choice("FM"), draw.choice(_NATIONS))
        records += [(name, f"r{number}", f"d{number}", *who) for name in rows]
        record, arrival = f"r{number}", window.start + timedelta(days=draw.randrange(1, length))
        rows["border_crossing"].append((record, arrival.isoformat(), "entry"))
        if draw.random() < 0.4:
            leaving = arrival + timedelta(days=draw.randrange(20, 900))
            rows["border_crossing"].append((record, leaving.isoformat(), "exit"))
        begun = arrival + timedelta(days=draw.randrange(10, 200))
        if draw.random() < 0.8:
            motive = draw.choice(("work", "work", "study", "family"))
            until = begun + timedelta(days=draw.choice((364, 729)))
            rows["residence_permit"].append((record, begun.isoformat(), until.isoformat(), "", motive, ""))
        if draw.random() < 0.5:
            until = begun + timedelta(days=draw.choice((180, 364, 729)))
            rows["work_contract"].append((record, begun.isoformat(), until.isoformat(), "granted"))
        if draw.random() < 0.6:
            first = begun.year * 12 + begun.month - 1 + draw.randrange(12)
            for month in range(first, first + draw.randrange(1, 30)):
                if draw.random() < 0.9 and month < window.end.year * 12 + window.end.month - 1:
                    rows["social_security"].append((record, f"{month // 12:04d}-{month % 12 + 1:02d}", "26"))
    columns = {
        "border_crossing": ("crossed_at", "direction"),
        "residence_permit": ("valid_from", "valid_to", "withdrawn_on", "motive", "prefecture"),
        "work_contract": ("start", "end", "decision"),
        "social_security": ("period", "days"),
    }
    events = {
        name: pl.DataFrame(found, schema=dict.fromkeys(("record", *columns[name]), pl.String), orient="row")
        for name, found in rows.items()
    }
    text = dict.fromkeys(("register", "record", "person_id"), pl.String)
    schema = {**text, "birth_year": pl.Int32, "sex": pl.String, "nationality": pl.String}
    return LinkedRegisters(pl.DataFrame(records, schema=schema, orient="row"), events)


def dummy_window(cohort: Cohort) -> Window:
    """Return whole years from the year before a cohort's first entry to the end of its follow-up."""
    return Window(date(cohort.start.year - 1, 1, 1), date(cohort.end.year + 1 + cohort.months // 12, 1, 1))


def dummy_run(cohort: Cohort, persons: int = DUMMY_PERSONS) -> CohortTables:
    """Run a cohort on dummy data.

    Raises:
        CohortError: It selects fewer than ten of the dummy persons.
    """
    return dummy_tables(dummy_channels(cohort, persons), cohort)


def dummy_channels(cohort: Cohort, persons: int = DUMMY_PERSONS) -> Channels:
    """Return the spells of the dummy persons that a cohort is tried on."""
    window = dummy_window(cohort)
    return build_channels(dummy_registers(window, persons), window, cohort.preset)


def dummy_tables(channels: Channels, cohort: Cohort) -> CohortTables:
    """Return a cohort's tables over dummy persons. Errors as `dummy_run`."""
    return cohort_tables(channels, cohort, _DUMMY_EPOCH, "dummy")


def dummy_spells(channels: Channels, cohort: Cohort) -> pl.DataFrame:
    """Return the spells (`trajectories.spells.SPELL_SCHEMA`) of the dummy persons whom a cohort selects."""
    members = channels.persons["person_id"].gather(members_of(channels, cohort, "dummy").person)
    return spells_of(channels).filter(pl.col("person_id").is_in(members.to_list()))


def dummy_months(cohort: Cohort, persons: int = DUMMY_PERSONS) -> Months:
    """Return the joint states by month of the dummy persons whom a cohort selects, for a sequence index plot."""
    return months_of(dummy_spells(dummy_channels(cohort, persons), cohort), dummy_window(cohort))
