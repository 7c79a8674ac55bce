"""A plan as flat arrays: what the kernels and their twins read to compare two rows."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from contract.fields import DOCUMENT_SLOTS
from linkage.columns import ColumnSpec, columns_of
from linkage.plan import BIRTH_COLUMNS, NAME_COLUMNS, SLOT_SKETCHES, ComparisonPlan

ANY_SLOT: Final = DOCUMENT_SLOTS.index("document_any")
SOCIAL_SLOT: Final = DOCUMENT_SLOTS.index("social_security")
NATIONAL_SLOT: Final = DOCUMENT_SLOTS.index("national_id")

# Tokens have fixed places, so that two rows are compared as one vector: year, month, day, the five
# document slots, then the variables that are tokens themselves.
BIRTH_AT: Final = 0
SLOT_AT: Final = 3
OWN_AT: Final = 8
TOKEN_LANES: Final = 16
DOCUMENTS: Final = 0b1111_1000  # bits of the document slots' places
DATED: Final = 0b0011_1000  # passport, national id, residence card: what an unknown document may be
PERMANENT: Final = 0b0101_0000  # national id, social security number
FULL_CODE: Final = 1 << 10  # name codes from here on are levels of the full name
_CODE = np.arange(FULL_CODE)


class Layout(NamedTuple):
    """Columns (place in `PassArrays.sketches` or `.tokens`, -1 without) and multipliers (0 without).

    Attributes:
        names: int64[6]: given, family, their skeletons, full, its skeleton.
        name_multipliers: int64[4]: given, family, order, full.
        name_table: int64[1040], what a name code adds to a pattern: given + 16 family + 256 order, or
            `FULL_CODE` + full.
        birth: int64[3]: year, month, day, or -1 if birth dates are not compared.
        birth_multiplier, document_multiplier: int64[1].
        birth_table: int64[128], what a birth date adds: bits 0-2 year, month and day are known on both
            sides, 3-5 they are equal, 6 month and day are equal crosswise.
        slots, slot_sketches: int64[5], or empty without documents.
        tokens, token_multipliers: the variables compared as tokens.
        sketches, sketch_multipliers: the variables compared as sketches.
    """

    names: npt.NDArray[np.int64]
    name_multipliers: npt.NDArray[np.int64]
    name_table: npt.NDArray[np.int64]
    birth: npt.NDArray[np.int64]
    birth_multiplier: npt.NDArray[np.int64]
    birth_table: npt.NDArray[np.int64]
    slots: npt.NDArray[np.int64]
    slot_sketches: npt.NDArray[np.int64]
    document_multiplier: npt.NDArray[np.int64]
    tokens: npt.NDArray[np.int64]
    token_multipliers: npt.NDArray[np.int64]
    sketches: npt.NDArray[np.int64]
    sketch_multipliers: npt.NDArray[np.int64]


class Rows(NamedTuple):
    """The arrays of a pass that kernels read; shapes and dtypes as in `tables.PassArrays`."""

    sketches: npt.NDArray[np.uint64]
    present: npt.NDArray[np.uint64]
    tokens: npt.NDArray[np.uint32]
    known: npt.NDArray[np.uint64]
    classes: npt.NDArray[np.uint8]
    order_known: npt.NDArray[np.bool_]
    register: npt.NDArray[np.uint16]
    encodings: npt.NDArray[np.uint64]
    ends: npt.NDArray[np.int64]


def birth_level(known: int, equal: int, crossed: bool) -> int:
    """Return the level of a birth date (`plan.BIRTH_DATE_LEVELS`).

    Args:
        known: Bits 0 to 2: year, month, day are known on both sides.
        equal: Bits 0 to 2: they are equal (where known).
        crossed: Month is the other's day, and day the other's month.
    """
    year, month, day = (bool(equal >> bit & 1) for bit in range(3))
    month_known, day_known = bool(known >> 1 & 1), bool(known >> 2 & 1)
    month, day = month and month_known, day and day_known
    if not known & 1:
        return 0
    if not year:
        if month and day:
            return 5
        return 8 if month or day else 9
    if month and day:
        return 1
    if month_known and day_known:
        if crossed:
            return 2
        return 3 if month else (4 if day else 7)
    contradicted = (month_known and not month) or (day_known and not day)
    return 7 if contradicted else 6


def layout_of(plan: ComparisonPlan) -> Layout:
    """Lay a plan out for the kernels."""
    spec = columns_of(plan)

    def places(names: tuple[str, ...], columns: tuple[str, ...]) -> npt.NDArray[np.int64]:
        return np.array([columns.index(name) if name in columns else -1 for name in names], dtype=np.int64)

    def multipliers(names: tuple[str, ...]) -> npt.NDArray[np.int64]:
        return np.array([plan.multiplier(name) for name in names], dtype=np.int64)

    tokens, sketches = plan.of_kind("token"), plan.of_kind("sketch")
    documents, dated = bool(plan.of_kind("documents")), bool(plan.of_kind("birth_date"))
    names, births = multipliers(("given", "family", "order", "full")), multipliers(("birth_date",))
    parts = (_CODE & 15) * names[0] + (_CODE >> 4 & 15) * names[1] + (_CODE >> 8) * names[2]
    levels = [birth_level(bits & 7, bits >> 3 & 7, bool(bits >> 6)) for bits in range(128)]
    return Layout(
        names=places(NAME_COLUMNS, spec.sketches),
        name_multipliers=names,
        name_table=np.concatenate([parts, np.arange(16) * names[3]]),
        birth=BIRTH_AT + np.arange(3) if dated else np.full(3, -1, dtype=np.int64),
        birth_multiplier=births,
        birth_table=np.array(levels, dtype=np.int64) * births[0],
        slots=SLOT_AT + np.arange(len(DOCUMENT_SLOTS) if documents else 0),
        slot_sketches=places(SLOT_SKETCHES if documents else (), spec.sketches),
        document_multiplier=multipliers(("documents",)),
        tokens=OWN_AT + np.arange(len(tokens)),
        token_multipliers=multipliers(tokens),
        sketches=places(sketches, spec.sketches),
        sketch_multipliers=multipliers(sketches),
    )


def token_places(spec: ColumnSpec) -> dict[str, int]:
    """Return the place of each token column of a pass table in `PassArrays.tokens`."""
    fixed = {**{name: BIRTH_AT + at for at, name in enumerate(BIRTH_COLUMNS)}}
    fixed |= {name: SLOT_AT + at for at, name in enumerate(DOCUMENT_SLOTS)}
    own = [name for name in spec.tokens if name not in fixed]
    return {name: fixed[name] for name in spec.tokens if name in fixed} | {
        name: OWN_AT + at for at, name in enumerate(own)
    }


def token_width(spec: ColumnSpec) -> int:
    """Return the number of token places of a row: whole vectors."""
    own = len([name for name in token_places(spec).values() if name >= OWN_AT])
    return -(-(OWN_AT + own) // TOKEN_LANES) * TOKEN_LANES
