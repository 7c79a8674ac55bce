"""Reference indicators on people made by hand, with figures worked out by hand."""

from datetime import date
from typing import Any

import polars as pl
import pytest

from evaluation.reference.histories import birth_year_of, histories, winner
from evaluation.reference.indicators import PUBLISHED, Row, as_table, observed_years, reference_indicators

START, END = date(2019, 1, 1), date(2022, 1, 1)
IDENTITY = {
    "border_crossing": ("sex", "nationality", "birth_date"),
    "residence_permit": ("sex", "nationality", "birth_date"),
    "work_contract": ("sex", "nationality", "birth_date"),
    "social_security": ("sex", "nationality", "birth_date"),
    "placement": ("sex", "nationality", "birth_date"),
    "consular": ("sex", "birth_date"),
}
EVENTS = {
    "border_crossing": ("crossed_at", "direction"),
    "residence_permit": ("valid_from", "valid_to", "withdrawn_on"),
    "work_contract": ("start", "end", "decision"),
    "social_security": ("period", "days"),
    "placement": ("kind", "exemption_ground"),
    "consular": ("country",),
}


class Country:
    """Registers built record by record; each record of a person is linked to that person."""

    def __init__(self) -> None:
        self.identity: dict[str, list[tuple[Any, ...]]] = {name: [] for name in IDENTITY}
        self.events: dict[str, list[tuple[Any, ...]]] = {name: [] for name in EVENTS}
        self.links: dict[str, dict[str, str]] = {name: {} for name in IDENTITY}

    def record(self, person: str, register: str, identity: tuple[Any, ...], *events: tuple[Any, ...]) -> None:
        record_id = f"{register}-{len(self.identity[register])}"
        self.identity[register].append((record_id, *identity))
        self.events[register] += [(record_id, *event) for event in events]
        self.links[register][record_id] = person

    def tables(self) -> dict[str, tuple[pl.DataFrame, pl.DataFrame]]:
        def table(rows: list[tuple[Any, ...]], columns: tuple[str, ...]) -> pl.DataFrame:
            return pl.DataFrame(rows, schema=dict.fromkeys(("record_id", *columns), pl.String), orient="row")

        return {n: (table(self.identity[n], IDENTITY[n]), table(self.events[n], EVENTS[n])) for n in IDENTITY}

    def rows(self) -> dict[tuple[str, ...], int | float | None]:
        rows = reference_indicators(self.tables(), self.links, START, END)
        return {row[:5]: row.value for row in rows}


def total(rows: dict[tuple[str, ...], Any], indicator: str, residence: str) -> list[Any]:
    return [rows[indicator, residence, year, "total", "total"] for year in ("2019", "2020", "2021")]


@pytest.fixture(scope="module")
def rows() -> dict[tuple[str, ...], int | float | None]:
    country = Country()
    # A: Ivorian man, in from 10 Mar 2019 for good; insured from June 2019; contract 1 Jun 2019 to 31 May 2020.
    a = ("M", "CIV", "1990-05-01")
    country.record("A", "border_crossing", ("M", "CIV", "900501"), ("2019-03-10T08:00:00", "entry"))
    country.record("A", "residence_permit", a, ("2019-05-01", "2020-04-30", ""))
    country.record("A", "work_contract", a, ("2019-06-01", "2020-05-31", "granted"))
    months = [f"{y}-{m:02}" for y in (2019, 2020, 2021) for m in range(1, 13)][5:]
    country.record("A", "social_security", ("", "", ""), *((m, "26") for m in months))
    # B: Senegalese woman, present at the start, left on 1 Feb 2020; insured until then; exempt.
    country.record("B", "border_crossing", ("F", "SEN", "850000"), ("2020-02-01T10:00:00", "exit"))
    country.record("B", "social_security", ("F", "SEN", "1985"), *((f"2019-{m:02}", "20") for m in range(1, 13)))
    # C: French, sex unknown, no crossing: permit from July 2020, withdrawn 1 July 2021; refused contract.
    c = ("", "FRA", "1970-01-01")
    country.record("C", "residence_permit", c, ("2020-07-01", "2025-06-30", "2021-07-01"))
    country.record("C", "work_contract", c, ("2020-07-01", "2021-06-30", "refused"))
    # D: a child of ten with a declaration; E: a Moroccan; F: nationality unknown. None is a worker in the population.
    country.record("D", "social_security", ("F", "SYR", "2011-03-04"), ("2020-12", "26"))
    country.record("E", "social_security", ("M", "MAR", "1980-03-04"), ("2020-12", "26"))
    country.record("F", "social_security", ("M", "", "1980-03-04"), ("2020-12", "26"))
    # G: Filipina with an attestation of exemption, insured in December 2021 only, permit but abroad since 2019.
    g = ("F", "PHL", "1995-09-09")
    country.record("G", "border_crossing", ("F", "PHL", "950909"), ("2019-06-01T01:00:00", "exit"))
    country.record("G", "residence_permit", g, ("2018-01-01", "2028-01-01", ""))
    country.record("G", "placement", g, ("attestation", "spouse_of_national"))
    country.record("G", "social_security", g, ("2021-12", "1"), ("2021-11", "0"))
    return country.rows()


def test_years_and_completeness(rows: dict[tuple[str, ...], Any]) -> None:
    assert observed_years(START, END) == [2019, 2020, 2021]
    assert len(rows) == sum(len(residences) for residences in PUBLISHED.values()) * 3 * 11


def test_resident_stock(rows: dict[tuple[str, ...], Any]) -> None:
    # A from March 2019; B until February 2020 (absent ever after); C from July 2020, 365 days, until July 2021;
    # D's only presence is December 2020: 31 days, too few; G was there at the start until June 2019.
    assert total(rows, "resident_stock", "12_16") == [2, 2, 1]
    assert rows["resident_stock", "12_16", "2020", "sex", "unknown"] == 1
    assert rows["resident_stock", "12_16", "2020", "nationality_group", "sub_saharan_africa"] == 1
    assert rows["resident_stock", "12_16", "2019", "sex", "F"] == 1


def test_flows(rows: dict[tuple[str, ...], Any]) -> None:
    # In: A 2019, C 2020. Out: G 2019, B 2020, C 2021.
    assert total(rows, "inflow", "12_16") == [1, 1, 0]
    assert total(rows, "outflow", "12_16") == [1, 1, 1]
    assert total(rows, "inflow", "6_12") == [1, 1, 0]


def test_workers(rows: dict[tuple[str, ...], Any]) -> None:
    assert total(rows, "workers_insured", "all") == [2, 1, 2]
    assert total(rows, "workers_authorised", "all") == [1, 0, 0]
    assert total(rows, "workers_both", "all") == [1, 0, 0]
    assert total(rows, "workers_union", "all") == [2, 1, 2]
    assert total(rows, "workers_insured", "12_16") == [2, 1, 1]


def test_gap_adds_up(rows: dict[tuple[str, ...], Any]) -> None:
    assert total(rows, "gap_exempt", "all") == [1, 0, 1]
    assert total(rows, "gap_expired", "all") == [0, 1, 1]
    assert total(rows, "gap_none", "all") == [0, 0, 0]


def test_ratios(rows: dict[tuple[str, ...], Any]) -> None:
    assert total(rows, "coverage_authorised_insured", "all") == [1.0, None, None]
    assert total(rows, "coverage_insured_authorised", "all") == [1.0, 0.0, 0.0]
    assert total(rows, "protection_3_months", "all") == [1.0, None, None]
    # 2019: A and G hold permits, G was there until May; 2020: C and G; 2021: only G.
    assert total(rows, "overcoverage_permit", "all") == [0.0, 0.5, 1.0]


def test_arrival_to_insured(rows: dict[tuple[str, ...], Any]) -> None:
    # A: March to June 2019. D has no crossing: present from, and insured in, December 2020.
    assert total(rows, "arrival_to_insured_number", "all") == [1, 1, 0]
    assert total(rows, "arrival_to_insured_median", "all") == [3.0, 0.0, None]


def test_table_form() -> None:
    table = as_table([Row("inflow", "12_16", "2020", "total", "total", 3), Row("gap", "all", "2020", "sex", "F", None)])
    assert table.columns == [
        *("indicator", "residence", "period", "breakdown", "category", "value", "lower", "upper", "protected")
    ]
    assert table["value"].to_list() == ["3", None]
    assert table["protected"].to_list() == ["false", "false"]


@pytest.mark.parametrize(
    ("written", "year"),
    [
        ("840713", 1984),
        ("240101", 2024),
        ("260101", 1926),
        ("840000", 1984),
        ("1984", 1984),
        ("1984-00-00", 1984),
        ("1984-13-01", None),
        ("1984-05-32", None),
        ("2026-01-01", None),
        ("1899-01-01", None),
        ("", None),
        ("84-07-13", None),
    ],
)
def test_birth_years(written: str, year: int | None) -> None:
    assert birth_year_of(written, 2025) == year


def test_votes() -> None:
    assert winner({"SEN": 2, "MLI": 2, "CIV": 1}) == "MLI"
    assert winner({"SEN": 3, "MLI": 2}) == "SEN"
    assert winner({}) is None


def test_unlinked_records_count_nowhere() -> None:
    country = Country()
    country.record("A", "social_security", ("F", "SYR", "1990"), ("2020-12", "26"))
    assert histories(country.tables(), {"social_security": {}}, START, END) == {}
