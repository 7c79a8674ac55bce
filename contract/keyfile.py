"""A file encrypted under a passphrase: how every party keeps its keys at rest.

Argon2id (RFC 9106, the second recommended choice: 64 MiB, 3 passes, 4 lanes) makes the key,
AES-256-GCM encrypts, and the header with salt and cost is authenticated too. Writing is atomic
(temporary file, fsync, rename, fsync of the folder) and leaves mode 0600.
"""

from __future__ import annotations

import contextlib
import os
import struct
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from contract.errors import KeyCustodyError, StorageError

_MAGIC = b"WASLKEY1"
_HEADER = struct.Struct(">8s16sIII12s")  # magic, salt, memory in KiB, passes, lanes, nonce
_MEMORY_KIB, _PASSES, _LANES = 64 * 1024, 3, 4
_MAX_MEMORY_KIB, _MAX_PASSES, _MAX_LANES = 1024 * 1024, 16, 16  # a forged header must not exhaust the machine
MIN_PASSPHRASE_BYTES = 8


class KeyFileError(KeyCustodyError):
    """An encrypted file is missing, damaged, or does not open under this passphrase."""

    code = "key.file"
    default_advice = "Check the passphrase and restore the file from its backup if it is damaged."


@dataclass(frozen=True)
class FileKey:
    """The key of one encrypted file: derived once from the passphrase, then kept while the file is open.

    Each writing takes a fresh random nonce of 96 bits; one key serves far fewer than the 2**32 writings that
    NIST SP 800-38D allows. Argon2id costs about a quarter of a second: not a price for every writing.
    """

    salt: bytes
    memory_kib: int
    passes: int
    lanes: int
    _key: bytes = field(repr=False)

    @classmethod
    def make(cls, passphrase: bytes) -> FileKey:
        """Derive a key under a fresh salt and the present cost.

        Raises:
            KeyFileError: The passphrase is shorter than 8 bytes.
        """
        if len(passphrase) < MIN_PASSPHRASE_BYTES:
            raise KeyFileError(
                "The passphrase is too short.", advice=f"Choose one of at least {MIN_PASSPHRASE_BYTES} bytes."
            )
        salt = os.urandom(16)
        return cls(salt, *_present_cost(), _derive(passphrase, salt, *_present_cost()))

    @property
    def current(self) -> bool:
        """Whether the key was made at the present cost; a file of another cost should be written anew."""
        return (self.memory_kib, self.passes, self.lanes) == _present_cost()

    def write(self, path: Path, plaintext: bytes, *, wipe: bool = False) -> None:
        """Encrypt bytes and put them at `path`, replacing what is there in one step.

        Args:
            path: The file.
            plaintext: What it shall hold.
            wipe: Overwrite the bytes of the file that was replaced, as when a key is destroyed.

        Raises:
            StorageError: The file cannot be written; what was there before is untouched.
        """
        nonce = os.urandom(12)
        header = _HEADER.pack(_MAGIC, self.salt, self.memory_kib, self.passes, self.lanes, nonce)
        _replace(path, header + AESGCM(self._key).encrypt(nonce, plaintext, header), wipe=wipe)

    def read(self, path: Path) -> bytes:
        """Return the bytes at `path` as another process may have written them under this key.

        Raises:
            KeyFileError: There is no such file, it is damaged, or its passphrase was changed.
        """
        header, sealed, salt, cost = _parts(path)
        if (salt, cost) != (self.salt, (self.memory_kib, self.passes, self.lanes)):
            raise KeyFileError(
                "The key file was written under another passphrase meanwhile.",
                advice="Run the command again with the new passphrase.",
                where={"file": path.name},
            )
        return _opened(self._key, header, sealed, path)


def write_encrypted(path: Path, plaintext: bytes, passphrase: bytes) -> None:
    """Encrypt bytes under a passphrase and put them at `path`, replacing what is there in one step.

    Raises:
        KeyFileError: The passphrase is shorter than 8 bytes.
        StorageError: The file cannot be written; what was there before is untouched.
    """
    FileKey.make(passphrase).write(path, plaintext)


def read_encrypted(path: Path, passphrase: bytes) -> bytes:
    """Return the bytes that `write_encrypted` put at `path`. Raises as `unlock`."""
    return unlock(path, passphrase)[0]


def unlock(path: Path, passphrase: bytes) -> tuple[bytes, FileKey]:
    """Return the bytes at `path` and the key that they are encrypted under.

    Raises:
        KeyFileError: There is no such file, it is damaged, or the passphrase is another one.
    """
    header, sealed, salt, cost = _parts(path)
    key = FileKey(salt, *cost, _derive(passphrase, salt, *cost))
    return _opened(key._key, header, sealed, path), key


def _parts(path: Path) -> tuple[bytes, bytes, bytes, tuple[int, int, int]]:
    """Return header, ciphertext, salt and cost of a key file."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise KeyFileError("The key file cannot be read.", where={"file": path.name}) from error
    if len(content) < _HEADER.size or not content.startswith(_MAGIC):
        raise KeyFileError("This is not a key file.", where={"file": path.name})
    header = content[: _HEADER.size]
    _, salt, memory, passes, lanes, _ = _HEADER.unpack(header)
    if not (0 < passes <= _MAX_PASSES and 0 < lanes <= _MAX_LANES and 8 * lanes <= memory <= _MAX_MEMORY_KIB):
        raise KeyFileError("The key file's header is damaged.", where={"file": path.name})
    return header, content[_HEADER.size :], salt, (memory, passes, lanes)


def _opened(key: bytes, header: bytes, sealed: bytes, path: Path) -> bytes:
    nonce = _HEADER.unpack(header)[-1]
    try:
        return AESGCM(key).decrypt(nonce, sealed, header)
    except InvalidTag as error:
        raise KeyFileError(
            "The key file does not open: another passphrase, or a damaged file.", where={"file": path.name}
        ) from error


def _present_cost() -> tuple[int, int, int]:
    return _MEMORY_KIB, _PASSES, _LANES


def _derive(passphrase: bytes, salt: bytes, memory: int, passes: int, lanes: int) -> bytes:
    return Argon2id(salt=salt, length=32, iterations=passes, lanes=lanes, memory_cost=memory).derive(passphrase)


def _wipe_leftovers(path: Path) -> None:
    """Overwrite and delete what a process that was killed while it wrote this file left beside it."""
    for leftover in sorted(path.parent.glob(f".{path.name}.*.tmp")):
        with leftover.open("r+b") as file:
            file.write(os.urandom(os.fstat(file.fileno()).st_size))
            file.flush()
            os.fsync(file.fileno())
        leftover.unlink()


def _replace(path: Path, content: bytes, *, wipe: bool) -> None:
    temporary = path.with_name(f".{path.name}.{os.urandom(6).hex()}.tmp")
    try:
        if wipe:
            _wipe_leftovers(path)
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        with contextlib.ExitStack() as stack:
            replaced = stack.enter_context(path.open("r+b")) if wipe and path.exists() else None
            temporary.replace(path)
            if replaced is not None:  # its name is gone, its bytes are not
                replaced.write(os.urandom(os.fstat(replaced.fileno()).st_size))
                replaced.flush()
                os.fsync(replaced.fileno())
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise StorageError("The key file cannot be written.", where={"file": path.name}) from error
