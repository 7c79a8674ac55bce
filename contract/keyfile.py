"""A file encrypted under a passphrase: how every party keeps its keys at rest.

Argon2id (RFC 9106, the second recommended choice: 64 MiB, 3 passes, 4 lanes) makes the key,
AES-256-GCM encrypts, and the header with salt and cost is authenticated too. Writing is atomic
(temporary file, fsync, rename, fsync of the folder) and leaves mode 0600.
"""

from __future__ import annotations

import contextlib
import os
import struct
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


def write_encrypted(path: Path, plaintext: bytes, passphrase: bytes) -> None:
    """Encrypt bytes under a passphrase and put them at `path`, replacing what is there in one step.

    Raises:
        KeyFileError: The passphrase is shorter than 8 bytes.
        StorageError: The file cannot be written; what was there before is untouched.
    """
    if len(passphrase) < MIN_PASSPHRASE_BYTES:
        raise KeyFileError(
            "The passphrase is too short.", advice=f"Choose one of at least {MIN_PASSPHRASE_BYTES} bytes."
        )
    salt, nonce = os.urandom(16), os.urandom(12)
    header = _HEADER.pack(_MAGIC, salt, _MEMORY_KIB, _PASSES, _LANES, nonce)
    key = _derive(passphrase, salt, _MEMORY_KIB, _PASSES, _LANES)
    _replace(path, header + AESGCM(key).encrypt(nonce, plaintext, header))


def read_encrypted(path: Path, passphrase: bytes) -> bytes:
    """Return the bytes that `write_encrypted` put at `path`.

    Raises:
        KeyFileError: There is no such file, it is damaged, or the passphrase is another one.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise KeyFileError("The key file cannot be read.", where={"file": path.name}) from error
    if len(content) < _HEADER.size or not content.startswith(_MAGIC):
        raise KeyFileError("This is not a key file.", where={"file": path.name})
    header = content[: _HEADER.size]
    _, salt, memory, passes, lanes, nonce = _HEADER.unpack(header)
    if not (0 < passes <= _MAX_PASSES and 0 < lanes <= _MAX_LANES and 8 * lanes <= memory <= _MAX_MEMORY_KIB):
        raise KeyFileError("The key file's header is damaged.", where={"file": path.name})
    try:
        return AESGCM(_derive(passphrase, salt, memory, passes, lanes)).decrypt(nonce, content[_HEADER.size :], header)
    except InvalidTag as error:
        raise KeyFileError(
            "The key file does not open: another passphrase, or a damaged file.", where={"file": path.name}
        ) from error


def _derive(passphrase: bytes, salt: bytes, memory: int, passes: int, lanes: int) -> bytes:
    return Argon2id(salt=salt, length=32, iterations=passes, lanes=lanes, memory_cost=memory).derive(passphrase)


def _replace(path: Path, content: bytes) -> None:
    temporary = path.with_name(f".{path.name}.{os.urandom(6).hex()}.tmp")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise StorageError("The key file cannot be written.", where={"file": path.name}) from error
