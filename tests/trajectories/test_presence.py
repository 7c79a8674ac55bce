"""Presence from border movements, by example."""

import polars as pl
import pytest

from tests.trajectories.builders import WINDOW, linked, person, spells
from trajectories.spells import build_spells
from trajectories.tables import REFERENCE, WASL

S, E = "2020-01-01", "2023-01-01"

REFERENCE_EXAMPLES = [
    ("an entry opens, an exit closes, half-open", "in 2020-02-01, out 2020-03-01", [("2020-02-01", "2020-03-01")]),
    ("order in the file does not matter", "out 2020-03-01, in 2020-02-01", [("2020-02-01", "2020-03-01")]),
    (
        "the second entry in a row is ignored",
        "in 2020-02-01, in 2020-02-20, out 2020-03-01",
        [("2020-02-01", "2020-03-01")],
    ),
    (
        "the second exit in a row is ignored",
        "in 2020-02-01, out 2020-03-01, out 2020-04-01",
        [("2020-02-01", "2020-03-01")],
    ),
    ("a first exit opens at S", "out 2020-03-01", [(S, "2020-03-01", "first_exit")]),
    ("a first exit before S leaves nothing", "out 2019-03-01", []),
    ("an open spell ends at E", "in 2022-03-01", [("2022-03-01", E, "open_end")]),
    ("crossings before S are walked, then clipped", "in 2019-05-01, out 2020-03-01", [(S, "2020-03-01")]),
    ("crossings after E are walked, then clipped", "in 2022-05-01, out 2024-01-01", [("2022-05-01", E)]),
    ("an entry and an exit on one day leave nothing", "in 2020-02-01T08:00:00, out 2020-02-01T20:00:00", []),
    ("entry before exit at the same moment", "out 2020-02-01, in 2020-02-01, in 2019-12-01", [(S, "2020-02-01")]),
    (
        "the time of day decides the order",
        "in 2020-01-10, out 2020-02-01T08:00, in 2020-02-01T20:00, out 2020-02-05",
        [("2020-01-10", "2020-02-01"), ("2020-02-01", "2020-02-05")],
    ),
]


@pytest.mark.parametrize(
    ("crossings", "expected"), [e[1:] for e in REFERENCE_EXAMPLES], ids=[e[0] for e in REFERENCE_EXAMPLES]
)
def test_reference_presence(crossings: str, expected: list[tuple[str, ...]]) -> None:
    assert spells(linked(person(crossings=crossings)), "presence", REFERENCE) == expected


def test_a_person_without_crossings_is_present_from_first_start_to_last_end_of_the_other_channels() -> None:
    registers = linked(person(permits=[("2019-06-01", "2020-05-31")], months="2021-03"))
    assert spells(registers, "presence", REFERENCE) == [(S, "2021-04-01", "no_crossing")]
    source = build_spells(registers, WINDOW).filter(pl.col("channel") == "presence")["source"]
    assert source.to_list() == ["other_channels"]


def test_a_person_whose_only_crossing_lies_outside_is_not_inferred() -> None:
    registers = linked(person(crossings="out 2019-03-01", permits=[("2020-06-01", "2020-12-31")]))
    assert spells(registers, "presence", REFERENCE) == []


def test_wasl_ends_a_spell_without_exit_at_the_next_entry_interval_censored() -> None:
    registers = linked(person(crossings="in 2020-02-01, in 2020-06-01, out 2020-07-01"))
    table = build_spells(registers, WINDOW, WASL)
    assert spells(registers, "presence", WASL) == [
        ("2020-02-01", "2020-06-01", "missing_exit"),
        ("2020-06-01", "2020-07-01"),
    ]
    assert table["end_censored"].to_list() == ["interval", "no"]
    assert table["state"].to_list() == ["present", "present"]


def test_wasl_shows_two_exits_in_a_row_as_an_uncertain_presence() -> None:
    registers = linked(person(crossings="in 2020-02-01, out 2020-03-01, out 2020-06-01"))
    table = build_spells(registers, WINDOW, WASL)
    assert spells(registers, "presence", WASL)[1] == ("2020-03-01", "2020-06-01", "missing_entry")
    assert table["state"].to_list() == ["present", "uncertain"]
    assert table["start_censored"].to_list() == ["no", "interval"]
