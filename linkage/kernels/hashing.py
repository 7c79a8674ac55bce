"""A hash table of int64 keys with one int64 each: open addressing, a value of 0 marks an empty place.

A large table lies far from the processor: `foresee` asks for the places of keys that come `AHEAD` later.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numba import njit

from linkage.kernels.lanes import prefetch

AHEAD: Final = 16  # keys
_MIX = -7046029254386353131  # golden ratio, 2**64 / phi as int64: spreads neighbouring keys over the table


@njit(nogil=True, cache=True, inline="always")
def _home(table: Any, key: Any) -> Any:
    """Return the place where a key lies unless others were there before."""
    return (((key ^ (key >> 32)) * _MIX) >> 33) & (table.shape[0] - 1)  # every digit reaches the upper half


@njit(nogil=True, cache=True, inline="always")
def foresee(table: Any, key: Any) -> None:
    """Fetch the place of a key that is soon asked for."""
    prefetch(table, 2 * _home(table, key))


@njit(nogil=True, cache=True, inline="always")
def slot_of(table: Any, key: Any) -> Any:
    """Return the place of a key in int64[size, 2] (size a power of two), or the empty place where it belongs."""
    mask = table.shape[0] - 1
    at = _home(table, key)
    while table[at, 1] != 0 and table[at, 0] != key:
        at = (at + 1) & mask
    return at


@njit(nogil=True, cache=True)
def grown(table: Any) -> Any:
    """Return the table with twice the places."""
    larger = table.repeat(2).reshape(2 * table.shape[0], 2)
    larger[:] = 0
    for at in range(table.shape[0]):
        if table[at, 1] != 0:
            larger[slot_of(larger, table[at, 0])] = table[at]
    return larger


@njit(nogil=True, cache=True)
def distinct(values: Any) -> Any:
    """Number the distinct values of int64[n] in the order of their first places.

    Returns:
        The values (int64[k]), the number of each place (int64[n]), and the table that tells the number of a value,
        counted from 1 (see `slot_of`).
    """
    size = 16
    while size < 2 * len(values):
        size *= 2
    table = np.zeros((size, 2), dtype=np.int64)
    found, numbers, count = np.empty(len(values), dtype=np.int64), np.empty(len(values), dtype=np.int64), 0
    for at in range(len(values)):
        if at + AHEAD < len(values):
            foresee(table, values[at + AHEAD])
        slot = slot_of(table, values[at])
        if table[slot, 1] == 0:
            found[count] = values[at]
            count += 1
            table[slot, 0], table[slot, 1] = values[at], count
        numbers[at] = table[slot, 1] - 1
    return found[:count].copy(), numbers, table
