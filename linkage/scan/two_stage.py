"""The two-stage scan: a few bits of each code first, the whole of it only where they are near.

The bits are drawn at random, whatever the codes. For a pair at distance h of L bits, the distance on p
bits drawn without replacement is hypergeometric (L, h, p), and the larger h the larger it is
stochastically. So the bound t on the drawn bits with P(X > t | h = H) <= loss passes over every pair
within H with a chance of at most `loss`: the bound holds for any codes, over the drawing of the bits.
"""

from __future__ import annotations

from math import comb
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from numba import njit

from linkage.errors import PatternError
from linkage.scan.exact import checked_range, near_pairs, ordered
from linkage.scan.tiles import Codes, tiled

PREFIX_BITS: Final = 192  # of 1024: fewer let too many pairs through, more cost more than they save
LOSS: Final = 1e-3


def prefix_loss(bits: int, prefix: int, bound: int, short_bound: int) -> float:
    """Return the largest chance that a pair within `bound` of `bits` differs in more than `short_bound` drawn bits."""
    if not 0 <= short_bound <= prefix:
        return float(short_bound < 0)
    return _survival(bits, min(bound, bits), prefix)[short_bound]


def prefix_bound(bits: int, prefix: int, bound: int, loss: float = LOSS) -> int:
    """Return the smallest bound on drawn bits that loses a pair within `bound` with a chance of at most `loss`.

    Raises:
        PatternError: The loss is no probability, or more bits are drawn than there are.
    """
    if not 0 < loss < 1 or not 0 < prefix <= bits:
        raise PatternError("A loss lies between 0 and 1, and no more bits are drawn than there are.")
    return next(at for at, chance in enumerate(_survival(bits, min(bound, bits), prefix)) if chance <= loss)


def _survival(bits: int, differing: int, drawn: int) -> list[float]:
    """Return P(X > t) for t from 0 to `drawn`, X hypergeometric: how many of the differing bits are drawn.

    Sums of whole numbers, rounded once each.
    """
    ways, beyond, found = comb(bits, drawn), 0, []
    for at in range(drawn, -1, -1):
        found.append(beyond / ways)
        beyond += comb(differing, at) * comb(bits - differing, drawn - at)
    return found[::-1]


def drawn_bits(words: npt.NDArray[np.uint64], prefix: int, seed: int) -> npt.NDArray[np.uint64]:
    """Return `prefix` bits of each code (uint64[n, w]), drawn by seed, packed into uint64[n, ceil(prefix / 64)]."""
    places = np.random.default_rng(seed).permutation(64 * words.shape[1])[:prefix]
    return np.asarray(_drawn(np.ascontiguousarray(words), places, -(-prefix // 64)))


@njit(nogil=True, cache=True)
def _drawn(words: Any, places: Any, width: int) -> Any:
    out = np.zeros((words.shape[0], width), dtype=np.uint64)
    for row in range(words.shape[0]):
        for at in range(len(places)):
            bit = words[row, places[at] >> 6] >> np.uint64(places[at] & 63) & np.uint64(1)
            out[row, at >> 6] |= bit << np.uint64(at & 63)
    return out


def scan_two_stage(
    codes: Codes,
    bound: int,
    lo: int = 0,
    hi: int | None = None,
    *,
    prefix: int = PREFIX_BITS,
    loss: float = LOSS,
    seed: int = 1,
) -> npt.NDArray[np.int64]:
    """Return pairs as `exact.scan` does; each is passed over with a chance of at most `loss`.

    Raises:
        PatternError: The range lies outside the codes, or prefix or loss make no sense.
    """
    lo, hi = checked_range(codes, lo, hi)
    if bound < 0 or not len(codes.words):
        return np.empty((0, 3), dtype=np.int64)
    short = drawn_bits(codes.words, prefix, seed)
    short_bound = prefix_bound(codes.bits, prefix, bound, loss)
    words = (0,) * short.shape[1]
    return ordered(near_pairs(words, short, tiled(short), short_bound, codes.words, bound, codes.partners, lo, hi))
