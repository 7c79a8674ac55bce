"""Files that arrive in chunks: appended at an offset, on disk before it is acknowledged.

The database says how much has arrived for good; what a killed process wrote beyond that is cut off
by the next chunk.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from weakref import WeakValueDictionary

from contract.errors import ConflictError, StorageError
from service.storage import fsync_folder


class OffsetError(ConflictError):
    """A chunk does not start where the last one ended; `where` names the offset to go on from."""

    code = "upload.offset"
    default_advice = "Go on from the offset named."


class _Lock:
    def __init__(self) -> None:
        self.lock = threading.Lock()


_locks: WeakValueDictionary[str, _Lock] = WeakValueDictionary()
_locks_lock = threading.Lock()


@contextmanager
def one_at_a_time(name: str) -> Iterator[None]:
    """Let only one thread of this process work on the upload of this name."""
    with _locks_lock:
        held = _locks.get(name)
        if held is None:
            held = _locks[name] = _Lock()
    with held.lock:
        yield


def arrived(path: Path, recorded: int) -> int:
    """Return how much of a file is really there, at most what was recorded."""
    try:
        return min(recorded, path.stat().st_size)
    except FileNotFoundError:
        return 0


def write_chunk(path: Path, offset: int, chunk: bytes) -> int:
    """Write a chunk at an offset, cut what stands beyond, and return the new offset once it is on disk.

    Raises:
        StorageError: The disk does not take it; the file is as long as before or will be cut.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        new = not path.exists()
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        with os.fdopen(descriptor, "r+b") as file:
            file.truncate(offset)
            file.seek(offset)
            file.write(chunk)
            file.flush()
            os.fsync(file.fileno())
        if new:
            fsync_folder(path.parent)
    except OSError as error:
        raise StorageError("The disk does not take the upload.") from error
    return offset + len(chunk)
