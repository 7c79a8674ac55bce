"""The search that the canary test rests on finds what it is meant to find."""

from __future__ import annotations

import base64
import io
import json
import sqlite3
import zipfile
from pathlib import Path

import polars as pl
import pytest

from tests.functional.needles import Needles, read_files

VALUE = "Quetzalworthington"
ARABIC = "قطزلورثنغطون"
KEY = bytes(range(7, 39))


@pytest.mark.parametrize(
    "content",
    [
        VALUE.encode(),
        VALUE.upper().encode(),
        VALUE.encode("utf-16-le"),
        VALUE.encode("utf-16-be"),
        VALUE.encode().hex().encode(),
        VALUE.upper().encode().hex().upper().encode(),
        base64.b64encode(VALUE.encode()),
        base64.b64encode(b"x" + VALUE.encode() + b"yz"),
        base64.urlsafe_b64encode(b"xy" + VALUE.lower().encode()),
    ],
)
def test_a_text_in_any_dress(content: bytes) -> None:
    needles = Needles({"name": VALUE})
    assert needles.found_in(b"before " + content + b" after") == {"name"}
    assert needles.found_in(b"before " + content[:5] + b" after") == set()


@pytest.mark.parametrize("content", [ARABIC.encode(), json.dumps(ARABIC).encode(), ARABIC.encode("utf-16-le")])
def test_arabic(content: bytes) -> None:
    assert Needles({"name": ARABIC}).found_in(content) == {"name"}


@pytest.mark.parametrize(
    "content", [KEY, KEY.hex().encode(), KEY.hex().upper().encode(), base64.urlsafe_b64encode(b"a" + KEY)]
)
def test_a_key(content: bytes) -> None:
    assert Needles(keys={"key": KEY}).found_in(b"{" + content + b"}") == {"key"}


def test_inside_files(tmp_path: Path) -> None:
    frame = pl.DataFrame({"a": ["x"] * 500 + [VALUE], "b": [b"-"] * 500 + [KEY]})
    parquet = io.BytesIO()
    frame.write_parquet(parquet, compression="zstd", statistics=False)
    (tmp_path / "object").write_bytes(parquet.getvalue())
    with zipfile.ZipFile(tmp_path / "archive", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("inner", parquet.getvalue())
    database = sqlite3.connect(tmp_path / "base")
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("CREATE TABLE t (a TEXT, b BLOB)")
    # longer than a page: in the file's bytes it is cut in two somewhere
    database.execute("INSERT INTO t VALUES (?, ?)", ("x" * 4070 + VALUE + "y" * 9000, KEY))
    database.commit()
    database.close()
    (tmp_path / "empty").write_bytes(b"nothing")
    found = Needles({"name": VALUE}, {"key": KEY}).leaks(read_files([tmp_path]))
    assert found == {str(tmp_path / name): {"name", "key"} for name in ("object", "archive", "base")}
