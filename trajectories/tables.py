"""What the trajectories are built from: linked registers, an observation window, presets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Final, Literal

import polars as pl

from contract.errors import InputError
from contract.registers import REGISTERS

RECORD_COLUMNS: Final = ("register", "record", "person_id", "birth_year", "sex", "nationality")

#: Event columns that a channel cannot do without, and those that count as empty where a register lacks them.
REQUIRED_COLUMNS: Final[dict[str, tuple[str, ...]]] = {
    "border_crossing": ("crossed_at", "direction"),
    "residence_permit": ("valid_from", "valid_to"),
    "work_contract": ("start", "end", "decision"),
    "social_security": ("period", "days"),
    "placement": (),
    "consular": (),
}
OPTIONAL_COLUMNS: Final[dict[str, tuple[str, ...]]] = {
    "residence_permit": ("withdrawn_on",),
    "placement": ("kind", "exemption_ground"),
}

InvalidValues = Literal["error", "skip"]


@dataclass(frozen=True)
class Window:
    """Observation window [start, end), both whole days.

    Raises:
        InputError: The window is empty.
    """

    start: date
    end: date

    def __post_init__(self) -> None:
        if self.end <= self.start:
            raise InputError("The observation window is empty: its end must come after its start.")

    @property
    def first_day(self) -> int:
        """S as days since 1970-01-01."""
        return (self.start - date(1970, 1, 1)).days

    @property
    def end_day(self) -> int:
        """E as days since 1970-01-01: the first day that is outside."""
        return (self.end - date(1970, 1, 1)).days

    def years(self) -> list[int]:
        """Years whose 31 December lies in the window: the reference periods of all indicators."""
        return [y for y in range(self.start.year, self.end.year + 1) if self.start <= date(y, 12, 31) < self.end]


@dataclass(frozen=True)
class Preset:
    """How spells are made of events.

    Attributes:
        name: Goes into every export's metadata.
        split_unmatched: False: an unmatched crossing is ignored (reference rule). True: two entries in a row end
            the first spell at the second entry, interval-censored; two exits in a row give an `uncertain` spell.
        permit_gap_days: Gaps between permits of at most so many days become `bridged` spells; 0: none.
        insured_gap_months: Gaps between insured months of at most so many months become `bridged` spells; 0: none.
        register_windows: The period that a register covers, where it is narrower than the observation window;
            a spell that reaches its bounds is left- or right-censored.
        within_life: Spells are cut to the person's life: from 1 January of the birth year to the end of the month
            declared with the situation `DE`. What is cut off is counted in the integration log.
    """

    name: str
    split_unmatched: bool = False
    permit_gap_days: int = 0
    insured_gap_months: int = 0
    register_windows: tuple[tuple[str, Window], ...] = ()
    within_life: bool = False

    def __post_init__(self) -> None:
        if self.permit_gap_days < 0 or self.insured_gap_months < 0:
            raise InputError("A bridged gap must be 0 or longer.")
        for register, _ in self.register_windows:
            if register not in REGISTERS:
                raise InputError("There is no register of this name.", where={"register": register})


#: The reference definitions, literally.
REFERENCE: Final = Preset("reference")
#: Wasl's own: unmatched crossings interval-censored, permit gaps up to 90 days and insured gaps up to a month bridged,
#: nothing before birth or after death.
WASL: Final = Preset("wasl", split_unmatched=True, permit_gap_days=90, insured_gap_months=1, within_life=True)


@dataclass(frozen=True)
class LinkedRegisters:
    """Records with their persons, and the records' events.

    Attributes:
        records: One row a record: `register` (str), `record` (str, unique within its register), `person_id` (str,
            null or empty: not linked, left out), `birth_year` (integer or null), `sex` (str), `nationality` (ISO
            3166-1 alpha-3).
        events: By register name: `record` and the canonical event columns of `contract.registers` as strings. Dates
            are `YYYY-MM-DD`, timestamps `YYYY-MM-DDTHH:MM[:SS]` (or a space for the T, or a date alone, which is
            midnight), periods `YYYY-MM`. A register may be missing.
        invalid: What to do with a value that is neither empty nor partly known nor valid: `error` raises, `skip`
            leaves its row out of the channel and counts it in the losses. Partly known dates (`2019-05-00`) are
            no fault, but feed no channel; they are counted too.

    Raises:
        InputError: A table or column is missing, of the wrong type, of an unknown register, or a record occurs twice.
    """

    records: pl.DataFrame
    events: Mapping[str, pl.DataFrame] = field(default_factory=dict)
    invalid: InvalidValues = "error"

    def __post_init__(self) -> None:
        _need(self.records, RECORD_COLUMNS, "records")
        for column in ("register", "record", "person_id", "sex", "nationality"):
            _text(self.records, column, "records")
        if not (self.records["birth_year"].dtype.is_integer() or self.records["birth_year"].dtype == pl.Null):
            raise InputError("The column must hold whole numbers.", where={"table": "records", "column": "birth_year"})
        twice = self.records.select(pl.struct("register", "record").is_duplicated()).to_series()
        if twice.any():
            where = {"table": "records", "row": int(twice.arg_true()[0]) + 1, "column": "record"}
            raise InputError("A record occurs twice in its register.", where=where)
        for register, frame in self.events.items():
            if register not in REGISTERS:
                raise InputError("There is no register of this name.", where={"register": register})
            required = ("record", *REQUIRED_COLUMNS[register])
            _need(frame, required, register)
            for column in (*required, *OPTIONAL_COLUMNS.get(register, ())):
                if column in frame.columns:
                    _text(frame, column, register)


def _need(frame: pl.DataFrame, columns: tuple[str, ...], table: str) -> None:
    for column in columns:
        if column not in frame.columns:
            raise InputError("A column is missing.", where={"table": table, "column": column})


def _text(frame: pl.DataFrame, column: str, table: str) -> None:
    if frame[column].dtype not in (pl.String, pl.Null):
        raise InputError("The column must hold text.", where={"table": table, "column": column})
