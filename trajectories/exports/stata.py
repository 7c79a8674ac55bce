"""Stata files: release 118 (Stata 14 and later), little-endian, without a time stamp: the same table, the same bytes.

Source: StataCorp, File formats .dta, release 118 (help dta_118). Text becomes str#, numbers double, booleans byte with
the value labels no and yes, dates daily dates (`%td`, days since 1960-01-01), everything missing `.` or the empty text.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Mapping
from datetime import date
from typing import Final

import numpy as np
import polars as pl

from contract.errors import InputError

_EPOCH: Final = (date(1960, 1, 1) - date(1970, 1, 1)).days
_MISSING: Final = struct.unpack("<d", bytes.fromhex("000000000000e07f"))[0]
_DOUBLE: Final = 65526
_BYTE: Final = 65530
_MISSING_BYTE: Final = 101
_LONGEST: Final = 2045
_NAME: Final = 32
_RESERVED: Final = {"_all", "_b", "_coef", "_cons", "_n", "_N", "_pi", "_pred", "_rc", "_skip"} | {
    *("byte", "double", "float", "if", "in", "int", "long", "strL", "using", "with")
}
_TRUTH: Final = {"0": "no", "1": "yes"}


def stata_bytes(
    table: pl.DataFrame,
    label: str,
    labels: Mapping[str, str] | None = None,
    codes: Mapping[str, Mapping[str, str]] | None = None,
) -> bytes:
    """Return a table as a Stata file.

    Args:
        table: Text, numbers, booleans and dates.
        label: Of the data set, at most 80 characters are kept.
        labels: Of variables, by column name; at most 80 characters are kept.
        codes: Value labels, by column name and value as text, of booleans and whole numbers below 2^31. Stata has none
            for text; a text column keeps its codes.

    Raises:
        InputError: A column's type or name, or the length of a text, has no place in the format, or two columns would
            have the same name.
    """
    columns = [_column(table[name]) for name in table.columns]
    names = [_name(name) for name in table.columns]
    if len({*names}) != len(names):
        raise InputError("Two columns have the same name in Stata's alphabet.")
    types = [kind for kind, _, _ in columns]
    fields = np.dtype([(f"f{n}", data.dtype) for n, (_, _, data) in enumerate(columns)])
    rows = np.empty(table.height, dtype=fields)
    for n, (_, _, data) in enumerate(columns):
        rows[f"f{n}"] = data
    title = label[:80].encode()
    header = (
        b"<header><release>118</release><byteorder>LSF</byteorder><K>"
        + struct.pack("<H", len(names))
        + b"</K><N>"
        + struct.pack("<Q", table.height)
        + b"</N><label>"
        + struct.pack("<H", len(title))
        + title
        + b"</label><timestamp>\0</timestamp></header>"
    )
    described = labels or {}
    named = [_value_labels(table[column], (codes or {}).get(column)) for column in table.columns]
    sections = [
        _section("variable_types", struct.pack(f"<{len(types)}H", *types)),
        _section("varnames", b"".join(_padded(name, 129) for name in names)),
        _section("sortlist", bytes(2 * (len(names) + 1))),
        _section("formats", b"".join(_padded(form, 57) for _, form, _ in columns)),
        _section(
            "value_label_names",
            b"".join(_padded(name if own else "", 129) for name, own in zip(names, named, strict=True)),
        ),
        _section("variable_labels", b"".join(_padded(described.get(name, "")[:80], 321) for name in table.columns)),
        _section("characteristics", b""),
        _section("data", rows.tobytes()),
        _section("strls", b""),
        _section("value_labels", b"".join(_labelled(*pair) for pair in zip(names, named, strict=True) if pair[1])),
    ]
    start, end = b"<stata_dta>", b"</stata_dta>"
    offsets = [0, len(start) + len(header)]
    at = offsets[1] + len(_section("map", bytes(8 * 14)))
    for section in sections:
        offsets.append(at)
        at += len(section)
    offsets += [at, at + len(end)]
    return b"".join([start, header, _section("map", struct.pack("<14Q", *offsets)), *sections, end])


def _section(name: str, content: bytes) -> bytes:
    return f"<{name}>".encode() + content + f"</{name}>".encode()


def _value_labels(values: pl.Series, codes: Mapping[str, str] | None) -> dict[int, str]:
    if values.dtype == pl.Boolean:
        return {int(code): text for code, text in (codes or _TRUTH).items()}
    return {int(code): text for code, text in (codes or {}).items()} if values.dtype.is_integer() else {}


def _labelled(name: str, codes: dict[int, str]) -> bytes:
    texts = [text.encode() + b"\0" for text in codes.values()]
    places = [sum(map(len, texts[:n])) for n in range(len(texts))]
    length = sum(map(len, texts))
    table = struct.pack(f"<ii{len(codes)}i{len(codes)}i", len(codes), length, *places, *codes) + b"".join(texts)
    return b"<lbl>" + struct.pack("<i", len(table)) + _padded(name, 129) + bytes(3) + table + b"</lbl>"


def _padded(text: str, width: int) -> bytes:
    raw = text.encode()
    if len(raw) >= width:
        raise InputError("A name or label is too long for a Stata file.")
    return raw.ljust(width, b"\0")


def _name(column: str) -> str:
    name = "".join(letter if letter.isascii() and (letter.isalnum() or letter == "_") else "_" for letter in column)
    name = name if name[:1].isalpha() or name[:1] == "_" else f"_{name}"
    name = f"_{name}" if name in _RESERVED or re.fullmatch(r"str\d+", name) else name
    if len(name) > _NAME:
        raise InputError("A column's name is too long for a Stata file.", where={"column": column})
    return name


def _column(values: pl.Series) -> tuple[int, str, np.ndarray[tuple[int], np.dtype[np.void]]]:
    """Return a column's type code, display format and data."""
    data: np.ndarray[tuple[int], np.dtype[np.void]]
    if values.dtype == pl.String:
        raw = [text.encode() for text in values.fill_null("")]
        width = max((len(text) for text in raw), default=1) or 1
        if width > _LONGEST:
            raise InputError("A text is too long for a Stata file.", where={"column": values.name})
        data = np.array(raw, dtype=f"S{width}")
        return width, f"%{min(width, 244)}s", data
    if values.dtype == pl.Date:
        days = (values.cast(pl.Int32) - _EPOCH).cast(pl.Float64)
        return _DOUBLE, "%td", days.fill_null(_MISSING).to_numpy().astype("<f8")
    if values.dtype == pl.Boolean:
        return _BYTE, "%8.0g", values.cast(pl.Int8).fill_null(_MISSING_BYTE).to_numpy().astype("i1")
    if values.dtype.is_numeric():
        numbers = values.cast(pl.Float64).fill_nan(None).fill_null(_MISSING)
        return _DOUBLE, "%10.0g", numbers.to_numpy().astype("<f8")
    raise InputError("A column's type has no place in a Stata file.", where={"column": values.name})
