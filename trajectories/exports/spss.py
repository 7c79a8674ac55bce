"""SPSS system files (.sav), uncompressed, little-endian, UTF-8: the same table, the same bytes.

Source: PSPP project, System file format (PSPP developers' guide, chapter "System File Format"). Text becomes A#, of at
most 255 bytes; numbers and booleans F; dates EDATE (seconds since 14 October 1582); everything missing is the system
missing value or the empty text. Codes have value labels: those of text up to 8 bytes in records 3 and 4, of longer text
in record 7, subtype 21.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping
from datetime import date
from typing import Final

import numpy as np
import polars as pl

from contract.errors import InputError

_SYSMIS: Final = -1.7976931348623157e308
_HIGHEST: Final = 1.7976931348623157e308
_LOWEST: Final = math.nextafter(_SYSMIS, 0.0)  # the lowest number that is not the missing value
_EPOCH_DAYS: Final = (date(1970, 1, 1) - date(1582, 10, 14)).days
_LONGEST: Final = 255
_LONGEST_LABEL: Final = 120
_RESERVED: Final = frozenset(["ALL", "AND", "BY", "EQ", "GE", "GT", "LE", "LT", "NE", "NOT", "OR", "TO", "WITH"])
_TRUTH: Final = {"0": "no", "1": "yes"}
_FORMATS: Final = {"text": 1, "number": 5, "date": 38}


def spss_bytes(
    table: pl.DataFrame,
    label: str,
    labels: Mapping[str, str] | None = None,
    codes: Mapping[str, Mapping[str, str]] | None = None,
) -> bytes:
    """Return a table as an SPSS file.

    Args:
        table: Text, numbers, booleans and dates.
        label: Of the data set, at most 64 bytes are kept.
        labels: Of variables, by column name; at most 255 bytes are kept.
        codes: Value labels, by column name and value as text; at most 120 bytes are kept. Booleans have no and yes.

    Raises:
        InputError: A column's type or name, or the length of a text, has no place in the format, or two columns would
            have the same name.
    """
    described = labels or {}
    made = [_column(table[name]) for name in table.columns]
    names = [_name(column) for column in table.columns]
    if len({name.upper() for name in names}) != len(names):
        raise InputError("Two columns have the same name in SPSS's alphabet.")
    records, long_names = [], []
    for number, (name, (kind, width, _)) in enumerate(zip(table.columns, made, strict=True)):
        short = f"V{number + 1}"
        long_names.append(f"{short}={names[number]}")
        records.append(_variable(short, kind, width, described.get(name, "")))
    segments = sum(max(1, -(-width // 8)) for _, width, _ in made)
    short_labels, long_labels = _value_labels(table, names, [width for _, width, _ in made], codes or {})
    fields = np.dtype([(f"f{n}", data.dtype) for n, (_, _, data) in enumerate(made)])
    rows = np.empty(table.height, dtype=fields)
    for n, (_, _, data) in enumerate(made):
        rows[f"f{n}"] = data
    header = (
        b"$FL2"
        + b"@(#) SPSS DATA FILE wasl".ljust(60)
        + struct.pack("<iiiii", 2, segments, 0, 0, table.height)
        + struct.pack("<d", 100.0)
        + b"01 Jan 70"
        + b"00:00:00"
        + _fitted(label, 64)
        + bytes(3)
    )
    extensions = [
        _extension(3, 4, struct.pack("<8i", 1, 0, 0, -1, 1, 1, 2, 65001)),
        _extension(4, 8, struct.pack("<3d", _SYSMIS, _HIGHEST, _LOWEST)),
        _extension(13, 1, "\t".join(long_names).encode()),
        _extension(20, 1, b"UTF-8"),
        *([_extension(21, 1, long_labels)] if long_labels else []),
    ]
    return b"".join([header, *records, short_labels, *extensions, struct.pack("<ii", 999, 0), rows.tobytes()])


def _variable(short: str, kind: str, width: int, label: str) -> bytes:
    shown = {"number": 12, "date": 10}.get(kind, width)
    form = struct.pack("<BBBB", 4 if kind == "number" else 0, shown, _FORMATS[kind], 0)
    text = _cut(label, 255)
    made = struct.pack("<iiii", 2, width, 1 if text else 0, 0) + form + form + short.encode().ljust(8)
    if text:
        made += struct.pack("<i", len(text)) + text.ljust(-(-len(text) // 4) * 4)
    # A text longer than eight bytes takes further slots.
    blank = struct.pack("<iiii", 2, -1, 0, 0) + bytes(8) + b" " * 8
    return made + blank * (max(1, -(-width // 8)) - 1)


def _extension(subtype: int, size: int, content: bytes) -> bytes:
    return struct.pack("<iiii", 7, subtype, size, len(content) // size) + content


def _value_labels(
    table: pl.DataFrame, names: list[str], widths: list[int], codes: Mapping[str, Mapping[str, str]]
) -> tuple[bytes, bytes]:
    """Return records 3 and 4 of numbers and short texts, and the content of record 7.21 of long ones."""
    short, long, place = b"", b"", 1
    for column, name, width in zip(table.columns, names, widths, strict=True):
        truth = _TRUTH if table[column].dtype == pl.Boolean else {}
        # A code longer than the column is in no row.
        own = {key: text for key, text in codes.get(column, truth).items() if not width or len(key.encode()) <= width}
        texts = [_cut(text, _LONGEST_LABEL) for text in own.values()]
        if own and width > 8:
            entries = [
                struct.pack("<i", width) + _fitted(key, width) + struct.pack("<i", len(text)) + text
                for key, text in zip(own, texts, strict=True)
            ]
            long += (
                struct.pack("<i", len(name)) + name.encode() + struct.pack("<ii", width, len(own)) + b"".join(entries)
            )
        elif own:
            keys = [_fitted(key, 8) if width else struct.pack("<d", float(key)) for key in own]
            entries = [
                key + bytes([len(text)]) + text.ljust(-(-(len(text) + 1) // 8) * 8 - 1)
                for key, text in zip(keys, texts, strict=True)
            ]
            short += struct.pack("<ii", 3, len(own)) + b"".join(entries) + struct.pack("<iii", 4, 1, place)
        place += max(1, -(-width // 8))
    return short, long


def _cut(text: str, width: int) -> bytes:
    """Return at most so many bytes of a text, whole characters."""
    return text.encode()[:width].decode(errors="ignore").encode()


def _fitted(text: str, width: int) -> bytes:
    return _cut(text, width).ljust(width)


def _name(column: str) -> str:
    name = "".join(letter if letter.isascii() and (letter.isalnum() or letter == "_") else "_" for letter in column)
    name = name if name[:1].isalpha() and name.upper() not in _RESERVED else f"V_{name}"
    if len(name) > 64:
        raise InputError("A column's name is too long for an SPSS file.", where={"column": column})
    return name


def _column(values: pl.Series) -> tuple[str, int, np.ndarray[tuple[int], np.dtype[np.void]]]:
    """Return a column's kind, width (0 for numbers) and data."""
    data: np.ndarray[tuple[int], np.dtype[np.void]]
    if values.dtype == pl.String:
        raw = [text.encode() for text in values.fill_null("")]
        width = max((len(text) for text in raw), default=1) or 1
        if width > _LONGEST:
            raise InputError("A text is too long for an SPSS file.", where={"column": values.name})
        slot = -(-width // 8) * 8
        data = np.array([text.ljust(slot) for text in raw], dtype=f"S{slot}")
        return "text", width, data
    if values.dtype == pl.Date:
        seconds = (values.cast(pl.Int64) + _EPOCH_DAYS).cast(pl.Float64) * 86400.0
        return "date", 0, seconds.fill_null(_SYSMIS).to_numpy().astype("<f8")
    if values.dtype.is_numeric() or values.dtype == pl.Boolean:
        numbers = values.cast(pl.Float64).fill_nan(None).fill_null(_SYSMIS)
        return "number", 0, numbers.to_numpy().astype("<f8")
    raise InputError("A column's type has no place in an SPSS file.", where={"column": values.name})
