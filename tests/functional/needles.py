"""Looks for values in bytes, whatever they were dressed in: letter case, UTF-16, hexadecimal, base64, JSON escapes,
Parquet pages, SQLite tables, ZIP members."""

from __future__ import annotations

import base64
import io
import json
import sqlite3
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from html import escape
from pathlib import Path
from urllib.parse import quote

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
    """Texts and keys to look for. Texts are found in any case, keys (bytes) raw, in hexadecimal and in base64."""

    def __init__(self, texts: Mapping[str, str] | None = None, keys: Mapping[str, bytes] | None = None) -> None:
        self.texts = dict(texts or {})
        self._lowered: list[tuple[str, bytes]] = []
        self._exact: list[tuple[str, bytes]] = []
        for name, value in (texts or {}).items():
            self._lowered += [(name, form.lower()) for form in encodings_of(value)]  # as the content is
            for case in {value, value.upper(), value.lower()}:
                self._exact += [(name, form) for form in base64_of(case.encode())]
        for name, raw in (keys or {}).items():
            self._lowered.append((name, raw.hex().encode()))
            self._exact += [(name, form) for form in {raw, *base64_of(raw)}]

    def found_in(self, content: bytes) -> set[str]:
        """Return the names of all that occur in some bytes."""
        lowered = content.lower()
        return {name for name, form in self._lowered if form in lowered} | {
            name for name, form in self._exact if form in content
        }

    def found_in_file(self, path: Path) -> set[str]:
        """Return the names of all that occur in a file: its bytes, and what a reader of its format sees."""
        content = path.read_bytes()
        return self.found_in(content).union(*(self.found_in(part) for part in contents_of(content)))

    def leaks(self, places: Iterable[Path]) -> dict[str, set[str]]:
        """Return file to names found, for all files in and below some places."""
        found = {str(path): self.found_in_file(path) for path in files_in(places)}
        return {path: names for path, names in found.items() if names}


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
                for row in database.execute(f'SELECT * FROM "{name}"'):
                    yield b"\n".join(cell if isinstance(cell, bytes) else str(cell).encode() for cell in row)
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
