"""A plan as flat arrays: what the kernels and their twins read to compare two rows."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from contract.fields import DOCUMENT_SLOTS
from linkage.columns import columns_of
from linkage.plan import BIRTH_COLUMNS, NAME_COLUMNS, SLOT_SKETCHES, ComparisonPlan

ANY_SLOT = DOCUMENT_SLOTS.index("document_any")
SOCIAL_SLOT = DOCUMENT_SLOTS.index("social_security")
NATIONAL_SLOT = DOCUMENT_SLOTS.index("national_id")


class Layout(NamedTuple):
    """Columns (place in `PassArrays.sketches` or `.tokens`, -1 without) and multipliers (0 without).

    Attributes:
        names: int64[6]: given, family, their skeletons, full, its skeleton.
        name_multipliers: uint64[4]: given, family, order, full.
        birth: int64[3]: year, month, day.
        birth_multiplier, document_multiplier: uint64[1].
        slots, slot_sketches: int64[5], or empty without documents.
        tokens, token_multipliers: the variables compared as tokens.
        sketches, sketch_multipliers: the variables compared as sketches.
    """

    names: npt.NDArray[np.int64]
    name_multipliers: npt.NDArray[np.uint64]
    birth: npt.NDArray[np.int64]
    birth_multiplier: npt.NDArray[np.uint64]
    slots: npt.NDArray[np.int64]
    slot_sketches: npt.NDArray[np.int64]
    document_multiplier: npt.NDArray[np.uint64]
    tokens: npt.NDArray[np.int64]
    token_multipliers: npt.NDArray[np.uint64]
    sketches: npt.NDArray[np.int64]
    sketch_multipliers: npt.NDArray[np.uint64]


class Rows(NamedTuple):
    """The arrays of a pass that kernels read; shapes and dtypes as in `tables.PassArrays`."""

    sketches: npt.NDArray[np.uint64]
    present: npt.NDArray[np.uint64]
    tokens: npt.NDArray[np.int64]
    classes: npt.NDArray[np.uint8]
    order_known: npt.NDArray[np.bool_]
    register: npt.NDArray[np.uint16]
    encodings: npt.NDArray[np.uint64]
    ends: npt.NDArray[np.int64]


def layout_of(plan: ComparisonPlan) -> Layout:
    """Lay a plan out for the kernels."""
    spec = columns_of(plan)

    def places(names: tuple[str, ...], columns: tuple[str, ...]) -> npt.NDArray[np.int64]:
        return np.array([columns.index(name) if name in columns else -1 for name in names], dtype=np.int64)

    def multipliers(names: tuple[str, ...]) -> npt.NDArray[np.uint64]:
        return np.array([plan.multiplier(name) for name in names], dtype=np.uint64)

    tokens, sketches = plan.of_kind("token"), plan.of_kind("sketch")
    documents = bool(plan.of_kind("documents"))
    return Layout(
        names=places(NAME_COLUMNS, spec.sketches),
        name_multipliers=multipliers(("given", "family", "order", "full")),
        birth=places(BIRTH_COLUMNS, spec.tokens) if plan.of_kind("birth_date") else np.full(3, -1, dtype=np.int64),
        birth_multiplier=multipliers(("birth_date",)),
        slots=places(DOCUMENT_SLOTS if documents else (), spec.tokens),
        slot_sketches=places(SLOT_SKETCHES if documents else (), spec.sketches),
        document_multiplier=multipliers(("documents",)),
        tokens=places(tokens, spec.tokens),
        token_multipliers=multipliers(tokens),
        sketches=places(sketches, spec.sketches),
        sketch_multipliers=multipliers(sketches),
    )
