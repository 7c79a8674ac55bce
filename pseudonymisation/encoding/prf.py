"""Keyed hashing inside a block: SipHash-2-4 (Aumasson and Bernstein 2012) under fresh 128-bit keys.

`siphash24` is the reference twin in plain Python, `siphash24_words` the NumPy twin for the 7-byte messages of the
sketches, the `@njit` functions what runs. Tests hold all of them to the authors' vectors and to each other.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt
from numba import njit

_MASK: Final = (1 << 64) - 1
_INIT: Final = (0x736F6D6570736575, 0x646F72616E646F6D, 0x6C7967656E657261, 0x7465646279746573)
_V0, _V1, _V2, _V3 = (np.uint64(word) for word in _INIT)
_FINAL: Final = np.uint64(0xFF)
#: A word message has 7 bytes: with the length byte it fills one block exactly.
WORD_BITS: Final = 56
_WORD_LENGTH: Final = np.uint64(7 << WORD_BITS)


def siphash24(key: bytes, message: bytes) -> int:
    """Return SipHash-2-4 of a message under a 16-byte key, as the paper defines it."""
    k0, k1 = int.from_bytes(key[:8], "little"), int.from_bytes(key[8:16], "little")
    v = [word ^ half for word, half in zip(_INIT, (k0, k1, k0, k1), strict=True)]

    def rotate(word: int, bits: int) -> int:
        return ((word << bits) | (word >> (64 - bits))) & _MASK

    def rounds(count: int) -> None:
        for _ in range(count):
            v[0], v[2] = (v[0] + v[1]) & _MASK, (v[2] + v[3]) & _MASK
            v[1], v[3] = rotate(v[1], 13) ^ v[0], rotate(v[3], 16) ^ v[2]
            v[0] = rotate(v[0], 32)
            v[2], v[0] = (v[2] + v[1]) & _MASK, (v[0] + v[3]) & _MASK
            v[1], v[3] = rotate(v[1], 17) ^ v[2], rotate(v[3], 21) ^ v[0]
            v[2] = rotate(v[2], 32)

    padded = message + bytes(7 - len(message) % 8) + bytes([len(message) & 0xFF])
    for start in range(0, len(padded), 8):
        word = int.from_bytes(padded[start : start + 8], "little")
        v[3] ^= word
        rounds(2)
        v[0] ^= word
    v[2] ^= 0xFF
    rounds(4)
    return v[0] ^ v[1] ^ v[2] ^ v[3]


def siphash24_words(key: bytes, words: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """Return SipHash-2-4 of 7-byte little-endian messages, elementwise (uint64 in, uint64 out)."""
    k0, k1 = np.frombuffer(key[:16], dtype="<u8")
    message = words | _WORD_LENGTH
    v0, v1 = np.full_like(words, _V0 ^ k0), np.full_like(words, _V1 ^ k1)
    v2, v3 = np.full_like(words, _V2 ^ k0), np.full_like(words, _V3 ^ k1) ^ message
    for turn in range(6):
        if turn == 2:
            v0, v2 = v0 ^ message, v2 ^ _FINAL
        v0, v2 = v0 + v1, v2 + v3
        v1, v3 = _rotate_array(v1, 13) ^ v0, _rotate_array(v3, 16) ^ v2
        v0 = _rotate_array(v0, 32)
        v2, v0 = v2 + v1, v0 + v3
        v1, v3 = _rotate_array(v1, 17) ^ v2, _rotate_array(v3, 21) ^ v0
        v2 = _rotate_array(v2, 32)
    return v0 ^ v1 ^ v2 ^ v3


def _rotate_array(words: npt.NDArray[np.uint64], bits: int) -> npt.NDArray[np.uint64]:
    return (words << np.uint64(bits)) | (words >> np.uint64(64 - bits))


@njit(nogil=True, cache=True, inline="always")
def sip_round(v0: Any, v1: Any, v2: Any, v3: Any) -> Any:
    """Return the state after one SipRound."""
    v0 += v1
    v2 += v3
    v1 = ((v1 << np.uint64(13)) | (v1 >> np.uint64(51))) ^ v0
    v3 = ((v3 << np.uint64(16)) | (v3 >> np.uint64(48))) ^ v2
    v0 = (v0 << np.uint64(32)) | (v0 >> np.uint64(32))
    v2 += v1
    v0 += v3
    v1 = ((v1 << np.uint64(17)) | (v1 >> np.uint64(47))) ^ v2
    v3 = ((v3 << np.uint64(21)) | (v3 >> np.uint64(43))) ^ v0
    v2 = (v2 << np.uint64(32)) | (v2 >> np.uint64(32))
    return v0, v1, v2, v3


@njit(nogil=True, cache=True, inline="always")
def sip_word(k0: Any, k1: Any, word: Any) -> Any:
    """Return SipHash-2-4 of one 7-byte message given as a uint64 below 2**56."""
    message = word | _WORD_LENGTH
    v0, v1, v2, v3 = k0 ^ _V0, k1 ^ _V1, k0 ^ _V2, k1 ^ _V3 ^ message
    v0, v1, v2, v3 = sip_round(v0, v1, v2, v3)
    v0, v1, v2, v3 = sip_round(v0, v1, v2, v3)
    v0 ^= message
    v2 ^= _FINAL
    v0, v1, v2, v3 = sip_round(v0, v1, v2, v3)
    v0, v1, v2, v3 = sip_round(v0, v1, v2, v3)
    v0, v1, v2, v3 = sip_round(v0, v1, v2, v3)
    v0, v1, v2, v3 = sip_round(v0, v1, v2, v3)
    return v0 ^ v1 ^ v2 ^ v3


@njit(nogil=True, cache=True)
def sip_bytes(k0: Any, k1: Any, data: Any, start: Any, stop: Any) -> Any:
    """Return SipHash-2-4 of data[start:stop] (uint8 array)."""
    v0, v1, v2, v3 = k0 ^ _V0, k1 ^ _V1, k0 ^ _V2, k1 ^ _V3
    length = stop - start
    for block in range(length // 8 + 1):
        word = np.uint64(0)
        for place in range(8):
            at = start + block * 8 + place
            if at < stop:
                word |= np.uint64(data[at]) << np.uint64(8 * place)
        if block == length // 8:
            word |= np.uint64(length & 0xFF) << np.uint64(WORD_BITS)
        v3 ^= word
        v0, v1, v2, v3 = sip_round(v0, v1, v2, v3)
        v0, v1, v2, v3 = sip_round(v0, v1, v2, v3)
        v0 ^= word
    v2 ^= _FINAL
    for _ in range(4):
        v0, v1, v2, v3 = sip_round(v0, v1, v2, v3)
    return v0 ^ v1 ^ v2 ^ v3


@njit(nogil=True, cache=True)
def keyed_tokens(keys: Any, values: Any, offsets: Any, data: Any) -> Any:
    """Return the 32-bit keyed tokens of values.

    Args:
        keys: uint64[n, 2], the key of each token wanted.
        values: int64[n], which value each is of.
        offsets: int64[v + 1], where each value's bytes begin in `data`.
        data: uint8[...], the UTF-8 bytes of all values.

    Returns:
        uint32[n]: low half of SipHash-2-4 of the value's bytes.
    """
    out = np.empty(len(values), dtype=np.uint32)
    for at in range(len(values)):
        value = values[at]
        full = sip_bytes(keys[at, 0], keys[at, 1], data, offsets[value], offsets[value + 1])
        out[at] = np.uint32(full & np.uint64(0xFFFFFFFF))
    return out
