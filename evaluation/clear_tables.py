"""Pass tables of profile `clear` as arrays that know the exact similarity of two values.

Every value becomes a number: a token column holds it as its token, a sketch column in place of the
sketch, and the similarity of two values is the Jaccard index of their sets of grams, where a sketch
only estimates it. Everything else is as in `blind_blocks`, so that a difference between the two is the
sketch's doing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa
from numba import njit

from contract.agreement import Agreement
from linkage.columns import SKETCH_BYTES, columns_of
from linkage.loading import load_pass
from linkage.plan import ComparisonPlan
from linkage.tables import PassArrays
from pseudonymisation.encoding.columns import Column
from pseudonymisation.encoding.columns import columns_of as encoded_columns_of
from pseudonymisation.encoding.sketches import SKETCH_BITS
from pseudonymisation.encoding.values import Values, distinct_values

_FAR: Final = SKETCH_BITS / 2  # the Hamming distance to expect of two sketches whose sets share nothing


@njit(cache=True, error_model="numpy")
def jaccard(left: Any, right: Any, offsets: Any, grams: Any) -> Any:
    """Return the Jaccard indices (float64[n]) of pairs of gram sets.

    Args:
        left: int64[n], places in `offsets`.
        right: int64[n], as `left`.
        offsets: int64[v + 1], where each sorted set begins in `grams`.
        grams: uint64[...]. Two empty sets are equal.
    """
    out = np.ones(len(left), dtype=np.float64)
    for pair in range(len(left)):
        a, b = offsets[left[pair]], offsets[right[pair]]
        end_a, end_b = offsets[left[pair] + 1], offsets[right[pair] + 1]
        either, shared = (end_a - a) + (end_b - b), 0
        while a < end_a and b < end_b:
            if grams[a] == grams[b]:
                shared += 1
                a += 1
                b += 1
            elif grams[a] < grams[b]:
                a += 1
            else:
                b += 1
        if either > 0:
            out[pair] = shared / (either - shared)
    return out


@dataclass(frozen=True)
class ClearArrays(PassArrays):
    """A pass in the clear: `sketches[:, s, 0]` is the number of a value in `vocabularies[s]`, 0 where missing."""

    vocabularies: tuple[Values, ...]

    def crosswise(self, i: npt.NDArray[np.int64], j: npt.NDArray[np.int64], left: int, right: int) -> npt.NDArray[Any]:
        """Return `distance`: clear values can be compared in full."""
        return self.distance(i, j, left, right)

    def distance(self, i: npt.NDArray[np.int64], j: npt.NDArray[np.int64], left: int, right: int) -> npt.NDArray[Any]:
        """Return 64 (1 - J), float64[n]: the Hamming distance that two sketches of the values have on average."""
        known = self.vocabularies[left]
        one, other = (self.sketches[rows, at, 0].astype(np.int64) for rows, at in ((i, left), (j, right)))
        return np.asarray(_FAR * (1.0 - jaccard(one, other, known.offsets, known.data)))


def load_clear(agreement: Agreement, plan: ComparisonPlan, name: str, tables: Mapping[str, pa.Table]) -> ClearArrays:
    """Join the registers' clear tables of one pass into arrays.

    Args:
        agreement: What the tables were made under.
        plan: The comparison plan, as of profile `blind_blocks`.
        name: The pass.
        tables: Register to its pass table.

    Raises:
        PassTableError: A table is not one of this pass.
    """
    groups: dict[str, list[Column]] = {}
    for column in encoded_columns_of(agreement):
        groups.setdefault(column.group, []).append(column)
    numbered: dict[tuple[str, str], npt.NDArray[np.int64]] = {}
    vocabulary: dict[str, Values] = {}
    for columns in groups.values():
        places = [(register, column.name) for register in sorted(tables) for column in columns]
        series = [_strings(tables[register], column) for register, column in places]
        known = distinct_values(pl.concat(series), columns[0].kind)
        ids = np.split(known.ids, np.cumsum([len(one) for one in series])[:-1])
        numbered |= dict(zip(places, ids, strict=True))
        # number 0 is the empty set: what stands in a missing cell
        shifted = Values(known.ids, np.concatenate([[0], known.offsets]).astype(np.int64), known.data)
        vocabulary |= {column.name: shifted for column in columns}
    spec = columns_of(plan)
    encoded = {
        register: pa.table(
            {
                column: _encoded(numbered.get((register, column)), table, column, kind)
                for column, kind in spec.types.items()
                if column in table.column_names
            }
        )
        for register, table in tables.items()
    }
    arrays = load_pass(encoded, plan, name)
    own = {part.name: getattr(arrays, part.name) for part in fields(PassArrays)}
    nothing = Values(np.empty(0, dtype=np.int64), np.zeros(2, dtype=np.int64), np.empty(0, dtype=np.uint64))
    # a kind of document that no register has is a column of the plan, but not of the tables
    return ClearArrays(**own, vocabularies=tuple(vocabulary.get(column, nothing) for column in spec.sketches))


def _strings(table: pa.Table, column: str) -> pl.Series:
    return pl.Series(column, table.column(column).to_pylist(), dtype=pl.String)


def _encoded(ids: npt.NDArray[np.int64] | None, table: pa.Table, column: str, kind: pa.DataType) -> pa.Array:
    """Return a column as its encoded type: the number of the value where it is one, else what it is."""
    if ids is None:
        return table.column(column).combine_chunks()
    if kind != pa.binary(SKETCH_BYTES):
        return pa.array(ids, mask=ids < 0).cast(kind)
    words = np.zeros((len(ids), 2), dtype="<u8")
    words[:, 0] = ids + 1
    raw = pa.Array.from_buffers(kind, len(ids), [None, pa.py_buffer(words.tobytes())])
    return raw.take(pa.array(np.arange(len(ids)), mask=ids < 0))
