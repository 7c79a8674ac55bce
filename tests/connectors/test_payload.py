"""The payload: coarsened as the agreement says, in memory, and sealed."""

from __future__ import annotations

import zipfile

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.errors import ConnectorConfigurationError
from connectors.payload import (
    check_payload_columns,
    coarsen,
    events_table,
    ordered_days,
    random_refs,
    records_table,
    statistics_half,
)
from connectors.times import iso_times
from contract.agreement import PayloadColumn, RegisterTerms
from pseudonymisation.randomness import SystemRandomness

KEY = b"k" * 32


def texts(*values: str | None) -> pl.Series:
    return pl.Series("c", values, dtype=pl.String)


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ("keep", ["2019-04-03T10:11:12", "2019-04", None]),
        ("date", ["2019-04-03", "2019-04", None]),
        ("month", ["2019-04", "2019-04", None]),
        ("year", ["2019", "2019", None]),
    ],
)
def test_times_are_cut(how: str, expected: list[str | None]) -> None:
    terms = PayloadColumn.model_validate({"column": "c", "coarsen": how})
    assert coarsen(texts("2019-04-03T10:11:12", "2019-04", None), terms, KEY).to_list() == expected


def test_amounts_fall_into_bands() -> None:
    terms = PayloadColumn(column="c", coarsen="band", width=500)
    made = coarsen(texts("3560", "499.9", "500", "-1", "n/a", None), terms, KEY)
    assert made.to_list() == [3500, 0, 500, -500, None, None]


@given(st.integers(0, 10**9), st.integers(1, 10**6))
def test_a_band_holds_its_amount(amount: int, width: int) -> None:
    edge = coarsen(texts(str(amount)), PayloadColumn(column="c", coarsen="band", width=width), KEY)[0]
    assert edge <= amount < edge + width
    assert edge % width == 0


def test_top_and_bottom_codes_come_before_the_band() -> None:
    terms = PayloadColumn(column="c", coarsen="band", width=1, least=0, most=1)
    assert coarsen(texts("26", "1", "0", "-3", None), terms, KEY).to_list() == [1, 1, 0, 0, None]


@given(st.integers(0, 10**9), st.integers(1, 10**6))
def test_bands_double(amount: int, width: int) -> None:
    edge = coarsen(texts(str(amount)), PayloadColumn(column="c", coarsen="doubling", width=width), KEY)[0]
    if amount < width:
        assert edge == 0
    else:
        assert edge <= amount < 2 * edge
        assert (edge // width).bit_count() == 1


def test_doubling_bands_stop_at_the_top_code() -> None:
    terms = PayloadColumn(column="c", coarsen="doubling", width=3000, most=12000)
    made = coarsen(texts("2999", "3000", "11999.9", "12000", "90000", "x", None), terms, KEY)
    assert made.to_list() == [0, 3000, 6000, 12000, 12000, None, None]


def test_years_are_banded_and_the_young_keep_theirs() -> None:
    terms = PayloadColumn(column="c", coarsen="year", width=5, least=1940, exact_from=2000)
    made = coarsen(texts("1984-05-00", "1999", "2003-01-01", "1931", None), terms, KEY)
    assert made.to_list() == ["1980", "1995", "2003", "1940", None]


def test_a_code_is_cut_to_its_first_characters() -> None:
    assert coarsen(texts("3115", " 9", None), PayloadColumn(column="c", coarsen="prefix", width=1), KEY).to_list() == [
        "3",
        "9",
        None,
    ]


def test_pseudonyms_are_keyed_and_stable() -> None:
    terms = PayloadColumn(column="c", coarsen="pseudonym")
    made = coarsen(texts("3622101", "3622102", "3622101", None), terms, KEY)
    assert made[0] == made[2] != made[1]
    assert made[3] is None
    assert coarsen(texts("3622101"), terms, b"l" * 32)[0] != made[0]
    assert coarsen(texts("3622101"), PayloadColumn(column="d", coarsen="pseudonym"), KEY)[0] != made[0]


TERMS = RegisterTerms(
    name="r",
    holder="h",
    fields=("family_name",),
    attributes=(
        PayloadColumn(column="birth_date", coarsen="year"),
        PayloadColumn(column="nationality"),
        PayloadColumn(column="education"),
    ),
    events=(PayloadColumn(column="crossed_at", coarsen="date"), PayloadColumn(column="direction")),
)


def test_records_hold_references_and_agreed_columns_only() -> None:
    mapped = pl.DataFrame({"record_id": ["CANARY1", "CANARY2"], "family_name": ["x", "y"], "nationality": ["FR", "SN"]})
    identities = pl.DataFrame(
        {"birth_year": [1984, None], "birth_month": [5, None], "birth_day": [None, None], "nationality": ["FRA", "SEN"]}
    )
    made = records_table(TERMS, mapped, identities, ["s1", "s2"], ["b", "a"], KEY)
    assert made.columns == ["subject_ref", "record_ref", "birth_date", "nationality", "education"]
    assert made.rows() == [("s2", "a", None, "SEN", None), ("s1", "b", "1984", "FRA", None)]


def test_events_follow_their_records_reference() -> None:
    events = pl.DataFrame({"record_id": ["2", "1"], "crossed_at": ["2019-04-03T10:11:12", None]})
    made = events_table(TERMS, events, {"1": "b", "2": "a"}, KEY)
    assert made.rows() == [("a", "2019-04-03", None), ("b", None, None)]
    assert events_table(TERMS, None, {}, KEY).columns == ["record_ref", "crossed_at", "direction"]


def test_events_of_one_day_keep_their_order_and_lose_their_hours() -> None:
    times = ["2019-04-03T18:20:00", "2019-04-03T07:05:00", "2019-04-03T07:05:00", "2019-04-04T01:00:00", None]
    made = ordered_days(pl.Series("crossed_at", times), pl.Series(["s", "s", "t", "s", "s"]))
    assert made.to_list() == ["2019-04-03T00:00:01", "2019-04-03", "2019-04-03", "2019-04-04", None]


def test_the_order_of_a_day_is_kept_over_the_records_of_a_subject() -> None:
    events = pl.DataFrame(
        {
            "record_id": ["1", "2"],
            "crossed_at": ["2019-04-03T18:20:00", "2019-04-03T07:05:00"],
            "direction": ["entry", "exit"],
        }
    )
    made = events_table(TERMS, events, {"1": "a", "2": "b"}, KEY, {"1": "s", "2": "s"})
    assert made.rows() == [("a", "2019-04-03T00:00:01", "entry"), ("b", "2019-04-03", "exit")]


def test_the_half_is_a_stored_zip_of_three_tables() -> None:
    frame = pl.DataFrame({"a": [1]})
    with zipfile.ZipFile(statistics_half(frame, frame, frame)) as archive:
        assert archive.namelist() == ["handles.parquet", "records.parquet", "events.parquet"]
        assert all(entry.compress_type == zipfile.ZIP_STORED for entry in archive.infolist())


def test_terms_that_cannot_be_meant_are_refused() -> None:
    doubled = TERMS.model_copy(update={"events": (PayloadColumn(column="a"), PayloadColumn(column="a"))})
    widthless = TERMS.model_copy(update={"events": (PayloadColumn(column="a", coarsen="band"),)})
    negative = TERMS.model_copy(update={"events": (PayloadColumn(column="a", coarsen="band", width=-5),)})
    for terms in (doubled, widthless, negative):
        with pytest.raises(ConnectorConfigurationError):
            check_payload_columns(terms)


def test_references_do_not_repeat() -> None:
    made = random_refs(1000, SystemRandomness())
    assert len(set(made)) == 1000
    assert all(len(one) == 32 for one in made)


@pytest.mark.parametrize(
    ("value", "form", "expected"),
    [
        ("03/04/2019", "%d/%m/%Y", "2019-04-03"),
        ("03/04/2019 10:11", "%d/%m/%Y %H:%M", "2019-04-03T10:11:00"),
        ("201904", "%Y%m", "2019-04"),
        ("31/02/2019", "%d/%m/%Y", None),
        ("2019-04-03 10:11:12", None, "2019-04-03T10:11:12"),
        ("2019-04", None, "2019-04"),
        ("2019-00-00", None, "2019-00-00"),
        ("2019-02-31", None, None),
        ("3 avril", None, None),
    ],
)
def test_event_times_become_iso(value: str, form: str | None, expected: str | None) -> None:
    assert iso_times(texts(value), form).to_list() == [expected]
