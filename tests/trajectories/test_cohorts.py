"""Cohorts as code: definitions, dummy data, tables, refusals."""

from dataclasses import replace
from datetime import date

import polars as pl
import pytest

from contract.errors import InputError
from tests.trajectories.builders import WINDOW, linked, person
from trajectories.channels import build_channels
from trajectories.cohorts import Cohort, CohortError, cohort_tables, dummy_run, members_of, read_cohort
from trajectories.cohorts.dummy import dummy_registers, dummy_window
from trajectories.disclosure.cell_keys import NOISE_BOUND, epoch_key
from trajectories.exports.months import STATES
from trajectories.pictures import state_shares

TOML = """
name = "arrived in 2021 for work"
[population]
entry = "arrival"
from = 2021-01-01
to = 2022-01-01
for_work = true
[follow_up]
months = 12
[tables]
variables = ["permit", "insured_work"]
by = ["sex"]
"""
COHORT = Cohort(
    name="the same in Python",
    entry="arrival",
    start=date(2021, 1, 1),
    end=date(2022, 1, 1),
    months=12,
    variables=("permit", "insured_work"),
    by=("sex",),
    for_work=True,
)
EPOCH = epoch_key(b"s" * 32, "series", "1")


def test_toml_and_python_are_the_same_cohort() -> None:
    assert read_cohort(TOML).digest == COHORT.digest
    assert len([line for line in TOML.splitlines() if line]) <= 12
    assert replace(COHORT, months=24).digest != COHORT.digest


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ('entry = "arrival"', 'entry = "birth"', "population.entry"),
        ('entry = "arrival"', "", "population.entry"),
        ("to = 2022-01-01", "to = 2021-01-01", "population.to"),
        ("from = 2021-01-01", 'from = "2021"', "population.from"),
        ("from = 2021-01-01", "from = 2021-01-01T10:00:00", "population.from"),
        ("months = 12", "months = 0", "follow_up.months"),
        ("months = 12", "months = true", "follow_up.months"),
        ('["permit", "insured_work"]', '["pay"]', "tables.variables"),
        ('["permit", "insured_work"]', "[1]", "tables.variables"),
        ('by = ["sex"]', 'by = ["sex", "sex"]', "tables.by"),
        ('by = ["sex"]', 'group = "x"', "tables.group"),
        ("for_work = true", "min_age = 40\nmax_age = 30", "population.max_age"),
        ('name = "arrived in 2021 for work"', 'name = "x"\npreset = "none"', "preset"),
        ("[follow_up]\nmonths = 12", "", "follow_up"),
    ],
)
def test_bad_definitions_name_the_key(old: str, new: str, key: str) -> None:
    assert old in TOML
    with pytest.raises(CohortError) as refused:
        read_cohort(TOML.replace(old, new))
    assert refused.value.where["key"] == key


def test_no_toml_at_all() -> None:
    with pytest.raises(CohortError, match="TOML"):
        read_cohort("name = ")


def crowd(count: int) -> object:
    """All arrive on 2021-03-05; every second one is insured from May to July; two of three have a permit at once."""
    return linked(
        *(
            person(
                crossings="in 2021-03-05",
                months="2021-05 2021-06 2021-07" if n % 2 else "",
                permits=[("2021-03-05", "2022-03-04", "", "immatriculation", "2021-03-05", "work")] if n % 3 else [],
                sex="FM"[n % 2],
            )
            for n in range(count)
        )
    )


def value(frame: pl.DataFrame, **cell: object) -> float | None:
    (found,) = frame.filter(**cell)["value"].to_list()  # type: ignore[arg-type]
    return found


def test_tables_are_the_truth_but_for_the_noise() -> None:
    channels = build_channels(crowd(600), WINDOW)  # type: ignore[arg-type]
    everybody = replace(COHORT, for_work=False)
    made = cohort_tables(channels, everybody, EPOCH, "series")
    table = made.table
    assert table.filter(table="members", category="unknown")["value"].to_list() == [0.0]  # structural zero
    assert table["protected"].all()
    assert abs(value(table, table="members", category="total") - 600) <= NOISE_BOUND
    assert abs(value(table, table="members", category="F") - 300) <= NOISE_BOUND
    assert abs(value(table, variable="permit", table="status", month=6, category="total", status="yes") - 400) <= 4
    insured = {"variable": "insured_work", "table": "status", "category": "total"}
    assert value(table, **insured, month=6, status="yes") == 0  # nobody at all: a structural zero
    assert abs(value(table, **insured, month=6, status="no") - 600) <= 4
    assert abs(value(table, table="states", month=6, status="PR") - 400) <= 4
    assert abs(value(table, table="states", month=6, status="P") - 200) <= 4
    assert value(table, table="states", month=6, status="PRI") == 0  # nobody is ever in it
    curve = table.filter(table="time", variable="insured_work")
    assert curve["month"].to_list() == [2]
    assert curve["value"][0] == pytest.approx(0.5, abs=0.02)
    assert curve["lower"][0] < curve["value"][0] < curve["upper"][0]
    assert made.sketch.persons == 600
    again = cohort_tables(channels, everybody, EPOCH, "series")
    assert again.digest == made.digest
    assert again.table.equals(made.table)
    assert cohort_tables(channels, everybody, epoch_key(b"t" * 32, "series", "1"), "series").digest != made.digest


def test_conditions_select() -> None:
    channels = build_channels(crowd(120), WINDOW)  # type: ignore[arg-type]
    assert len(members_of(channels, COHORT, "series").person) == 80
    assert len(members_of(channels, replace(COHORT, for_work=False, sex=("F",)), "series").person) == 60
    entry = replace(COHORT, for_work=False, entry="first_insured", min_age=30, max_age=36, groups=("europe",))
    assert len(members_of(channels, entry, "series").person) == 60
    for changed in (
        {"min_age": 50, "max_age": 60},
        {"start": date(2022, 1, 1), "end": date(2022, 2, 1)},
        {"groups": ("asia",)},
    ):
        with pytest.raises(CohortError, match="nobody"):
            members_of(channels, replace(entry, **changed), "series")
    with pytest.raises(CohortError, match="nationality group"):
        members_of(channels, replace(entry, groups=("atlantis",)), "series")
    with pytest.raises(CohortError, match="preset"):
        cohort_tables(channels, replace(COHORT, preset=replace(COHORT.preset, name="x")), EPOCH, "series")


def test_a_cohort_of_nine_persons_is_refused() -> None:
    nine, ten = (build_channels(crowd(count), WINDOW) for count in (9, 10))  # type: ignore[arg-type]
    with pytest.raises(CohortError, match="fewer than 10"):
        members_of(nine, replace(COHORT, for_work=False), "series")
    assert len(members_of(ten, replace(COHORT, for_work=False), "series").person) == 10


def test_dummy_data_are_the_same_every_time_and_have_something_of_everything() -> None:
    one, other = dummy_run(COHORT), dummy_run(COHORT)
    assert one.digest == other.digest
    assert one.table.filter(table="time").height > 3
    assert set(one.table.filter(table="status")["status"]) == {"yes", "no", "unobserved"}
    assert set(one.table.filter(table="states")["status"]) == {*STATES, "unobserved"}
    chronogram = state_shares(dummy_run(COHORT, 12_000).table)  # fewer persons are too few for sixteen joint states
    assert set(chronogram["month"]) == {0, 6, 12}
    seen = chronogram.filter(pl.col("persons") > 0).group_by("month").agg(pl.col("share").sum())
    assert seen["share"].to_list() == pytest.approx([1.0] * seen.height)
    assert seen.height >= 2  # at the end of the window nobody is observed so long
    registers = dummy_registers(dummy_window(COHORT), 50)
    assert all(frame.height for frame in registers.events.values())
    assert issubclass(CohortError, InputError)
