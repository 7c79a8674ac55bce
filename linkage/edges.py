"""The table of edges: schema, making, and joining of chunks (columns as in `contract/edges.py`)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from linkage.model import Model
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
    probability = model.probability(arrays.name, patterns)
    kept = probability >= floor
    i, j, patterns, probability = i[kept], j[kept], patterns[kept], probability[kept]
    # rows of a block are sorted by register, so that the first row's register comes first
    order = np.lexsort((arrays.handle[j], arrays.handle[i]))
    i, j, patterns, probability = i[order], j[order], patterns[order], probability[order]
    columns = [
        _named(np.full(len(i), plan.passes.index(arrays.name)), plan.passes),
        pa.array(arrays.handle[i]),
        pa.array(arrays.handle[j]),
        _named(arrays.register[i], plan.registers),
        _named(arrays.register[j], plan.registers),
        pa.array(patterns),
        pa.array(model.weight(arrays.name, patterns)),
        pa.array(probability),
    ]
    return pa.table(columns, schema=EDGE_SCHEMA)


def join_edges(tables: Iterable[pa.Table]) -> pa.Table:
    """Join chunks of edges, sorted by pass, handle_a, handle_b: the same whatever the chunks were."""
    joined = pa.concat_tables([EDGE_SCHEMA.empty_table(), *tables]).unify_dictionaries().combine_chunks()
    names = np.asarray(joined.column("pass").cast(pa.string()).to_pylist(), dtype=np.str_)
    order = np.lexsort((joined.column("handle_b").to_numpy(), joined.column("handle_a").to_numpy(), names))
    return joined.take(pa.array(order))
