"""Which columns a pass table has under a plan, and where each goes in the arrays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from contract.fields import DOCUMENT_SLOTS
from linkage.plan import BIRTH_COLUMNS, CLASS_COLUMNS, NAME_COLUMNS, SLOT_SKETCHES, ComparisonPlan

SKETCH_BYTES = 16


@dataclass(frozen=True)
class ColumnSpec:
    """The columns of a pass table.

    Attributes:
        sketches: Columns of 128-bit sketches, in the order of `PassArrays.sketches`.
        tokens: Columns of keyed tokens, in the order of `PassArrays.tokens`.
        classes: Columns of frequency classes.
        order: The column that says whether the order of names is known, or "".
        words: 64-bit words of a record-level encoding, 0 without one.
        types: Every column that may be there, with its type.
        required: Columns that must be there.
        closed: Any other column is refused: what nobody reads has no business at the linkage unit.
    """

    sketches: tuple[str, ...]
    tokens: tuple[str, ...]
    classes: tuple[str, ...]
    order: str
    words: int
    types: dict[str, pa.DataType]
    required: frozenset[str]
    closed: bool

    def arrays(self) -> list[tuple[str, tuple[int, ...], Any]]:
        """Return name, shape of a row and dtype of the arrays made from a table."""
        return [
            ("handle", (), np.uint64),
            ("block", (), np.uint64),
            ("register", (), np.uint16),
            ("sketches", (len(self.sketches), 2), np.uint64),
            ("present", (), np.uint64),
            ("tokens", (len(self.tokens),), np.int64),
            ("classes", (len(self.classes),), np.uint8),
            ("order_known", (), np.bool_),
            ("encodings", (self.words,), np.uint64),
        ]


def columns_of(plan: ComparisonPlan) -> ColumnSpec:
    """Return the columns of a plan's pass tables.

    Document slots, their sketches and the marks of names may be missing: they are null then. Under
    profile `clear` the evaluation compares the values itself: only `handle` and `block` are read here.
    """
    sketches: list[str] = []
    tokens: list[str] = []
    optional: set[str] = set()
    parts = bool(plan.of_kind("name_part"))
    if plan.profile == "blind_blocks":
        if parts:
            sketches += NAME_COLUMNS[:4]
        if plan.of_kind("full"):
            sketches += NAME_COLUMNS[4:]
        if plan.of_kind("birth_date"):
            tokens += BIRTH_COLUMNS
        sketches += plan.of_kind("sketch")
        tokens += plan.of_kind("token")
    required = {"handle", "block", *sketches, *tokens}
    if plan.of_kind("documents") and plan.profile != "clear":
        tokens += DOCUMENT_SLOTS
        optional.update(DOCUMENT_SLOTS)
        if plan.profile == "blind_blocks":
            sketches += SLOT_SKETCHES
            optional.update(SLOT_SKETCHES)
    named = plan.profile == "blind_blocks" and (parts or bool(plan.of_kind("full")))
    classes = CLASS_COLUMNS if named else ()
    order = "name_order_known" if named else ""
    types: dict[str, pa.DataType] = {"handle": pa.uint64(), "block": pa.uint64()}
    types |= {name: pa.binary(SKETCH_BYTES) for name in sketches}
    types |= {name: pa.uint32() for name in tokens}
    types |= {name: pa.uint8() for name in classes}
    if order:
        types[order] = pa.bool_()
    words = plan.record_bits // 64
    if words:
        types["encoding"] = pa.binary(plan.record_bits // 8)
        required.add("encoding")
    return ColumnSpec(
        tuple(sketches),
        tuple(tokens),
        tuple(classes),
        order,
        words,
        types,
        frozenset(required),
        plan.profile != "clear",
    )
