"""Birth dates as registers write them."""

from datetime import date

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pseudonymisation.normalisation import FieldMapping, FieldMappingError
from pseudonymisation.normalisation.date_columns import birth_date_columns, find_style
from pseudonymisation.normalisation.dates import DateStyle, parse_date
from pseudonymisation.normalisation.fields import ColumnReport

LIVING = DateStyle(hijri=True, last_year=2026, first_year=1850)
OLD = DateStyle(last_year=2026)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("1984-05-17", (1984, 5, 17, True)),
        ("19840517", (1984, 5, 17, True)),
        ("17/05/1984", (1984, 5, 17, True)),
        ("17.5.1984", (1984, 5, 17, True)),
        ("17/05/84", (1984, 5, 17, True)),
        ("17 mai 1984", (1984, 5, 17, True)),
        ("17 février 1984", (1984, 2, 17, True)),
        ("1984-05-17T00:00:00", (1984, 5, 17, True)),
        ("1984-05-17 00:00:00", (1984, 5, 17, True)),
        ("١٩٨٤-٠٥-١٧", (1984, 5, 17, True)),
        ("840517", (1984, 5, 17, True)),
        ("240517", (2024, 5, 17, True)),
        ("270517", (1927, 5, 17, True)),
        ("1984", (1984, None, None, True)),
        ("1984-00-00", (1984, None, None, True)),
        ("1984-05-00", (1984, 5, None, True)),
        ("1984-05", (1984, 5, None, True)),
        ("05/1984", (1984, 5, None, True)),
        ("840000", (1984, None, None, True)),
        ("84<<<<", (1984, None, None, True)),
        ("1984-01-01", (1984, None, None, True)),
        ("01/01/1984", (1984, None, None, True)),
        ("00/00/1984", (1984, None, None, True)),
        ("1984-21-01", (1984, None, None, False)),
        ("19840230", (1984, None, None, False)),
        ("19729518", (1972, None, None, False)),
        ("199412O6", (1994, 12, 6, True)),
        ("1994-l2-|6", (1994, 12, 16, True)),
        ("0952-12-03", (None, 12, 3, False)),
        ("2041-05-16", (None, 5, 16, False)),
        ("1700-05-16", (None, 5, 16, False)),
        ("-0044-03-15", (None, 3, 15, False)),
        ("unknown", (None, None, None, False)),
        ("1405", (1985, None, None, True)),
        ("1405-06-15", (1985, 3, 6, True)),
        ("1310", (1893, None, None, True)),
        ("1484-05-17", (None, None, None, False)),
        ("9" * 400, (None, None, None, False)),
    ],
)
def test_a_date_of_a_living_person(text, parts):
    assert tuple(parse_date(text, LIVING)) == parts


def test_in_a_historical_column_a_year_of_the_1400s_is_of_our_era():
    assert tuple(parse_date("1405-06-15", OLD)) == (1405, 6, 15, True)


@pytest.mark.parametrize(
    ("form", "text", "parts"),
    [
        ("%m/%d/%Y", "03/04/1962", (1962, 3, 4)),
        ("%d/%m/%Y", "03/04/1962", (1962, 4, 3)),
        ("%d/%m/%y", "03/04/62", (1962, 4, 3)),
        ("%y%m%d", "620403", (1962, 4, 3)),
        ("%d%m%Y", "03041962", (1962, 4, 3)),
        ("%Y%m%d", "1962", (1962, None, None)),
        ("%d %b %Y", "3 avr. 1962", (1962, 4, 3)),
        ("%Y/%m/%d", "1962/04/03", (1962, 4, 3)),
    ],
)
def test_the_mappings_format_decides(form, text, parts):
    report = ColumnReport()
    out = birth_date_columns(pl.Series([text]), FieldMapping("d", "date", form), 2026, report)
    assert out.row(0) == parts
    assert report.unparsable == 0


@pytest.mark.parametrize("form", ["%H:%M", "%m/%d", "%Y-%Y", "%Y-%j", "%Y %A"])
def test_a_format_that_gives_no_date_is_refused(form):
    with pytest.raises(FieldMappingError) as caught:
        find_style(pl.Series(["1984"]), FieldMapping("born", "date", form), 2026)
    assert caught.value.where == {"column": "born"}


@pytest.mark.parametrize(
    ("texts", "first"),
    [
        (["03/04/1962", "03/25/1970"], (1962, 3, 4)),
        (["03/04/1962", "25/03/1970"], (1962, 4, 3)),
        (["03/04/1962"], (1962, 4, 3)),
        (["03041962", "25031970"], (1962, 4, 3)),
        (["19620403", "19700325"], (1962, 4, 3)),
        (["030462", "250370"], (1962, 4, 3)),
        (["620403", "700325"], (1962, 4, 3)),
    ],
)
def test_the_order_of_a_column_is_found_from_its_values(texts, first):
    out = birth_date_columns(pl.Series(texts), FieldMapping("d", "date"), 2026, ColumnReport())
    assert out.row(0) == first


def test_unparsable_rows_are_listed_by_number_and_missing_ones_are_not():
    report = ColumnReport()
    birth_date_columns(
        pl.Series(["1984-05-17", None, "1984-21-01", "x"]), FieldMapping("d", "date", "%Y-%m-%d"), 2026, report
    )
    assert (report.unparsable, report.unparsable_rows) == (2, [2, 3])


@given(st.dates(min_value=date(1900, 1, 1), max_value=date(2025, 12, 31)))
def test_every_existing_date_survives_each_notation(day):
    wanted = (day.year, None, None) if (day.month, day.day) == (1, 1) else (day.year, day.month, day.day)
    for form in ("%Y-%m-%d", "%Y%m%d", "%d/%m/%Y", "%m/%d/%Y"):
        style = DateStyle(format=form, hijri=True, last_year=2026, first_year=1850)
        assert tuple(parse_date(day.strftime(form), style))[:3] == wanted


@given(st.text(max_size=40))
def test_any_text_gives_a_possible_date_or_none(text):
    year, month, day, _ = parse_date(text, LIVING)
    assert year is None or 1850 <= year <= 2026
    assert month is None or 1 <= month <= 12
    assert day is None or (month is not None and 1 <= day <= 31)
