"""The key tree: epoch key K, then vintage, pass, block and field keys.

Every edge down to the passes is one block of HKDF-Expand over SHA-256 (RFC 5869), that is HMAC-SHA-256 under the
parent key with a label and length-prefixed parts, so that no two paths share an input. There are millions of blocks: a
block's secret is HMAC-SHA-256 of its key value, cut to 128 bits; its token and its field keys are AES-256 of that
secret under the pass's key of that purpose, which takes one call for all blocks. A vintage key says nothing about
another vintage, a block's keys nothing about another block.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Mapping

import numpy as np
import numpy.typing as npt
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from contract.errors import KeyCustodyError
from pseudonymisation.keys.hmac_sha256 import hmac_sha256

KEY_BYTES = 32
BLOCK_SECRET_BYTES = 16
BlockSecrets = npt.NDArray[np.uint8]
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


def derive(key: bytes, label: str, *parts: str | bytes) -> bytes:
    """Return the 32-byte child of a key for a label and parts.

    Raises:
        WeakKeyError: The parent key is shorter than 32 bytes.
    """
    if len(key) < KEY_BYTES:
        raise WeakKeyError(f"A key of {len(key)} bytes is too short: at least {KEY_BYTES} are needed.")
    return hmac.digest(key, _DOMAIN + b"\x00" + _prefixed((label, *parts)) + b"\x01", "sha256")


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


def block_secrets(of_pass: bytes, level: int, key_values: Iterable[str]) -> BlockSecrets:
    """Return the 128-bit secret of each block, that is of each key value at a level of a pass: uint8[n, 16].

    Raises:
        WeakKeyError: The pass key is shorter than 32 bytes.
    """
    parent = derive(of_pass, "blocks", str(level))
    raw = [value.encode() for value in key_values]
    offsets = np.zeros(len(raw) + 1, dtype=np.int64)
    np.cumsum([len(value) for value in raw], out=offsets[1:])
    return hmac_sha256(parent, offsets, np.frombuffer(b"".join(raw), dtype=np.uint8), BLOCK_SECRET_BYTES)


def block_tokens(of_pass: bytes, secrets: BlockSecrets) -> npt.NDArray[np.uint64]:
    """Return the 64-bit tokens under which the linkage unit sees blocks: uint64[n]."""
    return np.ascontiguousarray(_permuted(derive(of_pass, "token"), secrets)[:, 0])


def field_keys(of_pass: bytes, group: str, secrets: BlockSecrets) -> npt.NDArray[np.uint64]:
    """Return the fresh 128-bit key of a group of fields in each block: uint64[n, 2], little-endian halves.

    Without the block's secret, the pass's key of the group is of no use to compare two blocks.
    """
    return _permuted(derive(of_pass, "field", group), secrets)


def _permuted(key: bytes, secrets: BlockSecrets) -> npt.NDArray[np.uint64]:
    """Return AES-256 of each 16-byte secret: a PRF on distinct inputs, far below 2**64 of them."""
    # single blocks of distinct random inputs: nothing that a mode of operation would hide
    cipher = Cipher(algorithms.AES256(key), modes.ECB()).encryptor()  # noqa: S305
    out = cipher.update(np.ascontiguousarray(secrets).tobytes()) + cipher.finalize()
    return np.frombuffer(out, dtype="<u8").astype(np.uint64).reshape(-1, 2)
