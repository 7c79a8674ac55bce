"""Looks for values in bytes, whatever they were dressed in: letter case, UTF-16, hexadecimal, base64, JSON escapes,
Parquet pages, SQLite tables, ZIP members."""

from __future__ import annotations

import base64
import io
import json
import sqlite3
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape
from pathlib import Path
from urllib.parse import quote

import polars as pl
import pyarrow.parquet as pq

#: Shorter values would be found by chance in random bytes.
SHORTEST = 7


def encodings_of(value: str) -> set[bytes]:
    """Return the forms in which a text would be found, in lower case where case does not matter."""
    assert len(value) >= SHORTEST, "a needle this short proves nothing"
    lowered = value.lower()
    found = {lowered.encode(form) for form in ("utf-8", "utf-16-le", "utf-16-be")}
    found |= {json.dumps(lowered)[1:-1].encode(), quote(lowered).lower().encode(), escape(lowered).encode()}
    for case in {value, value.upper(), lowered}:
        found |= {case.encode().hex().encode(), case.encode("utf-16-le").hex().encode()}
    return found


def base64_of(raw: bytes) -> set[bytes]:
    """Return the base64 of some bytes at each of the three places where it may begin, both alphabets."""
    found = set()
    for before in range(3):
        whole = base64.b64encode(b"\0" * before + raw)
        first, last = (0, 2, 3)[before], (before + len(raw)) * 8 // 6
        part = whole[first:last]
        found |= {part, part.translate(bytes.maketrans(b"+/", b"-_"))}
    return found


class Needles:
    """Texts and keys to look for. Texts are found in any case, keys (bytes) raw, in hexadecimal and in base64.

    All forms are looked for in one pass (Aho-Corasick), bytes being read as Latin-1 so that each is one character.
    """

    def __init__(self, texts: Mapping[str, str] | None = None, keys: Mapping[str, bytes] | None = None) -> None:
        self.texts = dict(texts or {})
        self._lowered: dict[str, set[str]] = {}
        self._exact: dict[str, set[str]] = {}
        for name, value in self.texts.items():
            self._add(self._lowered, name, {form.lower() for form in encodings_of(value)})  # as the content is
            cases = {value, value.upper(), value.lower()}
            self._add(self._exact, name, set().union(*(base64_of(case.encode()) for case in cases)))
        for name, raw in (keys or {}).items():
            self._add(self._lowered, name, {raw.hex().encode()})
            self._add(self._exact, name, {raw, *base64_of(raw)})

    def _add(self, forms: dict[str, set[str]], name: str, found: set[bytes]) -> None:
        for form in found:
            forms.setdefault(form.decode("latin-1"), set()).add(name)

    def found_in(self, *contents: bytes) -> set[str]:
        """Return the names of all that occur in some contents, each looked at by itself."""
        return self.leaks({"": contents}).get("", set())

    def leaks(self, files: Mapping[str, Sequence[bytes]]) -> dict[str, set[str]]:
        """Return file to names found, for files as `read_files` gives them."""
        owners = [name for name, parts in files.items() for _ in parts]
        contents = [part for parts in files.values() for part in parts]
        found: dict[str, set[str]] = {}
        for forms, parts in ((self._exact, contents), (self._lowered, [content.lower() for content in contents])):
            texts = pl.Series([part.decode("latin-1") for part in parts], dtype=pl.String)
            matched = texts.str.extract_many(list(forms), overlapping=True).to_list()
            for owner, seen in zip(owners, matched, strict=True):
                for form in seen:
                    found.setdefault(owner, set()).update(forms[form])
        return found


def read_files(places: Iterable[Path]) -> dict[str, list[bytes]]:
    """Return the contents of all files in and below some places: the bytes, and what a reader of the format sees."""
    found = {}
    for path in files_in(places):
        content = path.read_bytes()
        found[str(path)] = [content, *contents_of(content)]
    return found


def files_in(places: Iterable[Path]) -> Iterator[Path]:
    """Yield all files in and below some places."""
    for place in places:
        yield from sorted(path for path in [place, *place.rglob("*")] if path.is_file())


def contents_of(content: bytes) -> Iterator[bytes]:
    """Yield what lies inside a file of a known format: every table as text, every member of an archive."""
    if content[:4] == b"PAR1":
        table = pq.read_table(io.BytesIO(content))
        yield repr([table.schema.names, table.schema.metadata]).encode()
        for column in table.columns:
            values = column.to_pylist()
            yield "\n".join(str(value) for value in values).encode()
            yield b"\n".join(value for value in values if isinstance(value, bytes))
    elif content[:16] == b"SQLite format 3\0":
        with sqlite3.connect(":memory:") as database:
            database.deserialize(_without_wal(content))
            for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
                rows = database.execute(f'SELECT * FROM "{name}"').fetchall()
                cells = (cell if isinstance(cell, bytes) else str(cell).encode() for row in rows for cell in row)
                yield b"\n".join(cells)
        database.close()
    elif content[:4] == b"PK\x03\x04":
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for name in archive.namelist():
                member = archive.read(name)
                yield member
                yield from contents_of(member)


def _without_wal(content: bytes) -> bytes:
    """Return a database's bytes as those of one without write-ahead log (format numbers 1): it is opened alone."""
    return content[:18] + b"\x01\x01" + content[20:]
