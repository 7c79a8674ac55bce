"""Compare all pairs inside the blocks of a pass: count their patterns, then emit the likely ones."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from linkage import record
from linkage.edges import EDGE_FLOOR, ComparedPairs, edge_table, pairs_of_rows
from linkage.errors import BlockSizeError, PatternError
from linkage.kernels import count_kernel, emit_kernel, largest_block, pairs_kernel
from linkage.layout import layout_of
from linkage.model import Model
from linkage.patterns import PatternCounts
from linkage.plan import ComparisonPlan
from linkage.tables import PassArrays

#: Pairs of one block, about an hour's work of one core. A capped block has some dozens of rows.
MAX_BLOCK_PAIRS: Final = 2e11


def _check_range(arrays: PassArrays, lo: int, hi: int) -> None:
    if not 0 <= lo <= hi <= len(arrays):
        raise PatternError("The row range lies outside the pass.", where={"pass": arrays.name})


def check_blocks(arrays: PassArrays) -> None:
    """Refuse a pass with a block whose pairs would take hours: caps have not held.

    Raises:
        BlockSizeError: A block has more than `MAX_BLOCK_PAIRS` comparable pairs, at most.
    """
    largest = int(largest_block(arrays.ends))
    if largest * (largest - 1) / 2 > MAX_BLOCK_PAIRS:
        raise BlockSizeError(f"A block holds {largest} rows.", where={"pass": arrays.name})


def _check_comparable(plan: ComparisonPlan) -> None:
    if plan.profile == "clear":
        raise PatternError("Profile clear compares outside this room: give its patterns to count_given, emit_given.")


def count_patterns(arrays: PassArrays, plan: ComparisonPlan, lo: int, hi: int) -> PatternCounts:
    """Count the agreement patterns of all comparable pairs whose first row is in [lo, hi).

    Two rows are comparable in one block, of two registers or of one that holds a person many times.

    Raises:
        PatternError: The range lies outside the pass, or the profile is `clear`.
        BlockSizeError: A block is too large to compare.
    """
    _check_range(arrays, lo, hi)
    _check_comparable(plan)
    many = np.array(plan.many, dtype=np.bool_)
    if plan.profile == "record":
        table = record.count_keys(arrays, plan, many, lo, hi)
    else:
        check_blocks(arrays)
        table = count_kernel(layout_of(plan), arrays.rows(), many, lo, hi)
    table = table[table[:, 1] > 0]
    keys, counts = table[:, 0].astype(np.uint64), table[:, 1]
    n = np.uint64(len(plan.registers))
    return PatternCounts.gathered(
        keys // (n * n), ((keys // n) % n).astype(np.uint16), (keys % n).astype(np.uint16), counts
    )


def emit_edges(
    arrays: PassArrays, plan: ComparisonPlan, model: Model, lo: int, hi: int, floor: float = EDGE_FLOOR
) -> pa.Table:
    """Return the pairs of [lo, hi) whose match probability is at least `floor`.

    Returns:
        A table with `edges.EDGE_SCHEMA`, sorted by pass, handle_a, handle_b.

    Raises:
        PatternError: The range lies outside the pass, the floor is no probability, a weight is not finite,
            or the profile is `clear`.
    """
    _check_range(arrays, lo, hi)
    _check_comparable(plan)
    if not (math.isfinite(floor) and 0 < floor <= 1):
        raise PatternError("The floor of edges is a probability above 0.")
    many = np.array(plan.many, dtype=np.bool_)
    weights = model.most_weights(arrays.name)
    bound = model.least_weight(arrays.name, floor)
    if not (np.isfinite(weights[0]).all() and np.isfinite(weights[1]).all() and math.isfinite(bound)):
        raise PatternError("A weight of the model is not finite.", where={"pass": arrays.name})
    if plan.profile == "record":
        i, j, patterns = record.likely_pairs(arrays, plan, many, lo, hi, model, bound)
    else:
        sizes = plan.sizes.astype(np.int64)
        found = emit_kernel(layout_of(plan), arrays.rows(), many, lo, hi, sizes, *weights, bound)
        i, j, patterns = found[:, 0], found[:, 1], found[:, 2].astype(np.uint64)
    return edge_table(arrays, plan, model, i, j, patterns, floor)


def compared_pairs(arrays: PassArrays, plan: ComparisonPlan) -> ComparedPairs:
    """Return all comparable pairs of a pass with their patterns: where they are few, they are kept.

    Raises:
        PatternError: The profile is not `blind_blocks`.
    """
    if plan.profile != "blind_blocks":
        raise PatternError("Only the pairs of blocks are kept.")
    many, nothing = np.array(plan.many, dtype=np.bool_), np.zeros((1, len(plan.variables), int(plan.sizes.max())))
    sizes = plan.sizes.astype(np.int64)
    found = emit_kernel(layout_of(plan), arrays.rows(), many, 0, len(arrays), sizes, nothing, np.zeros(1), -math.inf)
    return pairs_of_rows(arrays, found[:, 0], found[:, 1], found[:, 2].astype(np.uint64))


def pairs_in_blocks(
    arrays: PassArrays, plan: ComparisonPlan, lo: int, hi: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return the comparable row pairs (i, j), i < j, of [lo, hi): for a profile that compares elsewhere."""
    _check_range(arrays, lo, hi)
    i, j = pairs_kernel(arrays.rows(), np.array(plan.many, dtype=np.bool_), lo, hi)
    return i, j


def count_given(
    arrays: PassArrays,
    i: npt.NDArray[np.int64],
    j: npt.NDArray[np.int64],
    patterns: npt.NDArray[np.uint64],
) -> PatternCounts:
    """Count patterns that were made elsewhere (uint64[n]) for the row pairs (i, j).

    Raises:
        PatternError: The arrays have different lengths.
    """
    return PatternCounts.gathered(
        patterns, arrays.register[i], arrays.register[j], np.ones(len(patterns), dtype=np.int64)
    )


def emit_given(
    arrays: PassArrays,
    plan: ComparisonPlan,
    model: Model,
    i: npt.NDArray[np.int64],
    j: npt.NDArray[np.int64],
    patterns: npt.NDArray[np.uint64],
    floor: float = EDGE_FLOOR,
) -> pa.Table:
    """Return the edges of row pairs whose patterns were made elsewhere; as `emit_edges`."""
    return edge_table(arrays, plan, model, i, j, patterns, floor)
