"""Permit, authorised and insured work; bridged gaps; censoring and confidence."""

from datetime import date

import polars as pl
import pytest

from contract.errors import InputError
from tests.trajectories.builders import WINDOW, linked, person, spells
from trajectories.channels import window_of
from trajectories.spells import SPELL_SCHEMA, build_spells
from trajectories.tables import REFERENCE, WASL, Preset, Window

PERMITS = [
    ("the last day is valid", [("2020-03-01", "2020-03-31")], [("2020-03-01", "2020-04-01")]),
    ("cut on the day of withdrawal", [("2020-03-01", "2021-02-28", "2020-06-15")], [("2020-03-01", "2020-06-15")]),
    ("withdrawn before it began", [("2020-03-01", "2021-02-28", "2020-01-15")], []),
    ("withdrawn after it ended", [("2020-03-01", "2020-03-31", "2020-09-01")], [("2020-03-01", "2020-04-01")]),
    (
        "overlapping and touching titles are one",
        [("2020-01-10", "2020-05-31"), ("2020-03-01", "2020-04-01"), ("2020-06-01", "2020-06-30")],
        [("2020-01-10", "2020-07-01")],
    ),
    (
        "a gap of a day is a gap",
        [("2020-01-10", "2020-05-30"), ("2020-06-01", "2020-06-30")],
        [("2020-01-10", "2020-05-31"), ("2020-06-01", "2020-07-01")],
    ),
    ("clipped to the window", [("2018-01-01", "2030-12-31")], [("2020-01-01", "2023-01-01")]),
    ("an end before the start is no spell", [("2020-05-01", "2020-03-01")], []),
    ("a missing end feeds nothing", [("2020-05-01", "")], []),
    ("a partly known date feeds nothing", [("2020-05-00", "2021-01-01")], []),
]


@pytest.mark.parametrize(("permits", "expected"), [e[1:] for e in PERMITS], ids=[e[0] for e in PERMITS])
def test_permit(permits: list[tuple[str, ...]], expected: list[tuple[str, ...]]) -> None:
    assert spells(linked(person(permits=permits)), "permit", REFERENCE) == expected


def test_only_granted_contracts_authorise() -> None:
    contracts = [
        ("2020-03-01", "2020-03-31"),
        ("2020-05-01", "2020-12-31", "refused"),
        ("2021-01-01", "2021-12-31", ""),
    ]
    assert spells(linked(person(contracts=contracts)), "authorised_work", REFERENCE) == [("2020-03-01", "2020-04-01")]


def test_insured_months_with_at_least_one_day_of_any_employer() -> None:
    one = person(months="2020-05 2020-06:1 2020-06:0 2020-07:0 2020-09 2020-09")
    assert spells(linked(one), "insured_work", REFERENCE) == [
        ("2020-05-01", "2020-07-01"),
        ("2020-09-01", "2020-10-01"),
    ]


def test_wasl_bridges_short_gaps_as_spells_of_their_own() -> None:
    one = person(
        permits=[("2020-01-10", "2020-01-31"), ("2020-05-01", "2020-06-30"), ("2020-10-01", "2020-12-31")],
        months="2020-05 2020-07 2020-10",
    )
    assert spells(linked(one), "permit", WASL) == [
        ("2020-01-10", "2020-02-01"),
        ("2020-02-01", "2020-05-01", "bridged_gap"),  # 90 days
        ("2020-05-01", "2020-07-01"),
        ("2020-10-01", "2021-01-01"),  # 92 days before it stay a gap
    ]
    assert spells(linked(one), "insured_work", WASL) == [
        ("2020-05-01", "2020-06-01"),
        ("2020-06-01", "2020-07-01", "bridged_gap"),
        ("2020-07-01", "2020-08-01"),
        ("2020-10-01", "2020-11-01"),
    ]
    assert set(build_spells(linked(one), WINDOW, WASL).filter(flag="bridged_gap")["state"]) == {"bridged"}


def test_spells_that_reach_the_window_are_left_and_right_censored() -> None:
    table = build_spells(linked(person(permits=[("2019-01-01", "2020-05-31"), ("2022-05-01", "2025-01-01")])), WINDOW)
    permit = table.filter(channel="permit")
    assert permit.select("start_censored", "end_censored").rows() == [("left", "no"), ("no", "right")]


def test_a_register_with_a_period_of_its_own_censors_at_its_bounds() -> None:
    own = Preset("own", register_windows=(("social_security", Window(date(2021, 1, 1), date(2022, 1, 1))),))
    table = build_spells(linked(person(months="2021-01 2021-06 2021-12")), WINDOW, own).filter(channel="insured_work")
    assert table.select("start_censored", "end_censored").rows() == [("left", "no"), ("no", "no"), ("no", "right")]


def test_spell_table_is_typed_and_carries_confidence() -> None:
    registers = linked(person(months="2020-05"), person(months="2020-05"))
    assert dict(build_spells(registers, WINDOW).schema) == SPELL_SCHEMA
    sure = pl.DataFrame({"person_id": ["p1"], "confidence": [0.75]})
    table = build_spells(registers, WINDOW, confidence=sure).filter(channel="insured_work")
    assert table.select("person_id", "confidence").rows() == [("p0", 1.0), ("p1", 0.75)]
    with pytest.raises(InputError, match="twice"):
        build_spells(registers, WINDOW, confidence=pl.concat([sure, sure]))


def test_no_events_at_all_give_an_empty_typed_table() -> None:
    table = build_spells(linked(), WINDOW)
    assert table.height == 0
    assert dict(table.schema) == SPELL_SCHEMA


def test_default_window_runs_over_whole_years_of_crossings_and_declarations() -> None:
    registers = linked(
        person(crossings="in 2019-07-04, out 2021-01-01", months="2022-03", permits=[("2001-01-01", "2030-01-01")])
    )
    assert window_of(registers) == Window(date(2019, 1, 1), date(2023, 1, 1))
    with pytest.raises(InputError, match="no observation window"):
        window_of(linked(person()))


def test_without_crossings_and_declarations_the_window_is_that_of_permits_and_contracts() -> None:
    registers = linked(person(permits=[("2018-03-01", "2031-02-28")], contracts=[("2020-05-01", "2021-01-31")]))
    assert window_of(registers) == Window(date(2018, 1, 1), date(2021, 1, 1))
    assert build_spells(registers, window_of(registers)).height > 0
