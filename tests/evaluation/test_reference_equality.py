"""The vectorised trajectories give exactly what the plain reference implementation gives, on messy registers."""

from __future__ import annotations

import random
from datetime import date, timedelta

import polars as pl
import pytest

from evaluation.reference.histories import histories
from evaluation.reference.indicators import as_table, indicator_rows, reference_indicators
from evaluation.synthetic.country import generate
from trajectories.channels import window_of
from trajectories.exports import indicators_csv
from trajectories.indicators import compute_indicators
from trajectories.persons import birth_years
from trajectories.spells import build_spells
from trajectories.tables import LinkedRegisters, Window

Registers = dict[str, tuple[pl.DataFrame, pl.DataFrame]]
Links = dict[str, dict[str, str]]

EVENTS = {
    "border_crossing": ("crossed_at", "direction"),
    "residence_permit": ("valid_from", "valid_to", "withdrawn_on"),
    "work_contract": ("start", "end", "decision"),
    "social_security": ("period", "days"),
    "placement": ("kind", "exemption_ground"),
    "consular": ("country",),
}
NATIONALITIES = ("SEN", "DZA", "FRA", "FRA", "CIV", "PHL", "USA", "SYR", "MAR", "XXX", "")
BIRTHS = ("1980", "1980-00-00", "1991-05-17", "910517", "051231", "2009-13-01", "2008", "2007-01-01", "1750", "", "x")


def messy_country(seed: int, persons: int, window: Window) -> tuple[Registers, Links]:
    """Return registers whose events touch, overlap, repeat, contradict, miss values and leave the window."""
    rng = random.Random(seed)
    length = (window.end - window.start).days

    def day(spread: int = 300) -> date:
        # Few distinct offsets make boundaries coincide often.
        return window.start + timedelta(days=rng.randrange(-spread, length + spread, rng.choice((1, 30, 61))))

    def cell(text: str) -> str:
        return rng.choices((text, f" {text} ", "", "2020-02-30", "2020-02-00"), (90, 4, 3, 2, 1))[0]

    def events(register: str) -> list[tuple[str, ...]]:
        if register == "border_crossing":
            stamps = [day() for _ in range(rng.choice((0, 1, 2, 4, 8)))]
            times = ("", "T00:00:00", "T08:30:00", " 23:59:59")
            directions = ("entry", "exit", "exit ", "transit", "")
            return [
                (cell(d.isoformat() + rng.choice(times)), rng.choices(directions, (48, 45, 3, 2, 2))[0])
                for d in stamps + stamps[:1]
            ]
        if register == "residence_permit":
            spans = [
                (d := day(), d + timedelta(days=rng.choice((-5, 0, 29, 364, 900)))) for _ in range(rng.randrange(4))
            ]
            return [
                (cell(a.isoformat()), cell(b.isoformat()), rng.choice(("", "", day().isoformat()))) for a, b in spans
            ]
        if register == "work_contract":
            spans = [
                (d := day(), d + timedelta(days=rng.choice((-1, 0, 60, 364, 729)))) for _ in range(rng.randrange(4))
            ]
            decisions = ("granted", "granted", "granted ", "refused", "")
            return [(cell(a.isoformat()), cell(b.isoformat()), rng.choice(decisions)) for a, b in spans]
        if register == "social_security":
            first = day()
            months = [first + timedelta(days=31 * n) for n in range(rng.choice((0, 3, 12, 40))) if rng.random() < 0.9]
            days = ("26", "1", "0", "", "12.0", "x", "nan")
            return [
                (rng.choices((f"{m:%Y-%m}", "2020-13"), (99, 1))[0], rng.choices(days, (60, 20, 8, 4, 4, 2, 2))[0])
                for m in months
            ]
        if register == "placement" and rng.random() < 0.2:
            return [(rng.choice(("attestation", "placement_abroad")), rng.choice(("spouse", " ", "")))]
        return []

    registers: Registers = {}
    links: Links = {}
    for register, columns in EVENTS.items():
        identity, rows, owner = [], [], {}
        for person in range(persons):
            for copy in range(rng.choice((0, 1, 1, 2))):
                record = f"{register}-{person}-{copy}"
                if rng.random() < 0.97:
                    owner[record] = f"person {person}"
                fields = (rng.choice(BIRTHS), rng.choice(("F", "M", "M", "X", "")), rng.choice(NATIONALITIES))
                identity.append((record, *fields))
                rows += [(record, *event) for event in events(register)]
        rng.shuffle(rows)
        names = ("record_id", "birth_date", "sex", "nationality")
        table = pl.DataFrame(identity, schema=dict.fromkeys(names, pl.String), orient="row")
        if register == "consular":
            table = table.drop("nationality")
        event_names = dict.fromkeys(("record_id", *columns), pl.String)
        registers[register] = (table, pl.DataFrame(rows, schema=event_names, orient="row"))
        links[register] = owner
    return registers, links


def linked_registers(registers: Registers, links: Links, window: Window) -> LinkedRegisters:
    """Return register tables and links as the trajectories take them; unusable values are skipped."""
    parts = []
    for register, (identity, _) in registers.items():
        names = identity["record_id"]
        owner = pl.Series([links[register].get(name) for name in names], dtype=pl.String)
        nationality = (
            identity["nationality"] if "nationality" in identity.columns else pl.repeat(None, len(names), eager=True)
        )
        parts.append(
            pl.DataFrame(
                {
                    "register": pl.repeat(register, len(names), dtype=pl.String, eager=True),
                    "record": names,
                    "person_id": owner,
                    "birth_year": birth_years(identity["birth_date"], window.end.year),
                    "sex": identity["sex"]
                    if "sex" in identity.columns
                    else pl.Series([None] * len(names), dtype=pl.String),
                    "nationality": nationality.cast(pl.String),
                }
            )
        )
    events = {register: table.rename({"record_id": "record"}) for register, (_, table) in registers.items()}
    return LinkedRegisters(pl.concat(parts), events, invalid="skip")


WINDOWS = (
    Window(date(2016, 1, 1), date(2023, 1, 1)),
    Window(date(2017, 5, 17), date(2021, 10, 3)),
    Window(date(2020, 12, 31), date(2021, 1, 1)),
)


@pytest.mark.parametrize("window", WINDOWS, ids=str)
@pytest.mark.parametrize("seed", range(3))
def test_indicators_equal_the_reference_value_for_value(seed: int, window: Window) -> None:
    registers, links = messy_country(seed, 150, window)
    expected = as_table(reference_indicators(registers, links, window.start, window.end))
    computed = compute_indicators(linked_registers(registers, links, window), window)
    assert indicators_csv(computed).decode() == expected.write_csv(null_value="")


@pytest.mark.parametrize("window", WINDOWS, ids=str)
def test_spells_equal_the_reference_day_for_day(window: Window) -> None:
    registers, links = messy_country(7, 200, window)
    people = histories(registers, links, window.start, window.end)
    computed = build_spells(linked_registers(registers, links, window), window)
    channels = {"presence": "presence", "permit": "permit", "authorised_work": "authorised", "insured_work": "insured"}
    expected = [
        (person, channel, date.fromordinal(start), date.fromordinal(end))
        for person, history in people.items()
        for channel, field in channels.items()
        for start, end in getattr(history, field)
    ]
    assert expected
    assert sorted(computed.select("person_id", "channel", "start", "end").rows()) == sorted(expected)


def test_a_synthetic_country_gives_the_recorded_truth() -> None:
    country = generate(1500, seed=5)
    window = Window(country.settings.start, country.settings.end)
    registers = {name: (register.identity, register.events) for name, register in country.registers.items()}
    links: Links = {name: {} for name in registers}
    for register, record, entity in country.truth().iter_rows():
        links[register][record] = entity
    expected = as_table(reference_indicators(registers, links, window.start, window.end))
    skipping = linked_registers(registers, links, window)
    strict = LinkedRegisters(skipping.records, skipping.events)  # no event of the synthetic registers is malformed
    assert window_of(strict) == window
    assert indicators_csv(compute_indicators(strict, window)).decode() == expected.write_csv(null_value="")


def test_the_comparison_would_see_a_difference() -> None:
    window = WINDOWS[0]
    registers, links = messy_country(0, 150, window)
    people = list(histories(registers, links, window.start, window.end).values())
    computed = compute_indicators(linked_registers(registers, links, window), window)
    without_one = as_table(indicator_rows(people[1:], window.start, window.end))
    assert indicators_csv(computed).decode() != without_one.write_csv(null_value="")
