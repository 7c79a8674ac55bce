"""From the payload of submissions and person ids to the registers that trajectories are made of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from contract.errors import InputError
from contract.registers import REGISTERS
from trajectories.channels import window_of
from trajectories.persons import birth_years
from trajectories.tables import REQUIRED_COLUMNS, LinkedRegisters, Window

_DESCRIBED = ("birth_date", "sex", "nationality")
_EMPTY = pl.Series([], dtype=pl.String)


@dataclass(frozen=True)
class LinkedPayload:
    """Linked registers with their window; `window` is None where no register has usable events.

    `left_out` names the registers that feed no channel: the agreement gives them no canonical name, or
    their payload lacks a column that a channel needs.
    """

    linked: LinkedRegisters
    window: Window | None
    left_out: tuple[str, ...]


def text_of(frame: pl.DataFrame) -> pl.DataFrame:
    """Return all columns as text: moments as ISO 8601, dates as YYYY-MM-DD."""
    return frame.select(
        pl.col(name).dt.strftime("%Y-%m-%dT%H:%M:%S") if isinstance(kind, pl.Datetime) else pl.col(name).cast(pl.String)
        for name, kind in frame.schema.items()
    )


def linked_records(records: pl.DataFrame, links: pl.DataFrame, register: str) -> pl.DataFrame:
    """Return a register's records with their persons: `register`, `record`, `person_id`, then its attributes.

    A record whose subject has no person (it was retracted) is left out; subject references do not travel on.

    Args:
        records: `subject_ref`, `record_ref` and attributes, as submitted.
        links: `register`, `subject_ref`, `person_id`.
        register: Its name.
    """
    own = links.filter(pl.col("register") == register).select("subject_ref", "person_id")
    attributes = [name for name in records.columns if name not in {"subject_ref", "record_ref"}]
    return (
        text_of(records)
        .join(own, on="subject_ref", how="inner")
        .select(pl.lit(register).alias("register"), pl.col("record_ref").alias("record"), "person_id", *attributes)
        .sort("record")
    )


def link_registers(records: Iterable[pl.DataFrame], events: Mapping[str, pl.DataFrame]) -> LinkedPayload:
    """Put the registers together.

    Args:
        records: A frame of `linked_records` for each register.
        events: Register to its events as submitted, `record_ref` and event columns.
    """
    parts = [frame for frame in records if frame.height]
    usable, left_out = usable_events(events)
    known = {register: text_of(frame.rename({"record_ref": "record"})) for register, frame in usable.items()}
    whole = pl.concat([described(frame) for frame in parts] or [described(_no_record())], how="vertical")
    linked = _registers(whole, known, birth_year=None)
    try:
        window = window_of(linked)
    except InputError:
        return LinkedPayload(linked, None, left_out)
    return LinkedPayload(_registers(whole, known, birth_year=window.end.year), window, left_out)


def usable_events(events: Mapping[str, pl.DataFrame]) -> tuple[dict[str, pl.DataFrame], tuple[str, ...]]:
    """Return the events of registers that feed a channel, and the names of the other registers, sorted."""
    known = {
        register: frame
        for register, frame in sorted(events.items())
        if register in REGISTERS and set(REQUIRED_COLUMNS[register]) <= set(frame.columns)
    }
    return known, tuple(sorted(set(events) - set(known)))


def _no_record() -> pl.DataFrame:
    return pl.DataFrame({"register": _EMPTY, "record": _EMPTY, "person_id": _EMPTY})


def described(frame: pl.DataFrame, *more: str) -> pl.DataFrame:
    """Return records as trajectories need them, what is not there null; `more` are further columns to keep."""
    missing = [pl.lit(None, dtype=pl.String).alias(name) for name in _DESCRIBED if name not in frame.columns]
    return frame.with_columns(missing).select("register", "record", "person_id", *_DESCRIBED, *more)


def _registers(records: pl.DataFrame, events: dict[str, pl.DataFrame], birth_year: int | None) -> LinkedRegisters:
    years: Any = pl.lit(None, dtype=pl.Int32) if birth_year is None else birth_years(records["birth_date"], birth_year)
    # A value that does not parse was accepted with its submission: its row is left out and counted, not fatal.
    return LinkedRegisters(records.with_columns(years.alias("birth_year")).drop("birth_date"), events, invalid="skip")
