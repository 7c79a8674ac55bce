"""Titles by priority and issue, jobs by employer, joint states, conflicts, and the log of what rules changed."""

from datetime import date

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings

from contract.errors import InputError
from tests.trajectories.builders import WINDOW, linked, person
from tests.trajectories.test_properties import registers
from trajectories.channels import CHANNELS, Channels, build_channels
from trajectories.integration import LOG_SCHEMA, integration_log
from trajectories.joint import CONFLICT_SCHEMA, CONFLICTS, JOINT_SCHEMA, allen, conflicts, joint_states
from trajectories.spells import build_spells, spells_of
from trajectories.tables import REFERENCE, WASL, LinkedRegisters, Preset
from trajectories.titles import JOB_SCHEMA, TITLE_SCHEMA, job_spells, title_spells


def channels(*people: dict[str, object], preset: Preset = WASL) -> Channels:
    return build_channels(linked(*people), WINDOW, preset)


def rows(table: pl.DataFrame, *columns: str) -> list[tuple[str, ...]]:
    return [tuple(str(cell) for cell in row) for row in table.select(columns).iter_rows()]


def test_of_overlapping_permits_the_stronger_kind_holds_then_the_latest_issue() -> None:
    one = person(
        permits=[
            ("2020-01-10", "2020-12-31", "", "registration", "2020-01-05", "study"),
            ("2020-06-01", "2021-05-31", "", "registration", "2020-05-20", "work"),
            ("2020-09-01", "2020-10-31", "", "residence", "2019-01-01", "family"),
        ]
    )
    found = title_spells(channels(one))
    assert dict(found.schema) == TITLE_SCHEMA
    assert rows(found, "start", "end", "detail", "overlapped") == [
        ("2020-01-10", "2020-06-01", "study", "False"),
        ("2020-06-01", "2020-09-01", "work", "True"),
        ("2020-09-01", "2020-11-01", "family", "True"),
        ("2020-11-01", "2021-01-01", "work", "True"),
        ("2021-01-01", "2021-06-01", "work", "False"),
    ]


def test_the_contract_granted_last_names_activity_and_occupation() -> None:
    one = person(
        contracts=[
            ("2020-01-10", "2020-12-31", "granted", "41", "2020-01-10", "7112"),
            ("2020-07-01", "2021-06-30", "granted", "62", "2020-06-15", "2512"),
            ("2020-07-01", "2021-06-30", "refused", "85", "2020-06-20", "2320"),
        ]
    )
    assert rows(title_spells(channels(one)), "start", "end", "kind", "detail") == [
        ("2020-01-10", "2020-07-01", "41", "7112"),
        ("2020-07-01", "2021-01-01", "62", "2512"),  # another contract lost
        ("2021-01-01", "2021-07-01", "62", "2512"),
    ]


def test_jobs_at_several_employers_stay_several_spells() -> None:
    one = person(months="2020-03:26:A 2020-04:26:A 2020-04:5:B 2020-06:26:A 2020-05:0:A")
    found = job_spells(channels(one))
    assert dict(found.schema) == JOB_SCHEMA
    assert rows(found, "employer", "start", "end", "months_declared", "concurrent") == [
        ("A", "2020-03-01", "2020-05-01", "2", "True"),
        ("B", "2020-04-01", "2020-05-01", "1", "True"),
        ("A", "2020-06-01", "2020-07-01", "1", "False"),
    ]


@settings(max_examples=30, deadline=None)
@given(registers)
def test_titles_cover_the_days_of_their_channel_once(given_registers: LinkedRegisters) -> None:
    built = build_channels(given_registers, WINDOW, REFERENCE)
    titles = title_spells(built)
    spells = spells_of(built)
    for channel in ("permit", "authorised_work"):
        for name in built.persons["person_id"]:
            held = [
                day
                for start, end in titles.filter(person_id=name, channel=channel).select("start", "end").rows()
                for day in range(start.toordinal(), end.toordinal())
            ]
            due = {
                day
                for start, end in spells.filter(person_id=name, channel=channel).select("start", "end").rows()
                for day in range(start.toordinal(), end.toordinal())
            }
            assert len(held) == len(set(held))
            assert set(held) == due


@settings(max_examples=30, deadline=None)
@given(registers)
def test_joint_states_say_on_every_day_what_the_channels_say(given_registers: LinkedRegisters) -> None:
    built = build_channels(given_registers, WINDOW, REFERENCE)
    table = joint_states(built)
    assert dict(table.schema) == JOINT_SCHEMA
    expected = {
        (who, channel, day)
        for who, channel, start, end in spells_of(built).select("person_id", "channel", "start", "end").rows()
        for day in range(start.toordinal(), end.toordinal())
    }
    found = [
        (row["person_id"], channel, day)
        for row in table.iter_rows(named=True)
        for channel in CHANNELS
        if row[channel]
        for day in range(row["start"].toordinal(), row["end"].toordinal())
    ]
    assert len(found) == len(set(found))
    assert set(found) == expected
    assert (table["start"] < table["end"]).all()
    assert all(row["state"] == "+".join(c for c in CHANNELS if row[c]) for row in table.iter_rows(named=True))


ALLEN = [
    ((0, 2), (5, 7), "before"),
    ((0, 5), (5, 7), "meets"),
    ((0, 6), (5, 7), "overlaps"),
    ((5, 6), (5, 7), "starts"),
    ((6, 7), (5, 8), "during"),
    ((6, 8), (5, 8), "finishes"),
    ((5, 8), (5, 8), "equals"),
]


@pytest.mark.parametrize(("one", "other", "relation"), ALLEN)
def test_allens_relations_and_their_inverses(one: tuple[int, int], other: tuple[int, int], relation: str) -> None:
    a, b, c, d = (np.array([day], dtype=np.int64) for day in (*one, *other))
    assert allen(a, b, c, d).tolist() == [relation]
    assert allen(c, d, a, b).tolist() == [relation if relation == "equals" else f"{relation}_inverse"]


def test_conflicts_between_channels() -> None:
    people = (
        # insured during an absence of four months, and an exit while the job goes on
        person(
            crossings="in 2020-01-05, out 2020-05-10, in 2020-09-10",
            months=" ".join(f"2020-{m:02d}" for m in range(2, 12)),
        ),
        person(contracts=[("2020-03-01", "2020-12-31")], permits=[("2020-06-01", "2021-05-31")]),
        person(contracts=[("2021-03-01", "2021-12-31")], permits=[("2020-01-01", "2020-12-31")]),
        person(contracts=[("2020-06-01", "2020-12-31")], permits=[("2020-06-01", "2021-05-31")]),  # none
        person(crossings="in 2020-01-05, out 2020-02-01, in 2021-02-01", permits=[("2020-03-01", "2020-12-31")]),
    )
    found = conflicts(channels(*people))
    assert dict(found.schema) == CONFLICT_SCHEMA
    assert set(found["code"]) <= set(CONFLICTS)
    assert rows(found, "person_id", "code", "relation", "start", "end") == [
        ("p0", "exit_with_active_job", "overlaps", "2020-05-10", "2020-12-01"),
        ("p0", "insured_during_absence", "during_inverse", "2020-05-10", "2020-09-10"),
        ("p1", "authorised_without_permit", "overlaps", "2020-03-01", "2020-06-01"),
        ("p2", "authorised_without_permit", "before_inverse", "2021-03-01", "2022-01-01"),
        ("p4", "permit_during_absence", "during", "2020-03-01", "2021-01-01"),
    ]


def test_nothing_before_birth_and_nothing_after_death_and_the_log_says_so() -> None:
    early = person(permits=[("2020-06-01", "2022-06-30")], born=2021)
    late = person(permits=[("2020-06-01", "2022-06-30")], months="2021-03 2021-04:3:A:DE")
    built = channels(early, late)
    assert rows(spells_of(built).filter(channel="permit"), "person_id", "start", "end") == [
        ("p0", "2021-01-01", "2022-07-01"),
        ("p1", "2020-06-01", "2021-05-01"),
    ]
    log = integration_log(built)
    assert dict(log.schema) == LOG_SCHEMA
    assert rows(log.filter(rule="outside_life", channel="permit"), "register", "spells", "persons", "days") == [
        ("residence_permit", "2", "2", str(-(214 + 426)))
    ]


def test_a_death_followed_by_work_is_no_death() -> None:
    one = person(months="2021-03:3:A:DE 2021-04", permits=[("2020-06-01", "2022-06-30")])
    assert rows(spells_of(channels(one)).filter(channel="permit"), "end") == [("2022-07-01",)]


def test_the_log_counts_what_each_rule_did() -> None:
    one = person(
        crossings="in 2020-02-01, in 2020-03-01, out 2020-04-01, out 2020-05-01",
        permits=[("2019-06-01", "2020-01-31"), ("2020-01-15", "2020-02-28"), ("2020-05-01", "2020-12-31")],
        months="2020-05 2020-07",
    )
    log = integration_log(channels(one))
    counted = {
        (rule, channel): (spells, days)
        for rule, channel, spells, days in log.select("rule", "channel", "spells", "days").rows()
    }
    assert counted == {
        ("exit_interval_censored", "presence"): (1, 29),
        ("entry_interval_censored", "presence"): (1, 30),
        ("bridged_gap", "permit"): (1, 62),
        ("bridged_gap", "insured_work"): (1, 30),
        ("events_merged", "permit"): (1, 0),
        ("clipped_to_window", "permit"): (1, -214),
    }
    plain = integration_log(channels(one, preset=REFERENCE))
    assert plain.filter(rule="crossing_ignored").select("spells", "persons").rows() == [(2, 1)]
    assert "bridged_gap" not in plain["rule"]


def test_confidence_may_be_given_by_register() -> None:
    registers_of_one = linked(person(months="2020-05", permits=[("2020-03-01", "2020-12-31")]))
    sure = pl.DataFrame({"person_id": ["p0"], "register": ["social_security"], "confidence": [0.8]})
    table = build_spells(registers_of_one, WINDOW, confidence=sure)
    assert dict(table.select("channel", "confidence").rows()) == {"presence": 1.0, "permit": 1.0, "insured_work": 0.8}
    with pytest.raises(InputError, match="outside 0 to 1"):
        build_spells(registers_of_one, WINDOW, confidence=sure.with_columns(confidence=pl.lit(1.2)))


def test_nobody_has_nothing() -> None:
    built = channels()
    for table in (
        title_spells(built),
        job_spells(built),
        joint_states(built),
        conflicts(built),
        integration_log(built),
    ):
        assert table.height == 0
    assert build_channels(linked(), WINDOW).window.start == date(2020, 1, 1)
