"""Extended measures on a handful of persons, counted by hand."""

import polars as pl
import pytest

from tests.trajectories.builders import WINDOW, linked, person
from trajectories.breakdowns import ALL_BREAKDOWNS, breakdowns_of
from trajectories.channels import build_channels
from trajectories.extended import EXTENDED, NOT_AVAILABLE
from trajectories.figures import Figures
from trajectories.measures import count_extended
from trajectories.measures.residency import ScoreRule, residency_scores
from trajectories.measures.scene import Scene
from trajectories.persons import describe_persons
from trajectories.residence import RULES
from trajectories.tables import REFERENCE, LinkedRegisters
from trajectories.values import table_of, values_of

WORK = [("2020-01-10", "2021-12-31", "granted", "41", "2020-01-10", "7112")]


def figures(registers: LinkedRegisters) -> Figures:
    channels = build_channels(registers, WINDOW, REFERENCE)
    return count_extended(channels, breakdowns_of(channels, describe_persons(channels), ALL_BREAKDOWNS))


def value(
    registers: LinkedRegisters, code: str, year: int, category: str = "total", breakdown: str = "total"
) -> object:
    found = figures(registers)
    table = table_of(found, EXTENDED, values_of(found, EXTENDED))
    cell = table.filter(indicator=code, period=str(year), category=category, breakdown=breakdown)
    return cell["value"][0]


def test_workers_by_age_activity_occupation_and_region() -> None:
    registers = linked(
        person(
            contracts=WORK, born=1985, permits=[("2020-01-01", "2021-12-31", "", "registration", "", "work", "Rabat")]
        ),
        person(contracts=WORK, born=1950, permits=[("2020-01-01", "2021-12-31", "", "", "", "", "Nowhere")]),
        person(months="2020-12", born=2004),
    )
    found = figures(registers)
    counts = found.counts["workers_union", "all", 2020]
    cells = {cell: int(n) for cell, n in zip(found.categories, counts, strict=True) if n}
    assert {cell: n for cell, n in cells.items() if cell[0] not in {"sex", "nationality_group"}} == {
        ("total", "total"): 3,
        ("age_group", "15-24"): 1,
        ("age_group", "35-44"): 1,
        ("age_group", "65+"): 1,
        ("activity", "F"): 2,
        ("activity", "unknown"): 1,
        ("occupation", "7"): 2,
        ("occupation", "unknown"): 1,
        ("region", "04"): 1,
        ("region", "unknown"): 2,
    }


def test_accidents_per_100_000_insured() -> None:
    registers = linked(
        person(months="2021-03:10:A:AT 2021-04:0:A:AT"),
        person(months="2021-05"),
        person(months="2021-06"),
        person(months="2020-06:10:A:AT"),
        person(months="2021-06:10:A:AT", nationality="MAR"),
    )
    assert value(registers, "sdg_8_8_1_proxy", 2021) == pytest.approx(100_000 / 3)


def test_pay_gap_of_full_december_months_all_employers_together() -> None:
    registers = linked(
        person(months="2021-12:26:A::400000 2021-12:26:B::100000"),  # 5 000 MAD, two jobs: band 10
        person(months="2021-12:10:A::900000"),  # no full month
        person(months="2021-12:26:A::1000000", nationality="MAR"),  # band 20
        person(months="2021-11:26:A::100000", nationality="MAR"),  # another month
    )
    assert value(registers, "pay_gap", 2021) == pytest.approx(1 - 10.5 / 20.5)
    assert value(registers, "pay_gap", 2020) is None


def test_for_work_residents_are_those_whose_first_title_has_that_motive() -> None:
    work, study = ("", "registration", "", "work", ""), ("", "registration", "", "study", "")
    registers = linked(
        person(
            crossings="in 2020-01-05",
            permits=[("2020-02-01", "2021-01-31", *work), ("2021-02-01", "2022-01-31", *study)],
        ),
        person(
            crossings="in 2020-01-05",
            permits=[("2020-02-01", "2021-01-31", *study), ("2021-02-01", "2022-01-31", *work)],
        ),
    )
    assert value(registers, "for_work_residents", 2021) == 1


def test_return_migrants_and_nationals_abroad() -> None:
    people = [
        person(months="2022-12", nationality="MAR"),
        person(months="2022-12", nationality="MAR"),
        person(nationality="MAR"),
    ]
    base = linked(*people)
    events = pl.DataFrame(
        {
            "record": ["r0", "r1", "r2"],
            "registered_on": ["2018-01-01", "2021-05-01", "2020-02-01"],
            "removed_on": ["2020-06-01", "", "2021-03-01"],
        }
    )
    records = base.records.filter(pl.col("register") == "placement").with_columns(register=pl.lit("consular"))
    registers = LinkedRegisters(pl.concat([base.records, records]), {**base.events, "consular": events})
    assert [value(registers, "nationals_abroad", year) for year in (2020, 2021, 2022)] == [1, 1, 1]
    assert [value(registers, "nationals_registered", year) for year in (2020, 2021, 2022)] == [1, 1, 0]
    assert [value(registers, "nationals_removed", year) for year in (2020, 2021, 2022)] == [1, 1, 0]
    assert value(registers, "return_migrant_workers", 2022) == 1


def test_residency_score_rises_with_signs_and_falls_without() -> None:
    registers = linked(
        person(crossings="in 2020-01-05", months="2020-05 2021-05 2022-05"),
        person(crossings="in 2020-01-05"),
        person(months="2022-05"),
    )
    channels = build_channels(registers, WINDOW, REFERENCE)
    scene = Scene(channels, breakdowns_of(channels, describe_persons(channels)), RULES)
    scores = residency_scores(scene, ScoreRule())
    assert [scores[year][0] for year in (2020, 2021, 2022)] == pytest.approx([0.7, 0.76, 0.808])
    assert [scores[year][1] for year in (2020, 2021, 2022)] == pytest.approx([0.7, 0.56, 0.448])
    assert [scores[year][2] for year in (2020, 2021, 2022)] == pytest.approx([0.0, 0.0, 0.7])
    assert [value(registers, "resident_by_score", year) for year in (2020, 2021, 2022)] == [2, 1, 2]


def test_overcoverage_by_score() -> None:
    permit = [("2020-01-01", "2022-12-31", "", "registration", "2020-01-01", "work", "")]
    registers = linked(person(permits=permit, months="2020-05 2021-05"), person(permits=permit))
    assert value(registers, "overcoverage_score", 2020) == 0
    assert value(registers, "overcoverage_score", 2021) == 0.5


def test_turnover_and_net_migration() -> None:
    registers = linked(
        person(crossings="in 2021-02-01"),
        person(crossings="in 2020-02-01"),
        person(crossings="out 2021-06-01"),
    )
    assert value(registers, "net_migration", 2021) == 0
    assert value(registers, "turnover", 2021) == 1.0  # (1 + 1) / mean of 2 and 2
    assert value(registers, "turnover", 2020) is None  # the year before was not observed


def test_what_registers_do_not_hold_is_named_with_its_reason_and_not_computed() -> None:
    codes = {one.ilostat for one in EXTENDED} | {one.code for one in EXTENDED}
    assert all("not available from registers" in reason for reason in NOT_AVAILABLE.values())
    assert not codes & set(NOT_AVAILABLE)
    assert {one.code for one in EXTENDED if one.proxy} >= {"sdg_8_8_1_proxy", "return_migrant_workers"}
