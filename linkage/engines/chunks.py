"""Chunk files: Arrow tables that are whole or not there, and say so themselves.

A file is the table in Arrow's file format and 32 bytes of SHA-256 over it. It is written under another name and
renamed, so that a killed worker leaves no half of one; whatever happens to it later, a machine that stops before the
disk has it all included, shows when it is read, and the chunk is made again.
"""

from __future__ import annotations

import hashlib
import secrets
from pathlib import Path
from typing import Final

import pyarrow as pa

from linkage.errors import ChunkError

_DIGEST: Final = 32


def write_chunk(path: Path, table: pa.Table) -> None:
    """Write a table; atomic, and may be done twice."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    content = sink.getvalue()
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f"{path.name}.{secrets.token_hex(8)}.part")
    try:
        with aside.open("xb") as file:
            file.write(content)
            file.write(hashlib.sha256(content).digest())
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)


def read_chunk(path: Path) -> pa.Table:
    """Return the table of a chunk file.

    Raises:
        ChunkError: It is not there, or not what was written.
    """
    try:
        with pa.memory_map(str(path)) as source:
            content = source.read_buffer()
    except (OSError, pa.ArrowInvalid) as error:
        raise ChunkError("A chunk file is missing or does not read.", where={"file": path.name}) from error
    body = content.slice(0, max(len(content) - _DIGEST, 0))
    if len(content) <= _DIGEST or hashlib.sha256(body).digest() != content.slice(len(body)).to_pybytes():
        raise ChunkError("A chunk file is not what was written.", where={"file": path.name})
    return pa.ipc.open_file(body).read_all()


def sound(path: Path) -> bool:
    """Tell whether a chunk file is there and whole."""
    if not path.exists():
        return False
    try:
        read_chunk(path)
    except ChunkError:
        return False
    return True
