"""Reads the pass tables of all registers into `PassArrays`: checked, sorted by block, missing cells marked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from numba import njit

from linkage.columns import ColumnSpec, columns_of
from linkage.errors import PassTableError
from linkage.layout import token_places, token_width
from linkage.plan import ComparisonPlan
from linkage.tables import PassArrays

_SHORT_RUN: Final = 64  # rows of a block that are sorted by insertion
_LINE: Final = 64  # bytes of a cache line: a row's name sketches should lie in one

_plain: Any = njit(nogil=True, cache=True)


def load_pass(
    tables: Mapping[str, pa.Table], plan: ComparisonPlan, pass_name: str, *, partnered: bool = False
) -> PassArrays:
    """Join the registers' tables of one pass.

    Args:
        tables: Register name to its pass table (`contract/submission.py`); a register without a table
            takes no part.
        plan: The agreement's plan.
        pass_name: One of the plan's passes.
        partnered: Leave out rows that are compared with no other: no pair is lost.

    Raises:
        PassTableError: A pass, register, column or type is not as agreed, a value is missing where it
            must not be, or a handle stands twice.
    """
    if pass_name not in plan.touched:
        raise PassTableError(f"The pass {pass_name} is not one of the agreement's.")
    strangers = sorted(set(tables) - set(plan.registers))
    if strangers:
        raise PassTableError(f"The register {strangers[0]} is not part of the agreement.")
    spec = columns_of(plan)
    parts = []
    for place, name in enumerate(plan.registers):
        if name in tables:
            parts.append(_Part(tables[name], spec, place, {"pass": pass_name, "register": name}))
    none = np.empty(0, dtype=np.uint64)
    handle = np.concatenate([none, *(part.numbers("handle") for part in parts)])
    block = np.concatenate([none, *(part.numbers("block") for part in parts)])
    sizes = [len(part) for part in parts]
    register = np.repeat(np.array([part.place for part in parts], dtype=np.uint16), sizes)
    _check_handles(handle, pass_name)
    order = sorted_rows(block, register, handle)
    if partnered:
        order = order[_with_partner(block, register, order, np.array(plan.many, dtype=np.bool_))]
    held = _Held(len(order), spec)
    starts = np.concatenate([[0], np.cumsum(sizes)])
    which = np.searchsorted(starts[1:], order, side="right")
    for number, part in enumerate(parts):
        into = np.flatnonzero(which == number)
        part.fill(held, into, order[into] - starts[number])
    block = block[order]
    return PassArrays(
        name=pass_name,
        handle=handle[order],
        block=block,
        register=register[order],
        sketches=held.sketches,
        present=held.present,
        tokens=held.tokens,
        known=held.known,
        classes=held.classes,
        order_known=held.order_known,
        encodings=held.encodings,
        ends=block_ends(block),
        read=len(handle),
    )


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
    if _sort_runs(block, register, handle, order):
        return order
    return np.lexsort((handle, register, block)).astype(np.int64, copy=False)


@_plain
def _sort_runs(block: Any, register: Any, handle: Any, order: Any) -> Any:
    """Sort each run of equal blocks by register and handle; False, unfinished, if one is long."""
    start, n = 0, len(order)
    while start < n:
        end = start + 1
        while end < n and block[order[end]] == block[order[start]]:
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
def _with_partner(block: Any, register: Any, order: Any, many: Any) -> Any:
    """Return bool[n]: whether a row of the order is compared with another of its block."""
    start, n = 0, len(order)
    kept = np.zeros(n, dtype=np.bool_)
    while start < n:
        end = start + 1
        first = register[order[start]]
        alone = not many[first]  # so far all rows are of one register that holds a person once
        while end < n and block[order[end]] == block[order[start]]:
            alone = alone and register[order[end]] == first
            end += 1
        if end - start > 1 and not alone:
            kept[start:end] = True
        start = end
    return kept


def _check_handles(handles: npt.NDArray[np.uint64], pass_name: str) -> None:
    ordered = np.sort(handles)
    if (ordered[1:] == ordered[:-1]).any():
        raise PassTableError("A handle stands twice in a pass.", where={"pass": pass_name})


class _Held:
    """The arrays of a pass, with every cell missing."""

    def __init__(self, n: int, spec: ColumnSpec) -> None:
        self.sketches = aligned((n, len(spec.sketches), 2), np.uint64)
        self.present = np.zeros(n, dtype=np.uint64)
        self.tokens = aligned((n, token_width(spec)), np.uint32)
        self.known = np.zeros(n, dtype=np.uint64)
        self.classes = np.full((n, 2), 3, dtype=np.uint8)
        self.order_known = np.ones(n, dtype=np.bool_)
        self.encodings = aligned((n, spec.words), np.uint64)


def aligned(shape: tuple[int, ...], dtype: Any) -> npt.NDArray[Any]:
    """Return zeros that begin at a cache line."""
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    raw = np.zeros(size + _LINE, dtype=np.uint8)
    start = -raw.ctypes.data % _LINE
    return np.asarray(raw[start : start + size].view(dtype).reshape(shape))


@_plain
def _place_words(raw: Any, valid: Any, source: Any, into: Any, out: Any, column: int, bits: Any) -> None:
    """Copy cells that are not missing into out[into, column, :], and set their bit."""
    for at in range(len(into)):
        row, to = source[at], into[at]
        if valid[row]:
            for word in range(raw.shape[1]):
                out[to, column, word] = raw[row, word]
            bits[to] |= np.uint64(1) << np.uint64(column)


@_plain
def _place_tokens(raw: Any, valid: Any, source: Any, into: Any, out: Any, column: int, bits: Any) -> None:
    for at in range(len(into)):
        row, to = source[at], into[at]
        if valid[row]:
            out[to, column] = raw[row]
            bits[to] |= np.uint64(1) << np.uint64(column)


class _Part:
    """One register's table, checked."""

    def __init__(self, table: pa.Table, spec: ColumnSpec, place: int, where: dict[str, str]) -> None:
        self.place, self._table, self._spec, self._where = place, table, spec, where
        self._check()

    def __len__(self) -> int:
        return int(self._table.num_rows)

    def fill(self, held: _Held, into: npt.NDArray[np.int64], source: npt.NDArray[np.int64]) -> None:
        """Copy rows `source` of the table to rows `into` of the arrays."""
        spec = self._spec
        for at, name in enumerate(spec.sketches):
            if name in self._table.column_names:
                raw, valid = self._words(name, 2)
                _place_words(raw, valid, source, into, held.sketches, at, held.present)
        for name, at in token_places(spec).items():
            if name in self._table.column_names:
                raw, valid = self._filled(name, 0, pa.uint32())
                _place_tokens(raw, valid, source, into, held.tokens, at, held.known)
        for at, name in enumerate(spec.classes):
            if name in self._table.column_names:
                held.classes[into, at] = np.minimum(self._filled(name, 3, pa.uint8())[0], 3)[source]
        if spec.order and spec.order in self._table.column_names:
            held.order_known[into] = self._filled(spec.order, True, pa.bool_())[0][source]
        if spec.words:
            raw, valid = self._words("encoding", spec.words)
            if not valid.all():
                raise PassTableError("An encoding is missing.", where={**self._where, "column": "encoding"})
            held.encodings[into] = raw[source]

    def numbers(self, name: str) -> npt.NDArray[np.uint64]:
        """Return a column that has no gap."""
        column = self._table.column(name)
        if column.null_count:
            raise PassTableError("A value is missing that must not be.", where={**self._where, "column": name})
        numbers: npt.NDArray[np.uint64] = column.to_numpy()
        return numbers.astype(np.uint64, copy=False)

    def _check(self) -> None:
        names, spec = self._table.column_names, self._spec
        if len(set(names)) != len(names):
            raise PassTableError("A column stands twice in a pass table.", where=self._where)
        for name, wanted in spec.types.items():
            if name not in names:
                if name in spec.required:
                    raise PassTableError("A pass table lacks a column.", where={**self._where, "column": name})
                continue
            found = self._table.schema.field(name).type
            if pa.types.is_dictionary(found):
                found = found.value_type
            if found != wanted:
                raise PassTableError(
                    f"A column of a pass table is {found} and not {wanted}.", where={**self._where, "column": name}
                )
        unknown = sorted(set(names) - set(spec.types))
        if unknown and spec.closed:
            raise PassTableError("A pass table has a column too many.", where={**self._where, "column": unknown[0]})

    def _filled(self, name: str, fill: Any, kind: pa.DataType) -> tuple[npt.NDArray[Any], npt.NDArray[np.bool_]]:
        column = self._table.column(name).cast(kind)
        return np.asarray(pc.fill_null(column, pa.scalar(fill, kind)).to_numpy()), _valid(column)

    def _words(self, name: str, words: int) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.bool_]]:
        n = len(self)
        column = self._table.column(name).combine_chunks()
        if isinstance(column, pa.ChunkedArray):
            column = pa.concat_arrays(column.chunks) if column.num_chunks else pa.nulls(0, column.type)
        raw = np.frombuffer(column.buffers()[1] or b"", dtype="<u8")
        return raw[column.offset * words : (column.offset + n) * words].reshape(n, words), _valid(column)


def _valid(column: Any) -> npt.NDArray[np.bool_]:
    if not column.null_count:
        return np.ones(len(column), dtype=np.bool_)
    found = pc.is_valid(column)
    return np.asarray(found.to_numpy(zero_copy_only=False) if isinstance(found, pa.Array) else found.to_numpy())
