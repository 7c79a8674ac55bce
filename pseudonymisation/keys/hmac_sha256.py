"""HMAC-SHA-256 (RFC 2104, FIPS 180-4) of millions of short messages under one key.

`hmac.digest` of the standard library is the reference; tests hold this kernel to it and to RFC 4231. It exists for
the blocks' secrets alone: there is one for nearly every row of every pass, and a library call for each costs seven
times as much. The key is taken in once, so that a short message costs two compressions. No step depends on a message
but by its length.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt
from numba import njit

_BLOCK: Final = 64
_DIGEST: Final = 32
_LENGTH_BYTES: Final = 9  # the bit of padding with its byte, and the length in 64 bits


def _primes(count: int) -> list[int]:
    found: list[int] = []
    number = 2
    while len(found) < count:
        if all(number % prime for prime in found):
            found.append(number)
        number += 1
    return found


def _fraction_bits(prime: int, root: int) -> int:
    """Return the first 32 bits of the fraction of a prime's root, in whole numbers."""
    low, high = 0, 1 << 40
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if middle**root <= prime << (32 * root) else (low, middle - 1)
    return low & 0xFFFFFFFF


_ROUND: Final = np.array([_fraction_bits(prime, 3) for prime in _primes(64)], dtype=np.uint32)
_INITIAL: Final = np.array([_fraction_bits(prime, 2) for prime in _primes(8)], dtype=np.uint32)


@njit(nogil=True, cache=True, inline="always")
def _rotated(word: Any, bits: Any) -> Any:
    return np.uint32((word >> np.uint32(bits)) | (word << np.uint32(32 - bits)))


@njit(nogil=True, cache=True, error_model="numpy")
def _compress(state: Any, words: Any) -> None:
    """Take one block in: `words` (uint32[64], the first 16 filled) into `state` (uint32[8]), both in place."""
    for t in range(16, 64):
        near, far = words[t - 2], words[t - 15]
        small0 = _rotated(far, 7) ^ _rotated(far, 18) ^ (far >> np.uint32(3))
        small1 = _rotated(near, 17) ^ _rotated(near, 19) ^ (near >> np.uint32(10))
        words[t] = np.uint32(words[t - 16] + small0 + words[t - 7] + small1)
    a, b, c, d, e, f, g, h = state[0], state[1], state[2], state[3], state[4], state[5], state[6], state[7]
    for t in range(64):
        large1 = _rotated(e, 6) ^ _rotated(e, 11) ^ _rotated(e, 25)
        one = np.uint32(h + large1 + (g ^ (e & (f ^ g))) + _ROUND[t] + words[t])
        large0 = _rotated(a, 2) ^ _rotated(a, 13) ^ _rotated(a, 22)
        two = np.uint32(large0 + ((a & b) | (c & (a | b))))
        h, g, f, e, d, c, b, a = g, f, e, np.uint32(d + one), c, b, a, np.uint32(one + two)
    state[0] = np.uint32(state[0] + a)
    state[1] = np.uint32(state[1] + b)
    state[2] = np.uint32(state[2] + c)
    state[3] = np.uint32(state[3] + d)
    state[4] = np.uint32(state[4] + e)
    state[5] = np.uint32(state[5] + f)
    state[6] = np.uint32(state[6] + g)
    state[7] = np.uint32(state[7] + h)


@njit(nogil=True, cache=True, error_model="numpy")
def _hmac_kernel(inner: Any, outer: Any, offsets: Any, data: Any, size: Any) -> Any:
    """Return uint8[n, size] of the messages data[offsets[i]:offsets[i + 1]]; inner, outer: uint32[8]."""
    count = len(offsets) - 1
    out = np.empty((count, size), dtype=np.uint8)
    words, state = np.empty(_BLOCK, dtype=np.uint32), np.empty(8, dtype=np.uint32)
    for at in range(count):
        start, length = offsets[at], offsets[at + 1] - offsets[at]
        blocks = (length + _LENGTH_BYTES + _BLOCK - 1) // _BLOCK
        state[:] = inner
        for block in range(blocks):
            for number in range(16):
                word = np.uint32(0)
                for place in range(4):
                    of_message = block * _BLOCK + number * 4 + place
                    byte = np.uint32(0)
                    if of_message < length:
                        byte = np.uint32(data[start + of_message])
                    elif of_message == length:
                        byte = np.uint32(0x80)
                    word = np.uint32((word << np.uint32(8)) | byte)
                words[number] = word
            if block == blocks - 1:
                bits = np.uint64((length + _BLOCK) * 8)
                words[14], words[15] = np.uint32(bits >> np.uint64(32)), np.uint32(bits & np.uint64(0xFFFFFFFF))
            _compress(state, words)
        words[:8] = state
        words[8] = np.uint32(0x80000000)
        words[9:15] = 0
        words[15] = np.uint32((_BLOCK + _DIGEST) * 8)
        state[:] = outer
        _compress(state, words)
        for byte_at in range(size):
            out[at, byte_at] = np.uint8((state[byte_at >> 2] >> np.uint32(24 - 8 * (byte_at & 3))) & np.uint32(0xFF))
    return out


def _keyed(key: bytes, pad: int) -> npt.NDArray[np.uint32]:
    words = np.zeros(_BLOCK, dtype=np.uint32)
    words[:16] = np.frombuffer(bytes(byte ^ pad for byte in key.ljust(_BLOCK, b"\0")), dtype=">u4")
    state = _INITIAL.copy()
    _compress(state, words)
    return state


def hmac_sha256(
    key: bytes, offsets: npt.NDArray[np.int64], data: npt.NDArray[np.uint8], size: int = _DIGEST
) -> npt.NDArray[np.uint8]:
    """Return the first `size` bytes of HMAC-SHA-256 of each message: uint8[n, size].

    Args:
        key: At most 64 bytes: a longer one would have to be hashed first (RFC 2104).
        offsets: int64[n + 1], where each message begins in `data`.
        data: uint8[...], the messages.
        size: Bytes of each digest, at most 32.

    Raises:
        ValueError: The key is longer than a block.
    """
    if len(key) > _BLOCK:
        raise ValueError("an HMAC key longer than a block")
    return np.asarray(_hmac_kernel(_keyed(key, 0x36), _keyed(key, 0x5C), offsets, data, size))
