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
_WHOLE: Final = np.empty(0, dtype=np.bool_)  # of a batch without gaps
_NO_WORDS: Final = np.empty((0, 2), dtype=np.uint64)
_NO_TOKENS: Final = np.empty(0, dtype=np.uint32)
_TOGETHER: Final = 8  # columns whose cells are copied in one walk: a place is fetched from memory once
_BATCH_ROWS: Final = 1 << 15  # rows read together: their cells and their places fit in the second-level cache

_plain: Any = njit(nogil=True, cache=True)
_Wanted = tuple[npt.NDArray[np.int64], npt.NDArray[Any]]  # rows, rising, and the place where each goes
_Group = tuple[int, tuple[npt.NDArray[Any], ...], tuple[npt.NDArray[np.bool_], ...]]


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
            which a few rows are in memory at a time; a register without a table takes no part.
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
    wanted, held, start = _by_source(order, sum(sizes)), _Held(len(order), spec), 0
    del order
    for part in parts:
        part.fill(held, wanted, start)
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


def _by_source(order: npt.NDArray[np.int64], n: int) -> _Wanted:
    """Turn places that name rows (int64[k], of n rows) into rows, rising, that name places."""
    small = np.int32 if len(order) <= np.iinfo(np.int32).max else np.int64
    rows, places = np.empty(len(order), dtype=np.int64), np.empty(len(order), dtype=small)
    _turn(order, np.full(n, -1, dtype=small), rows, places)
    return rows, places


@_plain
def _turn(order: Any, place_of: Any, rows: Any, places: Any) -> None:
    for place in range(len(order)):
        place_of[order[place]] = place
    at = 0
    for row in range(len(place_of)):
        if place_of[row] >= 0:
            rows[at], places[at] = row, place_of[row]
            at += 1


@_plain
def _place_words(raw: Any, valid: Any, base: int, rows: Any, places: Any, out: Any, column: int, bits: Any) -> None:
    """Copy cells of a batch, where they are not missing, to their places, and set their bits.

    Args:
        raw: `_TOGETHER` columns of uint64[n, 2], rows base to base + n; without rows where the batch has none.
        valid: As many bool[n], or empty where no cell is missing.
        base: First row of the batch.
        rows: int64[k], the rows wanted, all of the batch.
        places: Integer[k], where each goes.
        out: uint64[places, columns, 2].
        column: Where the first column goes, the others behind it.
        bits: uint64[places].
    """
    for at in range(len(rows)):
        row, to, mark = np.uint64(rows[at] - base), np.uint64(places[at]), np.uint64(0)
        for one in range(_TOGETHER):
            if row < np.uint64(len(raw[one])) and (len(valid[one]) == 0 or valid[one][row]):
                out[to, np.uint64(column + one), 0] = raw[one][row, 0]
                out[to, np.uint64(column + one), 1] = raw[one][row, 1]
                mark |= np.uint64(1) << np.uint64(column + one)
        bits[to] |= mark


@_plain
def _place_tokens(raw: Any, valid: Any, base: int, rows: Any, places: Any, out: Any, column: int, bits: Any) -> None:
    """As `_place_words`, of columns of uint32[n] to out uint32[places, columns]."""
    for at in range(len(rows)):
        row, to, mark = np.uint64(rows[at] - base), np.uint64(places[at]), np.uint64(0)
        for one in range(_TOGETHER):
            if row < np.uint64(len(raw[one])) and (len(valid[one]) == 0 or valid[one][row]):
                out[to, np.uint64(column + one)] = raw[one][row]
                mark |= np.uint64(1) << np.uint64(column + one)
        bits[to] |= mark


@_plain
def _place_marks(raw: Any, base: int, rows: Any, places: Any, out: Any) -> None:
    for at in range(len(rows)):
        out[places[at]] = raw[rows[at] - base]


class _Part:
    """One register's table, checked."""

    def __init__(self, table: pa.Table, spec: ColumnSpec, place: int, where: dict[str, str]) -> None:
        self.place, self._table, self._spec, self._where = place, table, spec, where
        self._check()

    def __len__(self) -> int:
        return int(self._table.num_rows)

    def fill(self, held: _Held, wanted: _Wanted, start: int) -> None:
        """Copy the wanted rows to their places; the table's first row is number `start`.

        All columns of a few rows are read together: a row's place is fetched from memory once, not once a column.
        """
        spec, base = self._spec, start
        names = [name for name in self._table.column_names if name in spec.types and name not in ("handle", "block")]
        if not names:
            return
        for batch in _batches(self._table, names):
            low, high = np.searchsorted(wanted[0], [base, base + batch.num_rows])
            if low < high:
                cells = {name: _plain_column(batch.column(at)) for at, name in enumerate(names)}
                self._fill(held, cells, base, wanted[0][low:high], wanted[1][low:high])
            base += batch.num_rows

    def _fill(
        self, held: _Held, cells: dict[str, Any], base: int, rows: npt.NDArray[np.int64], places: npt.NDArray[Any]
    ) -> None:
        spec = self._spec
        for first, raw, valid in _grouped(cells, dict(enumerate(spec.sketches)), _NO_WORDS):
            _place_words(raw, valid, base, rows, places, held.sketches, first, held.present)
        at_place = {place: name for name, place in token_places(spec).items()}
        for first, raw, valid in _grouped(cells, at_place, _NO_TOKENS):
            _place_tokens(raw, valid, base, rows, places, held.tokens, first, held.known)
        for at, name in enumerate(spec.classes):
            if name in cells:
                marks = np.minimum(_filled(cells[name], 3, pa.uint8()), 3)
                _place_marks(marks, base, rows, places, held.classes[:, at])
        if spec.order and spec.order in cells:
            _place_marks(_filled(cells[spec.order], True, pa.bool_()), base, rows, places, held.order_known)
        if spec.words:
            if cells["encoding"].null_count:
                raise PassTableError("An encoding is missing.", where={**self._where, "column": "encoding"})
            held.encodings[places] = _words(cells["encoding"], spec.words)[rows - base]

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


def _batches(table: Any, names: list[str]) -> Iterator[Any]:
    """Yield columns of a table, or of an `engines.stored.StoredPass`, a few rows at a time (record batches)."""
    if isinstance(table, pa.Table):
        yield from table.select(names).to_batches(max_chunksize=_BATCH_ROWS)
    else:
        yield from table.batches(names, _BATCH_ROWS)


def _grouped(cells: dict[str, Any], columns: dict[int, str], no_cells: npt.NDArray[Any]) -> Iterator[_Group]:
    """Yield `_TOGETHER` columns at a time: the place of the first, their cells, and which of these are there."""
    for first in range(0, max(columns, default=-1) + 1, _TOGETHER):
        raw, valid = [no_cells] * _TOGETHER, [_WHOLE] * _TOGETHER
        for place in range(first, first + _TOGETHER):
            chunk = cells.get(columns.get(place, ""))
            if chunk is not None:
                valid[place - first] = _valid(chunk)
                words = no_cells.ndim == 2
                raw[place - first] = _words(chunk, no_cells.shape[1]) if words else _filled(chunk, 0, pa.uint32())
        yield first, tuple(_fixed(one) for one in raw), tuple(_fixed(one) for one in valid)


def _fixed(cells: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return a view that is not written to: Arrow's buffers are of either kind, the kernels know one."""
    view = cells.view()
    view.flags.writeable = False
    return view


def _plain_column(chunk: Any) -> Any:
    return chunk.dictionary_decode() if pa.types.is_dictionary(chunk.type) else chunk


def _filled(chunk: Any, fill: Any, kind: pa.DataType) -> npt.NDArray[Any]:
    cells = chunk if chunk.type == kind else chunk.cast(kind)
    if cells.null_count:
        cells = pc.fill_null(cells, pa.scalar(fill, kind))
    return np.asarray(cells.to_numpy(zero_copy_only=False))


def _words(chunk: Any, words: int) -> npt.NDArray[np.uint64]:
    """Return cells of `words` words each, uint64[n, words]; what stands where a cell is missing has no meaning."""
    raw = np.frombuffer(chunk.buffers()[1] or b"", dtype="<u8")
    return raw[chunk.offset * words : (chunk.offset + len(chunk)) * words].reshape(len(chunk), words)


def _valid(chunk: Any) -> npt.NDArray[np.bool_]:
    """Return which cells are there; empty where all are."""
    return np.asarray(pc.is_valid(chunk).to_numpy(zero_copy_only=False)) if chunk.null_count else _WHOLE
