"""Bad input: a typed error that names the place and never the value, or an account of what was left out."""

from datetime import date

import polars as pl
import pytest

from contract.errors import InputError
from tests.trajectories.builders import WINDOW, linked, person
from trajectories.channels import build_channels
from trajectories.persons import birth_years
from trajectories.tables import LinkedRegisters, Preset, Window

GOOD = linked(
    person(
        crossings="in 2020-02-01",
        permits=[("2020-01-01", "2020-12-31")],
        contracts=[("2020-01-01", "2020-12-31")],
        months="2020-05",
    ),
    person(crossings="in 2020-02-02", months="2020-06"),
)
FAULTS = [
    ("border_crossing", "crossed_at", "2020-02-31"),
    ("border_crossing", "crossed_at", "2020-02-01T25:00:00"),
    ("border_crossing", "crossed_at", "01/02/2020"),
    ("border_crossing", "direction", "sideways"),
    ("residence_permit", "valid_from", "2020-13-01"),
    ("residence_permit", "valid_to", "soon"),
    ("residence_permit", "withdrawn_on", "20200101"),
    ("work_contract", "start", "2020-1-1"),
    ("work_contract", "end", "2021-02-29"),
    ("social_security", "period", "2020-13"),
    ("social_security", "days", "twenty"),
    ("social_security", "days", "-3"),
]


def with_fault(register: str, column: str, value: str, invalid: str) -> LinkedRegisters:
    frame = GOOD.events[register]
    last = pl.int_range(pl.len()) == pl.len() - 1
    broken = frame.with_columns(pl.when(last).then(pl.lit(value)).otherwise(column).alias(column))
    return LinkedRegisters(GOOD.records, {**GOOD.events, register: broken}, invalid=invalid)  # type: ignore[arg-type]


@pytest.mark.parametrize(("register", "column", "value"), FAULTS)
def test_a_malformed_value_is_an_error_at_its_place(register: str, column: str, value: str) -> None:
    with pytest.raises(InputError) as caught:
        build_channels(with_fault(register, column, value, "error"), WINDOW)
    assert caught.value.where == {"register": register, "row": GOOD.events[register].height, "column": column}
    assert value not in caught.value.diagnostics()


@pytest.mark.parametrize(("register", "column", "value"), FAULTS)
def test_or_it_is_skipped_and_counted(register: str, column: str, value: str) -> None:
    losses = build_channels(with_fault(register, column, value, "skip"), WINDOW).losses
    assert (register, column, "invalid", 1) in losses.rows()


def test_partly_known_and_empty_values_and_unlinked_rows_are_counted() -> None:
    events = {
        "border_crossing": pl.DataFrame(
            {
                "record": ["r0", "r0", "r0", "elsewhere", None],
                "crossed_at": ["2020", "2020-05-00", " ", "2020-05-01", "2020-05-01"],
                "direction": ["entry"] * 5,
            }
        )
    }
    assert build_channels(LinkedRegisters(GOOD.records, events), WINDOW).losses.rows() == [
        ("border_crossing", "crossed_at", "empty", 1),
        ("border_crossing", "crossed_at", "partly known", 2),
        ("border_crossing", "record", "no link", 2),
    ]


def test_a_missing_optional_column_is_counted() -> None:
    permits = GOOD.events["residence_permit"].drop("withdrawn_on")
    losses = build_channels(LinkedRegisters(GOOD.records, {"residence_permit": permits}), WINDOW).losses
    assert losses.rows() == [("residence_permit", "withdrawn_on", "no such column", 1)]


@pytest.mark.parametrize(
    ("register", "column"), [("border_crossing", "crossed_at"), ("work_contract", "decision"), ("placement", "record")]
)
def test_a_missing_column_is_named(register: str, column: str) -> None:
    with pytest.raises(InputError) as caught:
        LinkedRegisters(GOOD.records, {register: GOOD.events[register].drop(column)})
    assert caught.value.where == {"table": register, "column": column}


def test_records_are_checked() -> None:
    with pytest.raises(InputError, match="missing"):
        LinkedRegisters(GOOD.records.drop("sex"))
    with pytest.raises(InputError, match="text"):
        LinkedRegisters(GOOD.records.with_columns(nationality=pl.lit(7)))
    with pytest.raises(InputError, match="whole numbers"):
        LinkedRegisters(GOOD.records.with_columns(birth_year=pl.lit("1980")))
    with pytest.raises(InputError, match="twice") as caught:
        LinkedRegisters(pl.concat([GOOD.records, GOOD.records.head(1)]))
    assert caught.value.where == {"table": "records", "row": 1, "column": "record"}
    with pytest.raises(InputError, match="no register"):
        LinkedRegisters(GOOD.records, {"census": GOOD.records})


def test_windows_and_presets_are_checked() -> None:
    with pytest.raises(InputError, match="empty"):
        Window(date(2020, 1, 1), date(2020, 1, 1))
    with pytest.raises(InputError, match="bridged"):
        Preset("own", permit_gap_days=-1)
    with pytest.raises(InputError, match="no register"):
        Preset("own", register_windows=(("census", WINDOW),))


@pytest.mark.parametrize(
    ("text", "year"),
    [
        ("1984", 1984),
        ("1984-00-00", 1984),
        (" 1984-05-17 ", 1984),
        ("840517", 1984),
        ("230101", 2023),
        ("240101", 1924),
        ("1984-13-01", None),
        ("1984-01-32", None),
        ("1899", None),
        ("2024", None),
        ("198", None),
        ("", None),
        (None, None),
    ],
)
def test_birth_years_as_registers_write_them(text: str | None, year: int | None) -> None:
    assert birth_years(pl.Series([text], dtype=pl.String), 2023).to_list() == [year]
