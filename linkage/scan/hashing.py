"""Locality-sensitive hashing for Hamming distance (Indyk and Motwani 1998): pairs that share drawn bits.

In each of T tables a row's key is k bits drawn without replacement; rows with equal keys are compared.
A pair at distance h of L bits shares a key with probability q = C(L - h, k) / C(L, k), and is found in
T independent tables with 1 - (1 - q)^T.
"""

from __future__ import annotations

from math import comb
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from linkage.errors import PatternError
from linkage.kernels.lanes import popcount64
from linkage.ordering import block_ends
from linkage.scan.exact import ordered
from linkage.scan.tiles import Codes
from linkage.scan.two_stage import drawn_bits

MAX_KEY_BITS = 64


def lsh_recall(bits: int, distance: int, key_bits: int, tables: int) -> float:
    """Return the chance that a pair at a distance is found, over the drawing of the bits."""
    if distance > bits - key_bits:
        return 0.0
    share = comb(bits - distance, key_bits) / comb(bits, key_bits)
    return float(-np.expm1(tables * np.log1p(-min(share, 1 - 1e-16))))


@njit(nogil=True, cache=True)
def _verified(codes: Any, rows: Any, ends: Any, partners: Any, bound: int) -> Any:
    found, kept = np.empty((1 << 10, 3), dtype=np.int64), np.int64(0)
    for at in range(len(rows)):
        for other in range(at + 1, ends[at]):
            i, j = min(rows[at], rows[other]), max(rows[at], rows[other])
            if j < partners[i]:
                continue
            distance = np.uint64(0)
            for word in range(codes.shape[1]):
                distance += popcount64(codes[i, word] ^ codes[j, word])
            if kept == found.shape[0]:
                found = np.concatenate((found, np.empty_like(found)))
            found[kept, 0], found[kept, 1], found[kept, 2] = i, j, np.int64(distance)
            kept += np.int64(distance) <= bound
    return found[:kept]


def hamming_lsh(codes: Codes, bound: int, *, key_bits: int, tables: int, seed: int = 1) -> npt.NDArray[np.int64]:
    """Return pairs within `bound` that share a key in some table, as `exact.scan` does: each once, sorted.

    Raises:
        PatternError: A key has no bits or more than 64, or there is no table.
    """
    if not 0 < key_bits <= min(MAX_KEY_BITS, codes.bits) or tables < 1:
        raise PatternError(f"A key has 1 to {MAX_KEY_BITS} bits, and there is at least one table.")
    found = [np.empty((0, 3), dtype=np.int64)]
    for table in range(tables):
        keys = drawn_bits(codes.words, key_bits, seed * 1_000_003 + table)[:, 0]
        rows = np.argsort(keys, kind="stable")
        pairs = _verified(codes.words, rows, block_ends(keys[rows]), codes.partners, bound)
        found.append(np.unique(np.concatenate([found.pop(), pairs]), axis=0))
    return ordered(found[0])
