"""1-bit min-hash sketches of constant length (Broder 1997; Li and König 2010): what names are compared by.

A value becomes a set of grams; each of 128 keyed hash functions keeps the lowest bit of its minimum over the set.
Two sketches then agree in a share (1 + J) / 2 of their bits, J the Jaccard index, so J is about
1 - 2 * hamming / 128. Unlike a Bloom filter's, a sketch's weight says nothing about the length of the value.

The 128 functions are the four 16-bit lanes of 32 SipHash-2-4 outputs: function number, the column's tag and gram are
one 7-byte message. Columns that share a key (given and family name) have tags of their own, so that they cannot be
compared, but the first four calls leave the tag out: by those 16 bits (`contract.submission.CROSSWISE_BITS`) swapped
names show.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt
from numba import njit

from pseudonymisation.encoding.prf import sip_word, siphash24_words

SKETCH_BITS: Final = 128
SKETCH_BYTES: Final = SKETCH_BITS // 8
_CALLS: Final = 32  # SipHash calls a gram: four lanes each
_LANE_MASK: Final = np.uint64(0xFFFF)
_SHARED_CALLS: Final = 4  # calls that leave the tag out
_TAG_SHIFT: Final = 42  # a gram has at most 42 bits, a tag the six above, the function's number the five above 48
_GRAM_MASK: Final = np.uint64((1 << _TAG_SHIFT) - 1)
_INDEX_SHIFT: Final = np.uint64(48)
_CODE_POINT_BITS: Final = 21
_PAD: Final = 0
GramKind = Literal["bigrams", "positions"]


def bigrams(value: str) -> list[int]:
    """Return the padded bigrams of a value's space-separated tokens, as integers below 2**42, sorted, each once."""
    found: set[int] = set()
    for token in value.split() or [value]:
        points = [_PAD, *map(ord, token), _PAD]
        found.update((left << _CODE_POINT_BITS) | right for left, right in pairwise(points))
    return sorted(found)


def positions(value: str) -> list[int]:
    """Return a number's characters with their positions from the left, as integers below 2**42."""
    return [(place << _CODE_POINT_BITS) | ord(character) for place, character in enumerate(value)]


def grams(value: str, kind: GramKind) -> list[int]:
    """Return the set that a value is compared by: `bigrams` or `positions`."""
    return bigrams(value) if kind == "bigrams" else positions(value)


def tagged(gram_set: list[int], tag: int) -> list[int]:
    """Return the grams as a column with this tag (0 to 63) hashes them; columns of one tag can be compared in full."""
    return [gram | tag << _TAG_SHIFT for gram in gram_set]


def sketch_twin(key: bytes, gram_set: list[int]) -> bytes:
    """Return the 16-byte sketch of a non-empty set of tagged grams under a 16-byte key: the twin of `sketch_kernel`."""
    numbers = np.arange(_CALLS, dtype=np.uint64) << _INDEX_SHIFT
    words = np.repeat(np.array(gram_set, dtype=np.uint64)[:, None], _CALLS, axis=1)
    words[:, :_SHARED_CALLS] &= _GRAM_MASK
    words |= numbers[None, :]
    hashed = siphash24_words(key, words)
    lanes = [(hashed >> np.uint64(16 * lane)) & _LANE_MASK for lane in range(4)]
    low = np.concatenate([lane.min(axis=0) for lane in lanes]) & np.uint64(1)
    return np.packbits(low.astype(np.uint8), bitorder="little").tobytes()


@njit(nogil=True, cache=True, error_model="numpy")
def sketch_kernel(keys: Any, values: Any, offsets: Any, gram_words: Any) -> Any:
    """Return sketches.

    Args:
        keys: uint64[n, 2], the key of each sketch wanted.
        values: int64[n], which value each is of; every value has at least one gram.
        offsets: int64[v + 1], where each value's grams begin in `gram_words`.
        gram_words: uint64[...], the tagged grams of all values.

    Returns:
        uint8[n, 16].
    """
    out = np.empty((len(values), SKETCH_BYTES), dtype=np.uint8)
    hashed = np.empty(_CALLS, dtype=np.uint64)
    lanes = hashed.view(np.uint16)  # lane l of call n stands at 4 n + l
    least = np.empty(4 * _CALLS, dtype=np.uint16)
    for at in range(len(values)):
        k0, k1 = keys[at, 0], keys[at, 1]
        least[:] = np.uint16(0xFFFF)
        for gram in range(offsets[values[at]], offsets[values[at] + 1]):
            word = gram_words[gram]
            plain = word & _GRAM_MASK
            for number in range(_CALLS):
                message = plain if number < _SHARED_CALLS else word
                hashed[number] = sip_word(k0, k1, message | (np.uint64(number) << _INDEX_SHIFT))
            for place in range(4 * _CALLS):
                least[place] = min(least[place], lanes[place])
        for byte in range(SKETCH_BYTES):
            lane, first = byte // 4, 8 * (byte % 4)
            bits = np.uint8(0)
            for number in range(8):
                bits |= np.uint8((least[4 * (first + number) + lane] & np.uint16(1)) << np.uint16(number))
            out[at, byte] = bits
    return out


def jaccard_estimate(left: npt.NDArray[np.uint8], right: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
    """Return 1 - 2 * hamming / 128 of sketches (uint8[n, 16] each), row by row."""
    distance = np.bitwise_count(left ^ right).sum(axis=1, dtype=np.int64)
    return np.asarray(1.0 - 2.0 * distance / SKETCH_BITS, dtype=np.float64)
