"""What of a pass table can be held against clear text: columns, and the comparisons that their shared keys allow."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from contract.agreement import Agreement
from contract.errors import InputError
from pseudonymisation.encoding.columns import BLOCK, HANDLE, Column, columns_of
from pseudonymisation.encoding.sketches import SKETCH_BYTES

#: Kinds of comparison: two tokens, two sketches in full, two sketches by the bits of `CROSSWISE_BITS` alone.
TOKEN, SKETCH, CROSSWISE = 0, 1, 2
#: Groups in which two persons' values of different columns may well be equal (a swapped name, 05-05).
_CROSSED: Final = frozenset({"names", "skeletons", "month_day"})


class AttackInputError(InputError):
    """A table or an attacker's knowledge is not of the form that the attack reads."""

    code = "attack.input"
    default_advice = "Give a blind_blocks pass table of this agreement, and normalised identities with a person number."


@dataclass(frozen=True)
class Layout:
    """Columns and comparisons of an agreement's pass tables.

    Attributes:
        tokens: Exact columns.
        sketches: Sketched columns.
        between: int64[c, 3]: kind, column of the one row, column of the other; columns count within their kind.
        within: int64[w, 3]: as `between`, of one row with itself.
    """

    tokens: tuple[Column, ...]
    sketches: tuple[Column, ...]
    between: npt.NDArray[np.int64]
    within: npt.NDArray[np.int64]


def layout_of(agreement: Agreement) -> Layout:
    """Return what can be compared under an agreement: columns of one group share a key, others say nothing."""
    columns = columns_of(agreement)
    tokens = tuple(column for column in columns if column.kind == "token")
    sketches = tuple(column for column in columns if column.kind != "token")
    between, within = [], []
    for kind, of_kind in ((TOKEN, tokens), (SKETCH, sketches)):
        for left, one in enumerate(of_kind):
            for right, other in enumerate(of_kind):
                if one.group != other.group:
                    continue
                compared = CROSSWISE if one.tag != other.tag else kind
                if left == right or one.group in _CROSSED:
                    between.append((compared, left, right))
                if left < right:
                    within.append((compared, left, right))
    return Layout(tokens, sketches, _triples(between), _triples(within))


def _triples(found: list[tuple[int, int, int]]) -> npt.NDArray[np.int64]:
    return np.array(found, dtype=np.int64).reshape(-1, 3)


@dataclass(frozen=True)
class Observed:
    """A pass table as arrays, n rows.

    Attributes:
        handles: uint64[n].
        block: int64[n], number of each row's block, from 0 without a gap.
        tokens: int64[n, t], -1 where missing.
        sketches: uint64[n, s, 2], zero where missing.
        sketched: bool[n, s], false where missing.
        held: bool[n, t + s], whether a row's register has the column: one that lacks a field says nothing by that.
    """

    handles: npt.NDArray[np.uint64]
    block: npt.NDArray[np.int64]
    tokens: npt.NDArray[np.int64]
    sketches: npt.NDArray[np.uint64]
    sketched: npt.NDArray[np.bool_]
    held: npt.NDArray[np.bool_]

    @cached_property
    def missing(self) -> npt.NDArray[np.bool_]:
        """Which cells of a row are missing, bool[n, t + s]."""
        return np.concatenate([self.tokens < 0, ~self.sketched], axis=1)

    @cached_property
    def sizes(self) -> npt.NDArray[np.int64]:
        """Rows of each block, int64[blocks]."""
        return np.bincount(self.block).astype(np.int64)

    @cached_property
    def _by_block(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        ends = np.concatenate([[0], np.cumsum(self.sizes)])
        return np.argsort(self.block, kind="stable"), ends

    def rows_of(self, block: int) -> npt.NDArray[np.int64]:
        """Return the rows of a block."""
        order, ends = self._by_block
        return order[ends[block] : ends[block + 1]]


def observe(table: pa.Table, layout: Layout) -> Observed:
    """Read a pass table.

    Raises:
        AttackInputError: A column is missing.
    """
    wanted = [HANDLE, BLOCK, *(column.name for column in (*layout.tokens, *layout.sketches))]
    absent = [name for name in wanted if name not in table.column_names]
    if absent:
        raise AttackInputError("The pass table lacks a column.", where={"column": absent[0]})
    rows = table.num_rows
    tokens = np.full((rows, len(layout.tokens)), -1, dtype=np.int64)
    for at, column in enumerate(layout.tokens):
        series = pl.Series(table.column(column.name).combine_chunks().cast(pa.int64()))
        tokens[:, at] = series.fill_null(-1).to_numpy()
    sketches = np.zeros((rows, len(layout.sketches), 2), dtype=np.uint64)
    sketched = np.zeros((rows, len(layout.sketches)), dtype=np.bool_)
    zero = pa.scalar(bytes(SKETCH_BYTES), pa.binary(SKETCH_BYTES))
    for at, column in enumerate(layout.sketches):
        cells = table.column(column.name).combine_chunks().cast(pa.binary(SKETCH_BYTES))
        sketched[:, at] = cells.is_valid().to_numpy(zero_copy_only=False)
        if rows:
            filled = cells.fill_null(zero)
            raw = np.frombuffer(filled.buffers()[1], dtype="<u8", offset=filled.offset * SKETCH_BYTES, count=2 * rows)
            sketches[:, at] = raw.reshape(-1, 2)
    _, block = np.unique(table.column(BLOCK).to_numpy(), return_inverse=True)
    return Observed(
        handles=table.column(HANDLE).to_numpy().astype(np.uint64),
        block=block.astype(np.int64),
        tokens=tokens,
        sketches=sketches,
        sketched=sketched,
        held=np.tile(np.concatenate([(tokens >= 0).any(axis=0), sketched.any(axis=0)]), (rows, 1)),
    )
