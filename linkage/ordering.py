"""The order of a pass's rows: by block, register, handle; and which of them are compared with any other."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt
from numba import njit

_SHORT_RUN: Final = 64  # rows of a block that are sorted by insertion
_MIX: Final = 0x9E3779B97F4A7C15  # golden ratio, 2**64 / phi: spreads block tokens over the buckets
_BUCKETS: Final = 4  # a row: about a fifth of the rows without a partner share a bucket by chance

_plain: Any = njit(nogil=True, cache=True)


def block_ends(block: npt.NDArray[np.uint64]) -> npt.NDArray[np.int64]:
    """Return for each row of sorted blocks (uint64[n]) the end (exclusive) of its block, int64[n]."""
    changes = np.flatnonzero(block[1:] != block[:-1]) + 1
    bounds = np.concatenate([changes, [len(block)]]).astype(np.int64)
    return np.repeat(bounds, np.diff(np.concatenate([[0], bounds])))


def sorted_rows(
    block: npt.NDArray[np.uint64], register: npt.NDArray[np.uint16], handle: npt.NDArray[np.uint64]
) -> npt.NDArray[np.int64]:
    """Return the order (int64[n]) of rows by block, register, handle.

    Blocks are short and their tokens random, so that NumPy's vector sort by block and an insertion sort
    inside each block take a third of the time of a sort by three keys.
    """
    order = np.argsort(block).astype(np.int64, copy=False)
    if _sort_runs(block[order], register, handle, order):
        return order
    return np.lexsort((handle, register, block)).astype(np.int64, copy=False)


def partnered_rows(
    block: npt.NDArray[np.uint64],
    register: npt.NDArray[np.uint16],
    handle: npt.NDArray[np.uint64],
    many: npt.NDArray[np.bool_],
) -> npt.NDArray[np.int64]:
    """Return the rows (int64[k]) that are compared with any other, in the order of `sorted_rows`.

    Most rows of a capped pass stand alone in their block. Two walks over a table of buckets find almost all of
    those, so that few rows are left to sort.

    Args:
        block: uint64[n].
        register: uint16[n], places in the plan's registers.
        handle: uint64[n].
        many: bool[R], whether a register's own rows are compared with each other.
    """
    bits = max(int(_BUCKETS * len(block) - 1).bit_length(), 1)
    small = np.uint8 if len(many) < np.iinfo(np.uint8).max - 1 else np.uint16
    buckets = np.zeros(1 << bits, dtype=small)
    rows = _not_alone(block, register, many, buckets, np.uint64(64 - bits), np.iinfo(small).max)
    order = rows[sorted_rows(block[rows], register[rows], handle[rows])]
    return np.asarray(order[_with_partner(block[order], register[order], many)])


@_plain
def _not_alone(block: Any, register: Any, many: Any, buckets: Any, shift: Any, met: int) -> Any:
    """Return the rows whose bucket holds a row they may be compared with: none is missed, some are too many."""
    for row in range(len(block)):
        at, mark = (block[row] * np.uint64(_MIX)) >> shift, register[row] + 1
        if buckets[at] == 0:
            buckets[at] = mark
        elif buckets[at] != mark or many[register[row]]:
            buckets[at] = met
    found, kept = np.empty(len(block), dtype=np.int64), 0
    for row in range(len(block)):
        found[kept] = row
        kept += buckets[(block[row] * np.uint64(_MIX)) >> shift] == met
    return found[:kept].copy()


@_plain
def _sort_runs(block: Any, register: Any, handle: Any, order: Any) -> Any:
    """Sort each run of equal blocks (given in order) by register and handle; False, unfinished, if one is long."""
    start, n = 0, len(order)
    while start < n:
        end = start + 1
        while end < n and block[end] == block[start]:
            end += 1
            if end - start > _SHORT_RUN:
                return False
        for at in range(start + 1, end):
            row, to = order[at], at
            while to > start:
                other = order[to - 1]
                if register[other] < register[row]:
                    break
                if register[other] == register[row] and handle[other] <= handle[row]:
                    break
                order[to] = other
                to -= 1
            order[to] = row
        start = end
    return True


@_plain
def _with_partner(block: Any, register: Any, many: Any) -> Any:
    """Return bool[n]: whether a row, given in order, is compared with another of its block."""
    start, n = 0, len(block)
    kept = np.zeros(n, dtype=np.bool_)
    while start < n:
        end = start + 1
        first = register[start]
        alone = not many[first]  # so far all rows are of one register that holds a person once
        while end < n and block[end] == block[start]:
            alone = alone and register[end] == first
            end += 1
        if end - start > 1 and not alone:
            kept[start:end] = True
        start = end
    return kept
