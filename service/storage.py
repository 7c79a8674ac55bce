"""Content-addressed store of immutable files: a file's name is the SHA-256 of its content.

Written as temporary file, fsync, rename, fsync of the folder: an object is there whole or not at
all, and putting it twice is harmless. Every reading checks the digest first.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from contract.errors import IntegrityError, NotFoundError, StorageError

_BLOCK = 1 << 20


class ContentStore:
    """One folder of objects, in 256 subfolders by the first byte of their digest."""

    def __init__(self, folder: Path, *, mode: int = 0o750) -> None:
        self.folder = folder
        self._temporary = folder / "incoming"
        with _storage_errors():
            self._temporary.mkdir(parents=True, exist_ok=True)
            folder.chmod(mode)
            for leftover in self._temporary.iterdir():  # of a process that was killed while writing
                leftover.unlink()

    def path(self, digest: str) -> Path:
        """Return where an object of this digest lies, whether it is there or not."""
        if len(digest) != 64 or not set(digest) <= set("0123456789abcdef"):
            raise NotFoundError("That is no digest.")
        return self.folder / digest[:2] / digest

    def put(self, source: BinaryIO) -> tuple[str, int]:
        """Store everything that can be read from `source`; return its digest and size in bytes.

        Raises:
            StorageError: The disk is full or does not take it; nothing of it remains.
        """
        hasher, size = hashlib.sha256(), 0
        with _storage_errors():
            descriptor, name = tempfile.mkstemp(dir=self._temporary)
            temporary = Path(name)
            try:
                with os.fdopen(descriptor, "wb") as target:
                    while block := source.read(_BLOCK):
                        hasher.update(block)
                        size += len(block)
                        target.write(block)
                    target.flush()
                    os.fsync(target.fileno())
                digest = hasher.hexdigest()
                path = self.path(digest)
                path.parent.mkdir(exist_ok=True)
                temporary.replace(path)
                fsync_folder(path.parent)
                fsync_folder(self.folder)
            except BaseException:
                with contextlib.suppress(OSError):
                    temporary.unlink()
                raise
        return digest, size

    def put_file(self, path: Path) -> tuple[str, int]:
        """Store a copy of a file; return its digest and size in bytes.

        Raises:
            StorageError: It cannot be read, or the disk does not take it.
        """
        with _storage_errors(), path.open("rb") as source:
            return self.put(source)

    def has(self, digest: str) -> bool:
        """Say whether an object is there."""
        return self.path(digest).is_file()

    def open(self, digest: str) -> BinaryIO:
        """Open an object for reading, after its content was checked against its digest.

        Raises:
            NotFoundError: There is no such object.
            IntegrityError: Its content has changed.
            StorageError: It cannot be read.
        """
        return self.checked_path(digest).open("rb")

    def checked_path(self, digest: str) -> Path:
        """Return the path of an object, after its content was checked. Errors as `open`."""
        path = self.path(digest)
        if not path.is_file():
            raise NotFoundError("There is no such object in the store.", where={"object": digest})
        if file_digest(path) != digest:
            raise IntegrityError("A stored object has changed.", where={"object": digest})
        return path

    def delete(self, digest: str) -> bool:
        """Delete an object for good; say whether it was there. The caller records it in the audit log.

        Raises:
            StorageError: The disk refuses; the object may still be there.
        """
        path = self.path(digest)
        with _storage_errors():
            try:
                path.unlink()
            except FileNotFoundError:
                return False
            fsync_folder(path.parent)
        return True

    def digests(self) -> Iterator[str]:
        """Yield the digests of all objects, in order."""
        for folder in sorted(entry for entry in self.folder.iterdir() if len(entry.name) == 2):
            yield from sorted(entry.name for entry in folder.iterdir())


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file as 64 hexadecimal digits.

    Raises:
        StorageError: It cannot be read.
    """
    with _storage_errors(), path.open("rb") as source:
        return hashlib.file_digest(source, "sha256").hexdigest()


def fsync_folder(folder: Path) -> None:
    """Make a folder's entries survive a power loss."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def temporary_folder(parent: Path) -> Iterator[Path]:
    """Give a folder (mode 0700) for work with plain data, deleted at the end whatever happens.

    Raises:
        StorageError: It cannot be made.
    """
    with _storage_errors():
        parent.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(dir=parent))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def _storage_errors() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StorageError("The disk does not take or give the data.") from error
