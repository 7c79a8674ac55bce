"""Who owns the handles that edges name: looked up pass by pass, so that one pass's list is in memory at a time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from numba import njit

from linkage.errors import EvidenceError
from linkage.kernels.hashing import AHEAD, distinct, foresee, slot_of

#: A table (pyarrow has no types), or tables by pass.
Handles: TypeAlias = Any | Mapping[str, Iterable[Any]]
_MIX: Final = np.uint64(0x9E3779B97F4A7C15)  # golden ratio, 2**64 / phi
_SIEVE: Final = 4  # wanted handles a word of 64 bits: one in sixteen others passes
_SIEVED: Final = 4096  # handles that are sieved before the next are looked up


def codes_of(table: pa.Table, column: str, names: list[str]) -> npt.NDArray[np.int16]:
    """Return the places of a string column's values among `names`, which is added to."""
    found = []
    for chunk in table.column(column).chunks:
        encoded = chunk if pa.types.is_dictionary(chunk.type) else chunk.dictionary_encode()
        values = encoded.dictionary.to_pylist()
        names += sorted(set(values) - set(names))
        places = np.array([names.index(value) for value in values] or [0], dtype=np.int16)
        found.append(places[encoded.indices.to_numpy(zero_copy_only=False)])
    return np.concatenate([np.empty(0, dtype=np.int16), *found])


def require(table: pa.Table, columns: tuple[str, ...], what: str) -> None:
    """Refuse a table that lacks a column or a cell.

    Raises:
        EvidenceError: It does.
    """
    for column in columns:
        if column not in table.column_names:
            raise EvidenceError(f"The {what} lack a column.", where={"column": column})
        if table.column(column).null_count:
            raise EvidenceError(f"The {what} have an empty cell.", where={"column": column})


def handles_by_pass(handles: Handles) -> Mapping[str, Iterable[Any]]:
    """Return tables of `handle` and `subject` by pass.

    Raises:
        EvidenceError: A column is missing or has gaps.
    """
    if isinstance(handles, Mapping):
        return handles
    require(handles, ("pass", "handle", "subject"), "handles")
    names: list[str] = []
    codes = codes_of(handles, "pass", names)
    own = handles.select(["handle", "subject"])
    return {names[place]: [own.filter(pa.array(codes == place))] for place in np.unique(codes)}


def owners_of(
    edges: pa.Table, handles: Handles, passes: npt.NDArray[np.int16], names: list[str]
) -> list[npt.NDArray[np.int64]]:
    """Return the subjects of both ends of the edges, int64[n] each, -1 where nobody's; as `owners_in_pass`.

    Args:
        edges: Columns handle_a and handle_b.
        handles: Columns `pass`, `handle`, `subject`; or, by pass, tables of `handle` and `subject`, each read once.
        passes: int16[n], the pass of each edge, a place in `names`.
        names: Names of passes.
    """
    ends = [edges.column(name).to_numpy().astype(np.uint64, copy=False) for name in ("handle_a", "handle_b")]
    found, by_pass = [np.full(len(passes), -1, dtype=np.int64) for _ in ends], handles_by_pass(handles)
    for place in np.unique(passes).tolist():
        mine = np.flatnonzero(passes == place)
        pair = owners_in_pass((ends[0][mine], ends[1][mine]), by_pass.get(names[place], ()), names[place])
        found[0][mine], found[1][mine] = pair
    return found


def owners_in_pass(
    ends: tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint64]], tables: Iterable[Any], name: str
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return the subjects of both ends of a pass's edges, int64[n] each, -1 where nobody's: a dummy row's.

    Args:
        ends: Handles, uint64[n] each.
        tables: Of `handle` and `subject`, each read once.
        name: The pass.

    Raises:
        EvidenceError: A handle has two owners or stands twice, or a column is missing or has gaps.
    """
    wanted, which, numbers = distinct(np.concatenate(ends).view(np.int64))
    owner = _looked_up(wanted, numbers, tables, name)[which]
    return owner[: len(ends[0])], owner[len(ends[0]) :]


def _looked_up(
    wanted: npt.NDArray[np.int64], numbers: npt.NDArray[np.int64], tables: Iterable[pa.Table], name: str
) -> npt.NDArray[np.int64]:
    owner, sieve = np.full(len(wanted), -1, dtype=np.int64), _sieve(wanted)
    for table in tables:
        require(table, ("handle", "subject"), "handles")
        known = table.column("handle").to_numpy().astype(np.uint64, copy=False).view(np.int64)
        subjects = table.column("subject").to_numpy().astype(np.int64, copy=False)
        if not _fill(numbers, sieve, known, subjects, owner):
            raise EvidenceError("A handle belongs to two subjects or stands twice.", where={"pass": name})
    return owner


@njit(nogil=True, cache=True)
def _sieve(wanted: Any) -> Any:
    """Return bits (uint64[2^k]), set at the places that handles are mixed to: it fits in a near cache."""
    words = 16
    while _SIEVE * words < len(wanted):
        words *= 2
    bits = np.zeros(words, dtype=np.uint64)
    for handle in wanted:
        place = _place(handle, words)
        bits[place >> np.uint64(6)] |= np.uint64(1) << (place & np.uint64(63))
    return bits


@njit(nogil=True, cache=True, inline="always")
def _place(handle: Any, words: int) -> Any:
    return ((np.uint64(handle) * _MIX) >> np.uint64(16)) & np.uint64(64 * words - 1)


@njit(nogil=True, cache=True)
def _fill(table: Any, sieve: Any, known: Any, subjects: Any, owner: Any) -> Any:
    """Write the owners of the handles that are wanted; False if one is listed twice."""
    passed = np.empty(_SIEVED, dtype=np.int64)
    for start in range(0, len(known), _SIEVED):
        count = 0
        for row in range(start, min(start + _SIEVED, len(known))):
            place = _place(known[row], len(sieve))
            passed[count] = row
            count += int(sieve[place >> np.uint64(6)] >> (place & np.uint64(63)) & np.uint64(1))
        for at in range(count):
            if at + AHEAD < count:
                foresee(table, known[passed[at + AHEAD]])
            row = passed[at]
            number = table[slot_of(table, known[row]), 1]
            if number > 0:
                if owner[number - 1] >= 0:
                    return False
                owner[number - 1] = subjects[row]
    return True
