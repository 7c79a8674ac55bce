"""Pass tables as arrays: all registers of one pass, sorted by block, ready for the kernels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from linkage.columns import ColumnSpec, columns_of
from linkage.errors import PassTableError
from linkage.layout import Rows
from linkage.plan import ComparisonPlan


@dataclass(frozen=True)
class PassArrays:
    """The rows of all registers in one pass, sorted by (block, register, handle).

    Attributes:
        name: The pass.
        handle, block: uint64[n].
        register: uint16[n], place in the plan's registers.
        sketches: uint64[n, S, 2]; columns as `columns.ColumnSpec.sketches`.
        present: uint64[n], bit s set where sketch s is not missing.
        tokens: int64[n, T], -1 where missing.
        classes: uint8[n, 2], public frequency class of given and family name (3 where unknown).
        order_known: bool[n].
        encodings: uint64[n, record_bits / 64] of profile `record`, else zero columns.
        ends: int64[n], for each row the end (exclusive) of its block.
    """

    name: str
    handle: npt.NDArray[np.uint64]
    block: npt.NDArray[np.uint64]
    register: npt.NDArray[np.uint16]
    sketches: npt.NDArray[np.uint64]
    present: npt.NDArray[np.uint64]
    tokens: npt.NDArray[np.int64]
    classes: npt.NDArray[np.uint8]
    order_known: npt.NDArray[np.bool_]
    encodings: npt.NDArray[np.uint64]
    ends: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.handle)

    def rows(self) -> Rows:
        """Return what the kernels read."""
        return Rows(
            self.sketches,
            self.present,
            self.tokens,
            self.classes,
            self.order_known,
            self.register,
            self.encodings,
            self.ends,
        )

    def distance(self, i: npt.NDArray[np.int64], j: npt.NDArray[np.int64], left: int, right: int) -> npt.NDArray[Any]:
        """Return the Hamming distances (int64[n]) of sketch `left` of rows i and sketch `right` of rows j.

        The NumPy twins compare by it alone, so that a yardstick can put an exact distance (float64[n]) in its place.
        """
        different = self.sketches[i, left] ^ self.sketches[j, right]
        return np.asarray(np.bitwise_count(different).sum(axis=1, dtype=np.int64))

    @cached_property
    def starts(self) -> npt.NDArray[np.int64]:
        """int64[n]: for each row the first row of its block."""
        edges = np.flatnonzero(np.diff(self.ends)) + 1
        first = np.concatenate([[0], edges]).astype(np.int64)
        return np.repeat(first, np.diff(np.concatenate([first, [len(self)]]))) if len(self) else first[:0]

    def block_sizes(self) -> npt.NDArray[np.int64]:
        """Return the number of rows of each block."""
        return np.diff(np.concatenate([[0], np.unique(self.ends)])).astype(np.int64)

    def ranges(self, n: int) -> list[tuple[int, int]]:
        """Split the rows into at most `n` ranges of about equally many row pairs.

        A pair belongs to the range of its first row. Cuts lie between blocks, but for a block that
        alone outweighs a share, which is cut between its rows.

        Returns:
            Consecutive (lo, hi) that cover all rows; empty for a pass without pairs.
        """
        pairs = np.cumsum(self.ends - np.arange(1, len(self) + 1))
        if not len(pairs) or pairs[-1] == 0:
            return []
        cuts = [0]
        for share in range(1, max(n, 1)):
            row = int(np.searchsorted(pairs, pairs[-1] * share / n, side="left")) + 1
            row = min(row, len(self) - 1)
            start = int(self.starts[row])
            cuts.append(start if start > cuts[-1] else max(row, cuts[-1]))
        cuts.append(len(self))
        return [(lo, hi) for lo, hi in pairwise(cuts) if lo < hi]


def load_pass(tables: Mapping[str, pa.Table], plan: ComparisonPlan, pass_name: str) -> PassArrays:
    """Join the registers' tables of one pass.

    Args:
        tables: Register name to its pass table (`contract/submission.py`); a register without a table
            takes no part.
        plan: The agreement's plan.
        pass_name: One of the plan's passes.

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
    places = [place for place, name in enumerate(plan.registers) if name in tables]
    parts = []
    for place in places:
        where = {"pass": pass_name, "register": plan.registers[place]}
        parts.append(_Part(tables[plan.registers[place]], spec, place, where))
    joined = {
        name: np.concatenate([np.empty((0, *shape), dtype=dtype), *(getattr(part, name) for part in parts)])
        for name, shape, dtype in spec.arrays()
    }
    order = np.lexsort((joined["handle"], joined["register"], joined["block"]))
    arrays = {name: np.ascontiguousarray(column[order]) for name, column in joined.items()}
    _check_handles(arrays["handle"], pass_name)
    changes = np.flatnonzero(arrays["block"][1:] != arrays["block"][:-1]) + 1
    bounds = np.concatenate([changes, [len(order)]]).astype(np.int64)
    ends = np.repeat(bounds, np.diff(np.concatenate([[0], bounds])))
    return PassArrays(name=pass_name, ends=ends, **arrays)


def _check_handles(handles: npt.NDArray[np.uint64], pass_name: str) -> None:
    ordered = np.sort(handles)
    if (ordered[1:] == ordered[:-1]).any():
        raise PassTableError("A handle stands twice in a pass.", where={"pass": pass_name})


class _Part:
    """One register's table, checked and turned into arrays."""

    def __init__(self, table: pa.Table, spec: ColumnSpec, place: int, where: dict[str, str]) -> None:
        self._table, self._where, n = table, where, table.num_rows
        self._check(spec)
        self.handle = self._numbers("handle").astype(np.uint64)
        self.block = self._numbers("block").astype(np.uint64)
        self.register = np.full(n, place, dtype=np.uint16)
        self.sketches = np.zeros((n, len(spec.sketches), 2), dtype=np.uint64)
        self.present = np.zeros(n, dtype=np.uint64)
        for at, name in enumerate(spec.sketches):
            words, there = self._words(name, 2)
            self.sketches[:, at] = words
            self.present |= there.astype(np.uint64) << np.uint64(at)
        self.tokens = np.full((n, len(spec.tokens)), -1, dtype=np.int64)
        for at, name in enumerate(spec.tokens):
            if name in table.column_names:
                self.tokens[:, at] = self._filled(name, -1, pa.int64())
        self.classes = np.full((n, len(spec.classes)), 3, dtype=np.uint8)
        for at, name in enumerate(spec.classes):
            if name in table.column_names:
                self.classes[:, at] = np.minimum(self._filled(name, 3, pa.uint8()), 3)
        self.order_known = np.ones(n, dtype=np.bool_)
        if spec.order and spec.order in table.column_names:
            self.order_known = self._filled(spec.order, True, pa.bool_()).astype(np.bool_)
        self.encodings = np.zeros((n, spec.words), dtype=np.uint64)
        if spec.words:
            self.encodings, there = self._words("encoding", spec.words)
            if not there.all():
                raise PassTableError("An encoding is missing.", where={**where, "column": "encoding"})

    def _check(self, spec: ColumnSpec) -> None:
        names = self._table.column_names
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

    def _numbers(self, name: str) -> npt.NDArray[np.uint64]:
        column = self._table.column(name)
        if column.null_count:
            raise PassTableError("A value is missing that must not be.", where={**self._where, "column": name})
        numbers: npt.NDArray[np.uint64] = column.to_numpy()
        return numbers

    def _filled(self, name: str, fill: int, kind: pa.DataType) -> npt.NDArray[np.int64]:
        column = self._table.column(name).cast(kind)
        return np.asarray(pc.fill_null(column, pa.scalar(fill, kind)).to_numpy())

    def _words(self, name: str, words: int) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.bool_]]:
        n = self._table.num_rows
        if name not in self._table.column_names:
            return np.zeros((n, words), dtype=np.uint64), np.zeros(n, dtype=np.bool_)
        column = self._table.column(name).combine_chunks()
        there = np.asarray(pc.is_valid(column).to_numpy(zero_copy_only=False), dtype=np.bool_)
        raw = np.frombuffer(column.buffers()[1] or b"", dtype="<u8")
        values = raw[column.offset * words : (column.offset + n) * words].reshape(n, words).astype(np.uint64)
        values[~there] = 0  # what lies under a missing value is arbitrary
        return values, there
