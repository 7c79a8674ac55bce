"""Reads the pass tables of all registers into `PassArrays`: checked, sorted by block, missing cells marked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from numba import njit

from linkage.cells import Cells
from linkage.columns import ColumnSpec, columns_of
from linkage.errors import PassTableError
from linkage.ordering import block_ends, partnered_rows, sorted_rows
from linkage.plan import ComparisonPlan
from linkage.tables import PassArrays

_BATCH_ROWS: Final = 1 << 15  # rows read together: their cells and their places fit in the second-level cache

_plain: Any = njit(nogil=True, cache=True)
_Wanted = tuple[npt.NDArray[np.int64], npt.NDArray[Any]]  # rows, rising, and the place where each goes


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
    wanted, cells, start = _by_source(order, sum(sizes)), Cells(len(order), spec), 0
    del order
    cells.mark(register, {part.place: part.whole for part in parts})
    for part in parts:
        part.fill(cells, wanted, start)
        start += len(part)
    return PassArrays(
        name=pass_name,
        handle=handle,
        block=block,
        register=register,
        sketches=cells.sketches,
        present=cells.present,
        tokens=cells.tokens,
        known=cells.known,
        classes=cells.classes,
        order_known=cells.order_known,
        encodings=cells.encodings,
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


class _Part:
    """One register's table, checked."""

    def __init__(self, table: pa.Table, spec: ColumnSpec, place: int, where: dict[str, str]) -> None:
        self.place, self._table, self._spec, self._where = place, table, spec, where
        self._check()

    def __len__(self) -> int:
        return int(self._table.num_rows)

    def fill(self, cells: Cells, wanted: _Wanted, start: int) -> None:
        """Copy the wanted rows to their places; the table's first row is number `start`.

        All columns of a few rows are read together: a row's place is fetched from memory once, not once a column.
        """
        base = start
        names = [
            name for name in self._table.column_names if name in self._spec.types and name not in ("handle", "block")
        ]
        if not names:
            return
        for batch in _batches(self._table, names):
            low, high = np.searchsorted(wanted[0], [base, base + batch.num_rows])
            if low < high:
                columns = {name: _plain_column(batch.column(at)) for at, name in enumerate(names)}
                if self._spec.words and columns["encoding"].null_count:
                    raise PassTableError("An encoding is missing.", where={**self._where, "column": "encoding"})
                cells.fill(columns, wanted[0][low:high] - base, wanted[1][low:high], self.whole)
            base += batch.num_rows
        self._check_rows(base - start)

    @cached_property
    def whole(self) -> frozenset[str]:
        """Columns that are known to have no gap before they are read.

        In a dictionary's values there may be gaps that are not counted.
        """
        fields = [field for field in self._table.schema if not pa.types.is_dictionary(field.type)]
        if isinstance(self._table, pa.Table):
            return frozenset(field.name for field in fields if not self._table.column(field.name).null_count)
        return frozenset(field.name for field in fields if not field.nullable)

    def numbers(self, name: str) -> npt.NDArray[np.uint64]:
        """Return a column that has no gap."""
        column = self._table.column(name)
        if column.null_count:
            raise PassTableError("A value is missing that must not be.", where={**self._where, "column": name})
        self._check_rows(len(column))
        numbers: npt.NDArray[np.uint64] = column.to_numpy()
        return numbers.astype(np.uint64, copy=False)

    def _check_rows(self, read: int) -> None:
        if read != len(self):
            raise PassTableError("A pass table does not hold as many rows as it says.", where=self._where)

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


def _plain_column(chunk: Any) -> Any:
    return chunk.dictionary_decode() if pa.types.is_dictionary(chunk.type) else chunk
