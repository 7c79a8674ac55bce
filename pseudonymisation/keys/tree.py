"""The key tree: epoch key K, then vintage, pass, block and field keys.

Every edge is one block of HKDF-Expand over SHA-256 (RFC 5869), that is HMAC-SHA-256 under the parent key with a
label and length-prefixed parts, so that no two paths share an input. A vintage key says nothing about another
vintage, a block's keys nothing about another block.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from contract.errors import KeyCustodyError

KEY_BYTES = 32
_DOMAIN = b"wasl/tree/v1"


class WeakKeyError(KeyCustodyError):
    """A key has less than 256 bits."""

    code = "key.weak"
    default_advice = "Keys come from the ceremony or from the key store, never from typing: make it again there."


def _prefixed(parts: tuple[str | bytes, ...]) -> bytes:
    out = bytearray()
    for part in parts:
        raw = part.encode() if isinstance(part, str) else part
        out += len(raw).to_bytes(4, "big") + raw
    return bytes(out)


def _expansion(label: str, *parts: str | bytes) -> bytes:
    return _DOMAIN + b"\x00" + _prefixed((label, *parts)) + b"\x01"


def derive(key: bytes, label: str, *parts: str | bytes) -> bytes:
    """Return the 32-byte child of a key for a label and parts.

    Raises:
        WeakKeyError: The parent key is shorter than 32 bytes.
    """
    if len(key) < KEY_BYTES:
        raise WeakKeyError(f"A key of {len(key)} bytes is too short: at least {KEY_BYTES} are needed.")
    return hmac.digest(key, _expansion(label, *parts), "sha256")


def epoch_key(shares: Mapping[str, bytes], agreement_id: str, epoch: int) -> bytes:
    """Return K = HKDF(all shares, agreement, epoch): unknown to whoever lacks a single share.

    Args:
        shares: Party name to its 32 random bytes.
        agreement_id: Used as the salt.
        epoch: Key epoch of the agreement.

    Raises:
        WeakKeyError: There is no share, or one is shorter than 32 bytes.
    """
    if not shares or any(len(share) < KEY_BYTES for share in shares.values()):
        raise WeakKeyError(f"Every institution gives a share of at least {KEY_BYTES} bytes.")
    material = b"".join(_prefixed((party, shares[party])) for party in sorted(shares))
    info = b"wasl/epoch-key/v1" + _prefixed((str(epoch),))
    return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=agreement_id.encode(), info=info).derive(material)


def vintage_key(epoch: bytes, vintage: str) -> bytes:
    """Return K_v, under which one vintage of all registers is encoded."""
    return derive(epoch, "vintage", vintage)


def pass_key(vintage: bytes, name: str) -> bytes:
    """Return the key of one blocking pass of a vintage."""
    return derive(vintage, "pass", name)


def block_key(of_pass: bytes, level: int, key_value: str) -> bytes:
    """Return the key of one block: of the rows that share a key value at a level of the pass."""
    return derive(of_pass, "block", str(level), key_value)


def block_token(of_block: bytes) -> int:
    """Return the 64-bit token under which the linkage unit sees the block."""
    return int.from_bytes(derive(of_block, "token")[:8], "little")


def field_key(of_block: bytes, group: str) -> bytes:
    """Return the fresh 128-bit key of one group of fields in one block, for in-block hashing."""
    return derive(of_block, "field", group)[:16]


def field_keys(blocks: Sequence[bytes], group: str) -> npt.NDArray[np.uint64]:
    """Return `field_key` of many blocks at once: uint64[blocks, 2], little-endian halves.

    Raises:
        WeakKeyError: A block key is shorter than 32 bytes.
    """
    if any(len(block) < KEY_BYTES for block in blocks):
        raise WeakKeyError(f"A block key has {KEY_BYTES} bytes.")
    message = _expansion("field", group)
    raw = b"".join([hmac.digest(block, message, "sha256")[:16] for block in blocks])
    return np.frombuffer(raw, dtype="<u8").astype(np.uint64).reshape(-1, 2)
