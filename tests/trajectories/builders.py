"""A few words to write small linked registers with: events of persons, one record a person and register."""

from __future__ import annotations

from datetime import date

import polars as pl

from trajectories.spells import build_spells
from trajectories.tables import InvalidValues, LinkedRegisters, Preset, Window

COLUMNS = {
    "border_crossing": ("crossed_at", "direction"),
    "residence_permit": ("valid_from", "valid_to", "withdrawn_on", "permit_type", "issued_on", "motive", "prefecture"),
    "work_contract": ("start", "end", "decision", "activity", "visa_date", "occupation"),
    "social_security": ("period", "days", "employer_no", "situation", "pay_centimes"),
    "placement": ("kind", "exemption_ground"),
}
SHORT = dict(zip(("crossings", "permits", "contracts", "months", "placements"), COLUMNS, strict=True))

#: 2020 to 2022: S = 2020-01-01, E = 2023-01-01.
WINDOW = Window(date(2020, 1, 1), date(2023, 1, 1))

Person = dict[str, object]


def person(
    *,
    crossings: str = "",
    permits: list[tuple[str, ...]] | None = None,
    contracts: list[tuple[str, ...]] | None = None,
    months: str = "",
    placements: list[tuple[str, str]] | None = None,
    born: int | None = 1985,
    sex: str | None = "F",
    nationality: str | None = "FRA",
) -> Person:
    """Return one person. `crossings`: "in 2020-02-01, out 2020-03-01T10:00".

    `months`: "2020-05 2020-06:0 2020-07:26:E1:AT:500000" (days, employer, situation, pay). Titles: the columns of
    `COLUMNS` in their order, as many as are of interest.
    """
    words = {"in": "entry", "out": "exit"}
    moves = [cell.split() for cell in crossings.split(",") if cell.strip()]
    declared = [(cell if ":" in cell else f"{cell}:26").split(":") for cell in months.split()]
    return {
        "attributes": (born, sex, nationality),
        "crossings": [(when, words[way]) for way, when in moves],
        "permits": [(*permit, *[""] * 7)[:7] for permit in permits or []],
        "contracts": [
            (*contract, "granted", *[""] * 6)[:6] if len(contract) == 2 else (*contract, *[""] * 6)[:6]
            for contract in contracts or []
        ],
        "months": [(*month, *[""] * 5)[:5] for month in declared],
        "placements": placements or [],
    }


def linked(*persons: Person, invalid: InvalidValues = "error") -> LinkedRegisters:
    """Return the registers of persons p0, p1, ...; each has one record, r0, r1, ..., in every register."""
    records, events = [], {}
    for short, register in SHORT.items():
        rows = []
        for number, one in enumerate(persons):
            records.append((register, f"r{number}", f"p{number}", *one["attributes"]))  # type: ignore[misc]
            rows += [(f"r{number}", *event) for event in one[short]]  # type: ignore[attr-defined]
        names = dict.fromkeys(("record", *COLUMNS[register]), pl.String)
        events[register] = pl.DataFrame(rows, schema=names, orient="row")
    schema = {
        "register": pl.String,
        "record": pl.String,
        "person_id": pl.String,
        "birth_year": pl.Int32,
        "sex": pl.String,
        "nationality": pl.String,
    }
    return LinkedRegisters(pl.DataFrame(records, schema=schema, orient="row"), events, invalid=invalid)


def spells(registers: LinkedRegisters, channel: str, preset: Preset, window: Window = WINDOW) -> list[tuple[str, ...]]:
    """Return (start, end) of a channel's spells as ISO strings, with the flag where there is one."""
    table = build_spells(registers, window, preset).filter(pl.col("channel") == channel)
    return [
        (str(start), str(end), flag) if flag else (str(start), str(end))
        for start, end, flag in table.select("start", "end", "flag").iter_rows()
    ]
