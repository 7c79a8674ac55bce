"""Reads the pass tables of all registers into `PassArrays`: checked, sorted by block, missing cells marked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from numba import njit

from linkage.columns import ColumnSpec, columns_of
from linkage.errors import PassTableError
from linkage.layout import token_places, token_width
from linkage.ordering import block_ends, partnered_rows, sorted_rows
from linkage.plan import ComparisonPlan
from linkage.tables import PassArrays

_LINE: Final = 64  # bytes of a cache line: a row's name sketches should lie in one
_WHOLE: Final = np.empty(0, dtype=np.bool_)  # of a chunk without gaps

_plain: Any = njit(nogil=True, cache=True)
_Cells = tuple[int, npt.NDArray[Any], npt.NDArray[np.bool_]]  # number of the first row, cells, which are there


def load_pass(
    tables: Mapping[str, pa.Table],
    plan: ComparisonPlan,
    pass_name: str,
    *,
    partnered: bool = False,
    token_range: tuple[int, int] = (0, 1),
) -> PassArrays:
    """Join the registers' tables of one pass.

    Args:
        tables: Register name to its pass table (`contract/submission.py`), or to an `engines.stored.StoredPass`, of
            which one column is in memory at a time; a register without a table takes no part.
        plan: The agreement's plan.
        pass_name: One of the plan's passes.
        partnered: Leave out rows that are compared with no other: no pair is lost.
        token_range: Number and count (a power of two) of the range of block tokens that is taken: those that begin
            with the same bits.

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
    chosen = _of_range(block, *token_range)
    if chosen is not None:
        handle_in, block_in, register_in = handle[chosen], block[chosen], register[chosen]
    else:
        handle_in, block_in, register_in = handle, block, register
    _check_handles(handle_in, pass_name)
    if partnered:
        order = partnered_rows(block_in, register_in, handle_in, np.array(plan.many, dtype=np.bool_))
    else:
        order = sorted_rows(block_in, register_in, handle_in)
    read = len(handle_in)
    handle, block, register = handle_in[order], block_in[order], register_in[order]
    if chosen is not None:
        order = chosen[order]
    del handle_in, block_in, register_in, chosen
    held, start = _Held(len(order), spec), 0
    for part in parts:
        part.fill(held, order, start)
        start += len(part)
    return PassArrays(
        name=pass_name,
        handle=handle,
        block=block,
        register=register,
        sketches=held.sketches,
        present=held.present,
        tokens=held.tokens,
        known=held.known,
        classes=held.classes,
        order_known=held.order_known,
        encodings=held.encodings,
        ends=block_ends(block),
        read=read,
    )


def _of_range(block: npt.NDArray[np.uint64], number: int, count: int) -> npt.NDArray[np.int64] | None:
    """Return the rows (int64[k]) of a token range, or None for all."""
    bits = count.bit_length() - 1
    return np.flatnonzero(block >> np.uint64(64 - bits) == np.uint64(number)) if bits else None


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
def _place_words(raw: Any, valid: Any, base: int, order: Any, out: Any, column: int, bits: Any) -> None:
    """Copy a chunk's cells, where they are not missing, to the rows that ask for them, and set their bit.

    Args:
        raw: uint64[n, w], rows base to base + n.
        valid: bool[n], or empty where no cell is missing.
        base: First row of the chunk.
        order: int64[rows], the row that each place holds.
        out: uint64[rows, columns, w].
        column: Where the cells go.
        bits: uint64[rows].
    """
    n, whole, bit = len(raw), len(valid) == 0, np.uint64(1) << np.uint64(column)
    for to in range(len(order)):
        row = order[to] - base
        if 0 <= row < n and (whole or valid[row]):
            for word in range(raw.shape[1]):
                out[to, column, word] = raw[row, word]
            bits[to] |= bit


@_plain
def _place_tokens(raw: Any, valid: Any, base: int, order: Any, out: Any, column: int, bits: Any) -> None:
    """As `_place_words`, of raw uint32[n] to out uint32[rows, columns]."""
    n, whole, bit = len(raw), len(valid) == 0, np.uint64(1) << np.uint64(column)
    for to in range(len(order)):
        row = order[to] - base
        if 0 <= row < n and (whole or valid[row]):
            out[to, column] = raw[row]
            bits[to] |= bit


@_plain
def _place_marks(raw: Any, base: int, order: Any, out: Any) -> None:
    for to in range(len(order)):
        row = order[to] - base
        if 0 <= row < len(raw):
            out[to] = raw[row]


class _Part:
    """One register's table, checked."""

    def __init__(self, table: pa.Table, spec: ColumnSpec, place: int, where: dict[str, str]) -> None:
        self.place, self._table, self._spec, self._where = place, table, spec, where
        self._check()

    def __len__(self) -> int:
        return int(self._table.num_rows)

    def fill(self, held: _Held, order: npt.NDArray[np.int64], start: int) -> None:
        """Copy the rows that `order` asks for to its places; the table's first row is number `start`."""
        spec, names = self._spec, self._table.column_names
        for at, name in enumerate(spec.sketches):
            if name in names:
                for base, raw, valid in self._words(name, 2):
                    _place_words(raw, valid, start + base, order, held.sketches, at, held.present)
        for name, at in token_places(spec).items():
            if name in names:
                for base, raw, valid in self._filled(name, 0, pa.uint32()):
                    _place_tokens(raw, valid, start + base, order, held.tokens, at, held.known)
        for at, name in enumerate(spec.classes):
            if name in names:
                for base, raw, _ in self._filled(name, 3, pa.uint8()):
                    _place_marks(np.minimum(raw, 3), start + base, order, held.classes[:, at])
        if spec.order and spec.order in names:
            for base, raw, _ in self._filled(spec.order, True, pa.bool_()):
                _place_marks(raw, start + base, order, held.order_known)
        if spec.words:
            encodings, unused = held.encodings[:, None, :], np.empty(len(order), dtype=np.uint64)
            for base, raw, valid in self._words("encoding", spec.words):
                if len(valid):
                    raise PassTableError("An encoding is missing.", where={**self._where, "column": "encoding"})
                _place_words(raw, valid, start + base, order, encodings, 0, unused)

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

    def _chunks(self, name: str) -> Iterator[tuple[int, Any]]:
        """Yield the chunks of a column with the number of their first row."""
        base = 0
        for chunk in self._table.column(name).chunks:
            plain = chunk.dictionary_decode() if pa.types.is_dictionary(chunk.type) else chunk
            yield base, plain
            base += len(chunk)

    def _filled(self, name: str, fill: Any, kind: pa.DataType) -> Iterator[_Cells]:
        for base, chunk in self._chunks(name):
            cells = pc.fill_null(chunk.cast(kind), pa.scalar(fill, kind)) if chunk.null_count else chunk.cast(kind)
            yield base, np.asarray(cells.to_numpy(zero_copy_only=False)), _valid(chunk)

    def _words(self, name: str, words: int) -> Iterator[_Cells]:
        for base, chunk in self._chunks(name):
            raw = np.frombuffer(chunk.buffers()[1] or b"", dtype="<u8")
            cells = raw[chunk.offset * words : (chunk.offset + len(chunk)) * words]
            yield base, cells.reshape(len(chunk), words), _valid(chunk)


def _valid(chunk: Any) -> npt.NDArray[np.bool_]:
    """Return which cells are there; empty where all are."""
    return np.asarray(pc.is_valid(chunk).to_numpy(zero_copy_only=False)) if chunk.null_count else _WHOLE
