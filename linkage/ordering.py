"""The order of a pass's rows: by block, register, handle; and which of them are compared with any other.

Blocks are short and their tokens random. So rows are dealt out by the first bits of their blocks to buckets that stay
in a near cache (some hundred rows of a pass of a million) while they are dealt out once more and put in order by
insertion. A bucket in which many rows begin alike is merged instead: no block is so large that its rows are all held
against each other.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt
from numba import njit

_BUCKET_BITS: Final = 9  # rows of a bucket, as long as that makes no more buckets than
_MOST_BITS: Final = 12  # can be written to side by side
_SHORT_RUN: Final = 64  # rows that begin alike and are sorted by insertion
_ROW_BITS: Final = 48  # a tag is a row and, above it, its register

_plain: Any = njit(nogil=True, cache=True)


def block_ends(block: npt.NDArray[np.uint64]) -> npt.NDArray[np.int64]:
    """Return for each row of sorted blocks (uint64[n]) the end (exclusive) of its block, int64[n]."""
    changes = np.flatnonzero(block[1:] != block[:-1]) + 1
    bounds = np.concatenate([changes, [len(block)]]).astype(np.int64)
    return np.repeat(bounds, np.diff(np.concatenate([[0], bounds])))


def sorted_rows(
    block: npt.NDArray[np.uint64], register: npt.NDArray[np.uint16], handle: npt.NDArray[np.uint64]
) -> npt.NDArray[np.int64]:
    """Return the order (int64[n]) of rows by block, register, handle."""
    return partnered_rows(block, register, handle, np.empty(0, dtype=np.bool_))


def partnered_rows(
    block: npt.NDArray[np.uint64],
    register: npt.NDArray[np.uint16],
    handle: npt.NDArray[np.uint64],
    many: npt.NDArray[np.bool_],
) -> npt.NDArray[np.int64]:
    """Return the rows (int64[k]) that are compared with any other, in the order of `sorted_rows`.

    Most rows of a capped pass stand alone in their block.

    Args:
        block: uint64[n].
        register: uint16[n], places in the plan's registers.
        handle: uint64[n].
        many: bool[R], whether a register's own rows are compared with each other. If it is empty, all rows are
            returned.
    """
    n = len(block)
    if not n:
        return np.empty(0, dtype=np.int64)
    low = block.min()
    width = int(block.max() - low).bit_length()
    shift = max(width - min(max(n.bit_length() - _BUCKET_BITS, 0), _MOST_BITS), 0)
    ends = np.zeros((1 << (width - shift)) + 1, dtype=np.int64)
    _count(block, low, shift, ends)
    longest = int(ends.max())
    ends = np.cumsum(ends)
    # made by NumPy: large arrays of Numba's come in small pages, which take as long as the sort
    entries, spare, rows = np.empty((n, 2), np.uint64), np.empty((longest, 2), np.uint64), np.empty(n, np.int64)
    _deal(block, register, low, shift, ends[:-1].copy(), entries)
    kept = _in_order(entries, low, shift, ends, spare, handle, many, rows)
    return rows[:kept].copy() if kept < n else rows


@_plain
def _bucket(block: Any, low: Any, shift: int) -> Any:
    return (block - low) >> np.uint64(shift) if shift < 64 else np.uint64(0)


@_plain
def _count(block: Any, low: Any, shift: int, counts: Any) -> None:
    """Count the rows of each bucket, behind a 0."""
    for row in range(len(block)):
        counts[_bucket(block[row], low, shift) + np.uint64(1)] += 1


@_plain
def _deal(block: Any, register: Any, low: Any, shift: int, at: Any, entries: Any) -> None:
    """Write blocks and tags (uint64[n, 2]) by bucket, each from its place on."""
    for row in range(len(block)):
        bucket = _bucket(block[row], low, shift)
        to = np.uint64(at[bucket])
        entries[to, 0] = block[row]
        entries[to, 1] = np.uint64(row) | np.uint64(register[row]) << np.uint64(_ROW_BITS)
        at[bucket] += 1


@_plain
def _in_order(entries: Any, low: Any, shift: int, ends: Any, spare: Any, handle: Any, many: Any, rows: Any) -> int:
    """Write the rows in order, bucket by bucket; return how many."""
    counts, kept = np.empty(2, dtype=np.int64), 0
    for bucket in range(len(ends) - 1):
        mine = entries[ends[bucket] : ends[bucket + 1]]
        own, bits = spare[: len(mine)], 0
        while 1 << bits < len(mine) and bits < shift:
            bits += 1
        if len(counts) < (1 << bits) + 1:
            counts = np.empty((1 << bits) + 1, dtype=np.int64)
        if _deal_again(mine, low, shift - bits, bits, counts, own) <= _SHORT_RUN:
            _insert(own, handle)
        else:
            _merge(own, handle)
        kept = _with_partner(own, many, rows, kept)
    return kept


@_plain
def _deal_again(entries: Any, low: Any, shift: int, bits: int, counts: Any, own: Any) -> int:
    """Deal a bucket out by the next bits of its blocks; return how many rows share them at most."""
    counts[: (1 << bits) + 1] = 0
    mask, most = np.uint64((1 << bits) - 1), 0
    for row in range(len(entries)):
        slot = (_bucket(entries[row, 0], low, shift) & mask) + np.uint64(1)
        counts[slot] += 1
        most = max(most, counts[slot])
    for slot in range(1, 1 << bits):
        counts[slot] += counts[slot - 1]
    for row in range(len(entries)):
        slot = _bucket(entries[row, 0], low, shift) & mask
        to = np.uint64(counts[slot])
        own[to, 0], own[to, 1] = entries[row, 0], entries[row, 1]
        counts[slot] += 1
    return most


@_plain
def _before(one: Any, other: Any, handle: Any) -> bool:
    """Tell whether a row (block, tag) comes before another: by block, register, handle."""
    if one[0] != other[0]:
        return bool(one[0] < other[0])
    register, other_register = one[1] >> np.uint64(_ROW_BITS), other[1] >> np.uint64(_ROW_BITS)
    if register != other_register:
        return bool(register < other_register)
    row = np.uint64((1 << _ROW_BITS) - 1)
    return bool(handle[one[1] & row] < handle[other[1] & row])


@_plain
def _insert(own: Any, handle: Any) -> None:
    """Sort by insertion what is nearly sorted."""
    for at in range(1, len(own)):
        row, to = (own[at, 0], own[at, 1]), at
        while to > 0 and _before(row, (own[to - 1, 0], own[to - 1, 1]), handle):
            own[to, 0], own[to, 1] = own[to - 1, 0], own[to - 1, 1]
            to -= 1
        own[to, 0], own[to, 1] = row


@_plain
def _merge(own: Any, handle: Any) -> None:
    """Sort by merging, key by key, the least first."""
    keys = handle[(own[:, 1] & np.uint64((1 << _ROW_BITS) - 1)).astype(np.int64)]
    order = np.argsort(keys, kind="mergesort")
    order = order[np.argsort(own[order, 1] >> np.uint64(_ROW_BITS), kind="mergesort")]
    order = order[np.argsort(own[order, 0], kind="mergesort")]
    own[:] = own[order]


@_plain
def _with_partner(own: Any, many: Any, rows: Any, kept: int) -> int:
    """Append to `rows` those of a bucket that are compared with another, or all; return how many there are."""
    row, start, n = np.uint64((1 << _ROW_BITS) - 1), 0, len(own)
    while start < n:
        end, first = start + 1, own[start, 1] >> np.uint64(_ROW_BITS)
        alone = len(many) > 0 and not many[first]  # so far all rows are of one register that holds a person once
        while end < n and own[end, 0] == own[start, 0]:
            alone = alone and own[end, 1] >> np.uint64(_ROW_BITS) == first
            end += 1
        if (end - start > 1 and not alone) or len(many) == 0:
            for at in range(start, end):
                rows[kept] = own[at, 1] & row
                kept += 1
        start = end
    return kept
