"""The table of edges: schema, making, and joining of chunks (columns as in `contract/edges.py`)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from linkage.kernels.hashing import distinct
from linkage.model import Model
from linkage.ordering import sorted_rows
from linkage.plan import ComparisonPlan
from linkage.tables import PassArrays

#: Pairs below this match probability are not handed on: a hundred of them hold less than one match.
EDGE_FLOOR = 0.01
_NAMES = pa.dictionary(pa.int16(), pa.string())
EDGE_SCHEMA = pa.schema(
    [
        pa.field("pass", _NAMES, nullable=False),
        pa.field("handle_a", pa.uint64(), nullable=False),
        pa.field("handle_b", pa.uint64(), nullable=False),
        pa.field("register_a", _NAMES, nullable=False),
        pa.field("register_b", _NAMES, nullable=False),
        pa.field("pattern", pa.uint64(), nullable=False),
        pa.field("weight", pa.float64(), nullable=False),
        pa.field("probability", pa.float64(), nullable=False),
    ]
)


def _named(places: npt.NDArray[Any], names: tuple[str, ...]) -> pa.Array:
    return pa.DictionaryArray.from_arrays(pa.array(places.astype(np.int16)), pa.array(names, pa.string()))


class ComparedPairs(NamedTuple):
    """Pairs with their agreement patterns.

    Attributes:
        handle_a, handle_b: uint64[n].
        register_a, register_b: uint16[n], places in the plan's registers, a <= b.
        pattern: uint64[n].
    """

    handle_a: npt.NDArray[np.uint64]
    handle_b: npt.NDArray[np.uint64]
    register_a: npt.NDArray[np.uint16]
    register_b: npt.NDArray[np.uint16]
    pattern: npt.NDArray[np.uint64]

    def taken(self, rows: npt.NDArray[Any]) -> ComparedPairs:
        """Return some of the pairs, by number or flag."""
        return ComparedPairs(*(column[rows] for column in self))


def pairs_of_rows(
    arrays: PassArrays, i: npt.NDArray[np.int64], j: npt.NDArray[np.int64], patterns: npt.NDArray[np.uint64]
) -> ComparedPairs:
    """Return row pairs (i < j) by their handles."""
    # rows of a block are sorted by register, so that the first row's register comes first
    return ComparedPairs(arrays.handle[i], arrays.handle[j], arrays.register[i], arrays.register[j], patterns)


def edges_of(plan: ComparisonPlan, model: Model, name: str, pairs: ComparedPairs, floor: float) -> pa.Table:
    """Return the edges of a pass's pairs whose match probability is at least `floor`, in order."""
    keys, which, _ = distinct(model.keys(pairs.pattern, pairs.register_a, pairs.register_b).view(np.int64))
    weight = model.weight(name, *model.parted(keys.view(np.uint64)))
    probability = model.probability_of(name, weight)
    kept = np.flatnonzero((probability >= floor)[which])
    which, pairs = which[kept], pairs.taken(kept)
    order = sorted_rows(pairs.handle_a, np.zeros(len(kept), dtype=np.uint16), pairs.handle_b)
    which, pairs = which[order], pairs.taken(order)
    columns = [
        _named(np.full(len(which), plan.passes.index(name)), plan.passes),
        pa.array(pairs.handle_a),
        pa.array(pairs.handle_b),
        _named(pairs.register_a, plan.registers),
        _named(pairs.register_b, plan.registers),
        pa.array(pairs.pattern),
        pa.array(weight[which]),
        pa.array(probability[which]),
    ]
    return pa.table(columns, schema=EDGE_SCHEMA)


def edge_table(
    arrays: PassArrays,
    plan: ComparisonPlan,
    model: Model,
    i: npt.NDArray[np.int64],
    j: npt.NDArray[np.int64],
    patterns: npt.NDArray[np.uint64],
    floor: float,
) -> pa.Table:
    """Return the edges of row pairs (i < j) whose match probability is at least `floor`, in order."""
    return edges_of(plan, model, arrays.name, pairs_of_rows(arrays, i, j, patterns), floor)


def _in_order(places: npt.NDArray[np.int64], a: npt.NDArray[np.uint64], b: npt.NDArray[np.uint64]) -> bool:
    later = a[1:] > a[:-1]
    later |= (a[1:] == a[:-1]) & (b[1:] >= b[:-1])
    later &= places[1:] == places[:-1]
    return bool((later | (places[1:] > places[:-1])).all())


def join_edges(tables: Iterable[pa.Table]) -> pa.Table:
    """Join chunks of edges, sorted by pass, handle_a, handle_b: the same whatever the chunks were."""
    filled = [table for table in tables if table.num_rows]
    if not filled:
        return EDGE_SCHEMA.empty_table()
    joined = filled[0] if len(filled) == 1 else pa.concat_tables(filled).unify_dictionaries()
    joined = joined.combine_chunks() if joined.column("pass").num_chunks > 1 else joined
    column = joined.column("pass").chunk(0)
    names = column.dictionary.to_pylist()
    rank = np.empty(len(names), dtype=np.int64)
    rank[sorted(range(len(names)), key=names.__getitem__)] = np.arange(len(names))
    places = rank[column.indices.to_numpy()]
    a, b = joined.column("handle_a").to_numpy(), joined.column("handle_b").to_numpy()
    if _in_order(places, a, b):  # as every chunk is: a pass of one chunk need not be sorted again
        return joined
    order = np.lexsort((b, a, places))
    return joined.take(pa.array(order))
