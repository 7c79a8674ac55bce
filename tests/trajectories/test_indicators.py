"""Every indicator on a handful of persons, counted by hand."""

import polars as pl

from tests.trajectories.builders import WINDOW, linked, person
from trajectories.indicators import INDICATOR_SCHEMA, compute_indicators
from trajectories.tables import WASL, LinkedRegisters

ALL_2020_2021 = [("2020-01-01", "2021-12-31")]


def value(
    registers: LinkedRegisters, indicator: str, year: int, residence: str = "all", category: str = "total"
) -> object:
    table = compute_indicators(registers, WINDOW)
    return table.filter(indicator=indicator, period=str(year), residence=residence, category=category)["value"].item()


def test_stock_and_flows() -> None:
    registers = linked(
        person(crossings="out 2021-06-01"),  # resident from S, leaves in 2021
        person(crossings="in 2020-03-01", sex="M", nationality="CIV"),  # arrives in 2020, stays
        person(crossings="in 2020-03-01, out 2020-05-01"),  # a visit
        person(crossings="in 2020-03-01", nationality="MAR"),  # outside the population
        person(crossings="in 2020-03-01", nationality=None),  # unknown: outside too
    )
    for rule in ("12_16", "6_12"):
        stocks = [value(registers, "resident_stock", year, rule) for year in (2020, 2021, 2022)]
        assert stocks == [2, 1, 1]
        assert [value(registers, "inflow", year, rule) for year in (2020, 2021, 2022)] == [1, 0, 0]
        assert [value(registers, "outflow", year, rule) for year in (2020, 2021, 2022)] == [0, 1, 0]
    assert value(registers, "resident_stock", 2020, "12_16", "M") == 1
    assert value(registers, "resident_stock", 2020, "12_16", "sub_saharan_africa") == 1
    assert value(registers, "resident_stock", 2020, "12_16", "europe") == 1


def test_workers_by_channel_age_and_residence() -> None:
    registers = linked(
        person(months="2020-12", contracts=ALL_2020_2021, crossings="in 2019-01-01"),
        person(months="2020-12", crossings="in 2020-12-01, out 2021-01-15"),  # insured, not resident
        person(contracts=ALL_2020_2021, crossings="in 2019-01-01"),
        person(months="2020-12", born=2006),  # 14 in 2020
        person(months="2020-12", born=None),  # age unknown
        person(months="2020-11"),  # not insured on 31 December
    )
    names = ("workers_insured", "workers_authorised", "workers_both", "workers_union")
    assert [value(registers, name, 2020) for name in names] == [2, 2, 1, 3]
    assert [value(registers, name, 2020, "12_16") for name in names] == [1, 2, 1, 2]


def test_fifteen_is_old_enough() -> None:
    assert value(linked(person(months="2020-12", born=2005)), "workers_insured", 2020) == 1


def test_gap_is_taken_apart_and_sums_to_the_insured_not_authorised() -> None:
    registers = linked(
        person(months="2020-12", nationality="SEN", contracts=[("2020-01-01", "2020-06-30")]),  # exempt comes first
        person(months="2020-12", placements=[("attestation", "spouse of a national")]),
        person(
            months="2020-12", placements=[("attestation", "")], contracts=[("2020-01-01", "2020-12-30")]
        ),  # ended on t
        person(months="2020-12", contracts=[("2021-01-01", "2021-06-30")]),  # authorised only later
        person(months="2020-12", contracts=ALL_2020_2021),
    )
    gap = [value(registers, f"gap_{why}", 2020) for why in ("exempt", "expired", "none")]
    assert gap == [2, 1, 1]
    assert sum(gap) == value(registers, "workers_insured", 2020) - value(registers, "workers_both", 2020)


def test_months_from_arrival_to_first_insured_month() -> None:
    registers = linked(
        person(crossings="in 2020-03-31", months="2020-03"),  # the month of arrival: 0
        person(crossings="in 2020-03-31", months="2020-02 2020-08"),  # February was before: 5
        person(crossings="in 2020-03-31, out 2020-04-10, in 2021-01-01", months="2021-03"),  # from the first spell: 12
        person(crossings="in 2020-03-31"),  # never insured
        person(crossings="out 2020-03-31", months="2020-05"),  # present at S: no arrival
    )
    assert value(registers, "arrival_to_insured_number", 2020) == 3
    assert value(registers, "arrival_to_insured_median", 2020) == 5
    assert value(registers, "arrival_to_insured_median", 2021) is None
    two = linked(
        person(crossings="in 2020-03-31", months="2020-03"), person(crossings="in 2020-03-31", months="2020-08")
    )
    assert value(two, "arrival_to_insured_median", 2020) == 2.5


def test_coverage() -> None:
    registers = linked(
        person(months="2020-12", contracts=ALL_2020_2021),
        person(months="2020-12", contracts=ALL_2020_2021, nationality="TUN"),
        person(contracts=ALL_2020_2021),
        person(months="2020-12"),
        person(months="2020-12"),
    )
    assert value(registers, "coverage_authorised_insured", 2020) == 2 / 3
    assert value(registers, "coverage_insured_authorised", 2020) == 1 / 3  # the Tunisian is exempt
    assert value(registers, "coverage_authorised_insured", 2022) is None  # nobody is authorised


def test_protection_counts_spells_with_an_insured_month_within_three() -> None:
    registers = linked(
        person(contracts=[("2020-03-15", "2020-12-31")], months="2020-03"),
        person(contracts=[("2020-03-15", "2020-12-31")], months="2020-06"),
        person(contracts=[("2020-03-15", "2020-12-31")], months="2020-02 2020-07"),  # before, and a month too late
        person(contracts=[("2020-01-01", "2020-12-31")], months="2020-01"),  # starts at S: not counted
        person(contracts=[("2020-03-15", "2020-04-30"), ("2020-10-01", "2020-12-31")], months="2020-10"),
    )
    assert value(registers, "protection_3_months", 2020) == 3 / 5


def test_overcoverage_is_a_permit_without_a_sign_of_presence_for_a_year() -> None:
    permit = [("2020-01-01", "2022-12-31")]
    registers = linked(
        person(permits=permit, crossings="in 2020-02-01, out 2021-01-01"),  # last seen 366 days before 31 December 2021
        person(permits=permit, crossings="in 2020-02-01, out 2021-01-02"),  # on the first of the 365 days
        person(permits=permit),  # no crossing: presence inferred from the permit
    )
    assert value(registers, "overcoverage_permit", 2021) == 1 / 3
    assert value(registers, "overcoverage_permit", 2022) == 2 / 3


def test_attributes_are_voted_by_records_with_ties_to_the_smallest() -> None:
    base = linked(person(crossings="in 2019-01-01"))
    records = base.records.with_columns(
        nationality=pl.Series(["SEN", "SEN", "CIV", "", None]), sex=pl.Series(["M", "F", "X", "", None])
    )
    registers = LinkedRegisters(records, base.events)
    assert value(registers, "resident_stock", 2020, "12_16", "sub_saharan_africa") == 1
    assert value(registers, "resident_stock", 2020, "12_16", "F") == 1  # a tie: F comes before M


def test_table_has_every_row_and_the_groups_can_be_chosen() -> None:
    registers = linked(person(crossings="in 2019-01-01", nationality="SEN"))
    table = compute_indicators(registers, WINDOW)
    assert dict(table.schema) == INDICATOR_SCHEMA
    assert table.height == (3 * 2 + 4 * 2 + 3 + 2 + 4) * 3 * 11
    assert not table["protected"].any()
    own = compute_indicators(registers, WINDOW, groups={"SEN": "west", "FRA": "north"})
    stock = own.filter(indicator="resident_stock", residence="12_16", period="2020", breakdown="nationality_group")
    assert stock.select("category", "value").rows() == [("north", 0), ("west", 1), ("other", 0)]


def test_wasl_preset_shows_uncertain_presence_but_does_not_count_it() -> None:
    registers = linked(person(crossings="in 2020-01-05, out 2020-02-01, out 2021-12-31"))
    table = compute_indicators(registers, WINDOW, WASL).filter(indicator="resident_stock", category="total")
    assert table["value"].sum() == 0
