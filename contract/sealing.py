"""Sealing: data that only one party can open (HPKE, RFC 9180; AES-256-GCM in chunks).

`seal` is for short messages. `seal_stream` is for files of any size: a fresh file key, itself
sealed, encrypts chunks in the STREAM construction (Hoang, Reyhanitabar, Rogaway, Vizár 2015): the
nonce holds the chunk's number and a last-chunk flag, so that a truncated, reordered or doubled
chunk does not open.
"""

from __future__ import annotations

import os
import struct
from typing import BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from contract.errors import SubmissionError
from contract.signing import decode_bytes, encode_bytes

_SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
_MAGIC = b"WASLSEAL1"
CHUNK_BYTES = 1 << 20
_KEY_BYTES = 32
_SEALED_KEY_BYTES = 32 + _KEY_BYTES + 16
_TAG_BYTES = 16


class SealError(SubmissionError):
    """Sealed data do not open: damaged, cut, or sealed for another party or purpose."""

    code = "seal.broken"
    default_advice = "Ask the sender to seal it again for this party; nothing of it was used."


def sealing_public_text(key: X25519PrivateKey) -> str:
    """Return the public half of a sealing key in its text form (32 bytes, base64)."""
    return encode_bytes(key.public_key().public_bytes_raw())


def seal(public_key: str, plaintext: bytes, info: bytes) -> bytes:
    """Seal a short message for the holder of `public_key`; `info` binds it to its purpose."""
    return _SUITE.encrypt(plaintext, X25519PublicKey.from_public_bytes(decode_bytes(public_key)), info=info)


def unseal(private_key: X25519PrivateKey, sealed: bytes, info: bytes) -> bytes:
    """Open a message sealed by `seal` with the same `info`.

    Raises:
        SealError: It does not open under this key and purpose.
    """
    try:
        return _SUITE.decrypt(sealed, private_key, info=info)
    except (InvalidTag, ValueError) as error:
        raise SealError("A sealed message does not open.") from error


def _nonce(chunk: int, last: bool) -> bytes:
    return struct.pack(">QI", chunk, 1 if last else 0)


def seal_stream(public_key: str, source: BinaryIO, target: BinaryIO, info: bytes) -> None:
    """Seal everything that can be read from `source` and write it to `target`."""
    file_key = AESGCM.generate_key(256)
    target.write(_MAGIC + seal(public_key, file_key, info))
    cipher = AESGCM(file_key)
    number, chunk = 0, source.read(CHUNK_BYTES)
    while True:
        following = source.read(CHUNK_BYTES) if len(chunk) == CHUNK_BYTES else b""
        target.write(cipher.encrypt(_nonce(number, not following), chunk, info))
        if not following:
            return
        number, chunk = number + 1, following


def unseal_stream(private_key: X25519PrivateKey, source: BinaryIO, target: BinaryIO, info: bytes) -> None:
    """Open a stream made by `seal_stream` and write the plain bytes to `target`.

    Raises:
        SealError: Not a sealed stream, cut, altered, or sealed for another party or purpose. What was
            written to `target` before the fault must be thrown away.
    """
    header = source.read(len(_MAGIC) + _SEALED_KEY_BYTES)
    if not header.startswith(_MAGIC):
        raise SealError("This is not a sealed file.")
    cipher = AESGCM(unseal(private_key, header[len(_MAGIC) :], info))
    number, chunk = 0, source.read(CHUNK_BYTES + _TAG_BYTES)
    while True:
        following = source.read(CHUNK_BYTES + _TAG_BYTES)
        try:
            target.write(cipher.decrypt(_nonce(number, not following), chunk, info))
        except (InvalidTag, ValueError) as error:
            raise SealError("A sealed file is damaged or cut.", where={"chunk": number}) from error
        if not following:
            return
        number, chunk = number + 1, following


def random_id() -> str:
    """Return 128 random bits as 32 hexadecimal digits, for identifiers that must carry no meaning."""
    return os.urandom(16).hex()
