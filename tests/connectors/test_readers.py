"""Readers: everything is text, only an empty cell is empty, and faults name their place but never a value."""

from __future__ import annotations

import resource
import sqlite3
from datetime import date, datetime
from pathlib import Path

import polars as pl
import pytest
import xlsxwriter

from connectors.configuration import Source
from connectors.errors import ColumnError, EncodingError, LineTooLongError, RowShapeError, SourceError
from connectors.readers import read_table

ASSETS = Path(__file__).parent / "assets"


def read(name: str, *columns: str, **options: str) -> pl.DataFrame:
    return read_table(Source(path=ASSETS / name, **options), columns).frame


def test_only_an_empty_cell_is_empty() -> None:
    frame = read("people.csv", "NOM", "PRENOM", "DDN", delimiter=";")
    assert frame.get_column("NOM").to_list() == ["Na", "Diallo", "El\nIdrissi"]
    assert frame.get_column("PRENOM").to_list() == ["None", None, "مريم"]
    assert frame.get_column("DDN").to_list() == ["03/04/1984", "31/12/1990", "1984"]


@pytest.mark.parametrize(
    ("name", "encoding", "row", "expected"),
    [
        ("latin1.csv", "windows-1252", 1, "Lefèvre"),
        ("arabic_1256.csv", "windows-1256", 0, "محمد"),
        ("utf16.csv", "utf-16", 0, "a"),
    ],
)
def test_other_encodings(name: str, encoding: str, row: int, expected: str) -> None:
    assert read(name, "NOM", encoding=encoding).get_column("NOM")[row] == expected


def test_a_wrong_encoding_names_row_and_byte() -> None:
    with pytest.raises(EncodingError) as caught:
        read("latin1.csv", "NOM")
    assert caught.value.where == {"file": "latin1.csv", "row": 3, "byte_offset": 21}
    assert "Lef" not in caught.value.diagnostics()


def test_utf16_read_as_latin1_is_noticed() -> None:
    with pytest.raises(EncodingError, match="NUL"):
        read("utf16.csv", "NOM", encoding="latin-1")


def test_a_missing_column_suggests_the_nearest() -> None:
    with pytest.raises(ColumnError, match="Did you mean 'PRENOM'") as caught:
        read("people.csv", "PRENOMS", delimiter=";")
    assert caught.value.where == {"file": "people.csv", "column": "PRENOMS"}


def test_a_doubled_header_is_refused() -> None:
    with pytest.raises(ColumnError, match="twice"):
        read("doubled_header.csv", "NOM")


def test_a_row_of_another_width_is_refused_with_its_number() -> None:
    with pytest.raises(RowShapeError) as caught:
        read("ragged.csv", "NOM")
    assert caught.value.where == {"file": "ragged.csv", "row": 3, "rows_affected": 2}


def test_a_quote_never_closed_is_refused() -> None:
    with pytest.raises(RowShapeError, match="never closed"):
        read("open_quote.csv", "NOM")


@pytest.mark.parametrize("name", ["empty.csv", "missing.csv", "missing.parquet", "missing.xlsx", "people.csv/x.csv"])
def test_what_is_no_table_is_refused(name: str) -> None:
    with pytest.raises(SourceError):
        read(name, "ID")


def test_a_text_file_called_excel_or_parquet_is_refused(tmp_path: Path) -> None:
    for name in ("a.xlsx", "a.parquet"):
        (tmp_path / name).write_text("ID\n1\n")
        with pytest.raises(SourceError):
            read_table(Source(path=tmp_path / name), ["ID"])


def test_an_endless_line_is_refused_in_bounded_memory(tmp_path: Path) -> None:
    path = tmp_path / "long.csv"
    with path.open("wb") as stream:
        stream.write(b"ID,NOM\n1,a\n2,")
        for _ in range(64):
            stream.write(b"x" * (1 << 20))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(LineTooLongError) as caught:
        read_table(Source(path=path), ["NOM"])
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before  # kilobytes
    assert caught.value.where == {"file": "long.csv", "row": 3}
    assert grown < 16_000


def test_parquet_becomes_text(tmp_path: Path) -> None:
    pl.DataFrame(
        {
            "id": [1, 2],
            "year": [1984.0, None],
            "day": [date(2020, 1, 2), None],
            "at": [datetime(2020, 1, 2, 3, 4, 5), None],
            "name": ["Na", ""],
        }
    ).write_parquet(tmp_path / "a.parquet")
    frame = read_table(Source(path=tmp_path / "a.parquet"), ["id", "year", "day", "at", "name"]).frame
    assert frame.rows() == [("1", "1984", "2020-01-02", "2020-01-02T03:04:05", "Na"), ("2", None, None, None, None)]


def test_excel_becomes_text(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    book = xlsxwriter.Workbook(path)
    book.add_worksheet("other")
    sheet = book.add_worksheet("people")
    sheet.write_row(0, 0, ["id", "name", "day", "number"])
    sheet.write_row(1, 0, [1, "None"])
    sheet.write_datetime(1, 2, datetime(2020, 1, 2), book.add_format({"num_format": "yyyy-mm-dd"}))
    sheet.write_string(1, 3, "007")
    book.close()
    frame = read_table(Source(path=path, sheet="people"), ["id", "name", "day", "number"]).frame
    assert frame.rows() == [("1", "None", "2020-01-02", "007")]
    with pytest.raises(SourceError, match="no sheet"):
        read_table(Source(path=path, sheet="nobody"), ["id"])


def test_a_database_table_becomes_text(tmp_path: Path) -> None:
    path = tmp_path / "a.sqlite"
    with sqlite3.connect(path) as connection:
        connection.execute("create table people (id integer, name text, pay real, day date)")
        connection.execute("insert into people values (1, 'Na', 12.0, '2020-01-02'), (2, '', null, null)")
    connection.close()
    source = Source(url=f"sqlite:///{path}", table="people")
    assert read_table(source, ["id", "name", "pay"]).frame.rows() == [("1", "Na", "12"), ("2", None, None)]
    with pytest.raises(ColumnError, match="'name'"):
        read_table(source, ["names"])
    with pytest.raises(SourceError, match="no such table"):
        read_table(Source(url=f"sqlite:///{path}", table="persons"), ["id"])


def test_a_databases_url_is_never_shown() -> None:
    source = Source(url="postgresql+psycopg://wasl:sesame@127.0.0.1:1/none", table="people")
    with pytest.raises(SourceError) as caught:
        read_table(source, ["id"])
    assert "sesame" not in caught.value.diagnostics() + repr(source)
    assert caught.value.__suppress_context__
