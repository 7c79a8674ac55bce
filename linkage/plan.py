"""The comparison plan: which variables a pair is compared on, and how its agreement pattern is packed.

Every variable has *agreement levels*; level 0 means that a side lacks the value, which is no evidence.
A pattern is the mixed-radix number of its levels (variable 0 counts single units) in a uint64.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt

from contract.agreement import Agreement
from contract.fields import (
    DATE_FIELDS,
    DOCUMENT_FIELDS,
    DOCUMENT_SLOTS,
    NAME_FIELDS,
    FieldType,
    component_touches,
    field_type,
)
from contract.submission import pass_names
from linkage.errors import PatternError, PlanError

Kind = Literal["name_part", "order", "full", "birth_date", "documents", "token", "sketch", "similarity"]

# Exact agreement is split by the public frequency class (0 very common ... 3 rare): that two persons
# are both called by the commonest name says little.
NAME_PART_LEVELS: Final = (
    "missing",
    "exact_very_common",
    "exact_common",
    "exact_known",
    "exact_rare",
    "close",
    "near",
    "partial",
    "weak",
    "different",
)
ORDER_LEVELS: Final = ("missing", "straight", "swapped")
FULL_LEVELS: Final = (
    "missing",
    "exact_common",
    "exact_known",
    "exact_rare",
    "close",
    "near",
    "partial",
    "weak",
    "different",
)
BIRTH_DATE_LEVELS: Final = (
    "missing",
    "equal",
    "month_day_swapped",
    "year_month",
    "year_day",
    "month_day",
    "year_rest_missing",
    "year_only",
    "one_part",
    "different",
)
# A number that is meant for life (national id, insured number) and differs says more than a passport
# that was renewed.
DOCUMENT_LEVELS: Final = ("missing", "equal", "near", "renewable_differs", "permanent_differs")
TOKEN_LEVELS: Final = ("missing", "equal", "different")
SKETCH_LEVELS: Final = ("missing", "exact", "close", "partial", "different")
SIMILARITY_BINS: Final = 40  # of the record profile: normalised similarity in equal steps

NAME_COLUMNS: Final = ("given", "family", "given_skeleton", "family_skeleton", "full", "full_skeleton")
BIRTH_COLUMNS: Final = ("birth_year", "birth_month", "birth_day")
CLASS_COLUMNS: Final = ("given_class", "family_class")
SLOT_SKETCHES: Final = tuple(f"{slot}_sketch" for slot in DOCUMENT_SLOTS)
_SKETCHED: Final = frozenset({FieldType.NAME, FieldType.TEXT, FieldType.CODE})
_LIMIT: Final = 2**63  # patterns stay below, so that every sum of digits fits


@dataclass(frozen=True)
class Variable:
    """One comparison variable: its name, how it is compared, and the names of its levels."""

    name: str
    kind: Kind
    levels: tuple[str, ...]


@dataclass(frozen=True)
class ComparisonPlan:
    """What is compared under one agreement.

    Attributes:
        profile: Encoding profile (`blind_blocks`, `record`, `clear`).
        registers: Names in the agreement's order.
        many: Whether a register's own rows are compared with each other, by register.
        variables: Comparison variables in the order of their digits.
        touched: Pass name to the variables that its key decides in part, at any of its levels.
        core: The same for the key's broad level alone.
        record_bits: Length of a record-level encoding.
    """

    profile: str
    registers: tuple[str, ...]
    many: tuple[bool, ...]
    variables: tuple[Variable, ...]
    touched: Mapping[str, frozenset[str]]
    core: Mapping[str, frozenset[str]]
    record_bits: int = 0

    @property
    def passes(self) -> tuple[str, ...]:
        """Names of the passes, in the agreement's order."""
        return tuple(self.touched)

    @cached_property
    def multipliers(self) -> npt.NDArray[np.uint64]:
        """uint64[V]: what one level of each variable adds to a pattern."""
        sizes = [len(variable.levels) for variable in self.variables]
        return np.cumprod([1, *sizes[:-1]], dtype=np.uint64)

    @cached_property
    def sizes(self) -> npt.NDArray[np.uint64]:
        """uint64[V]: the number of levels of each variable, level 0 included."""
        return np.array([len(variable.levels) for variable in self.variables], dtype=np.uint64)

    @property
    def pattern_limit(self) -> int:
        """Every pattern is below this number."""
        limit = 1
        for variable in self.variables:
            limit *= len(variable.levels)
        return limit

    def index(self, name: str) -> int:
        """Return a variable's place, or -1 if it is not compared."""
        names = [variable.name for variable in self.variables]
        return names.index(name) if name in names else -1

    def multiplier(self, name: str) -> int:
        """Return a variable's multiplier, or 0 if it is not compared."""
        at = self.index(name)
        return int(self.multipliers[at]) if at >= 0 else 0

    def of_kind(self, kind: Kind) -> tuple[str, ...]:
        """Return the names of the variables compared in one way."""
        return tuple(variable.name for variable in self.variables if variable.kind == kind)

    def levels_of(self, patterns: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint8]:
        """Unpack patterns.

        Args:
            patterns: uint64[n].

        Returns:
            uint8[n, V], the level of each variable.

        Raises:
            PatternError: A pattern is not one of this plan.
        """
        patterns = np.asarray(patterns, dtype=np.uint64)
        if patterns.size and int(patterns.max()) >= self.pattern_limit:
            raise PatternError("An agreement pattern lies outside the plan.")
        digits = (patterns[:, None] // self.multipliers[None, :]) % self.sizes[None, :]
        return digits.astype(np.uint8)

    def pack(self, levels: npt.NDArray[Any]) -> npt.NDArray[np.uint64]:
        """Pack levels (integers [n, V]) into patterns (uint64[n]).

        Raises:
            PatternError: A level is out of its variable's range.
        """
        levels = np.asarray(levels)
        if levels.ndim != 2 or levels.shape[1] != len(self.variables):
            raise PatternError("Levels have one column for each comparison variable.")
        if levels.size and (levels.min() < 0 or (levels.astype(np.uint64) >= self.sizes).any()):
            raise PatternError("An agreement level is out of its variable's range.")
        packed: npt.NDArray[np.uint64] = (levels.astype(np.uint64) * self.multipliers).sum(axis=1, dtype=np.uint64)
        return packed


def _field_variables(agreement: Agreement, fields: frozenset[str]) -> list[Variable]:
    """Return the variables of the fields that are compared one by one, by name."""
    grouped = {*NAME_FIELDS, *DATE_FIELDS, *DOCUMENT_FIELDS, "doc_type"}
    variables = []
    for name in sorted(fields - grouped):
        if field_type(name, agreement.own_fields) in _SKETCHED:
            variables.append(Variable(name, "sketch", SKETCH_LEVELS))
        else:
            variables.append(Variable(name, "token", TOKEN_LEVELS))
    return variables


def plan_of(agreement: Agreement) -> ComparisonPlan:
    """Return the comparison plan of an agreement.

    Raises:
        PlanError: Nothing is compared, or a pattern does not fit in 63 bits.
        AgreementError: A field has no type.
    """
    fields = frozenset(name for register in agreement.registers for name in register.fields)
    documents = [Variable("documents", "documents", DOCUMENT_LEVELS)] if fields & set(DOCUMENT_FIELDS) else []
    if agreement.profile.name == "record":
        bins = ("missing", *(f"bin_{number}" for number in range(SIMILARITY_BINS)))
        variables = [Variable("similarity", "similarity", bins), *documents]
        touched: dict[str, frozenset[str]] = {name: frozenset() for name in pass_names(agreement)}
    else:
        variables = []
        if fields & (set(NAME_FIELDS) - {"full_name"}):
            variables += [Variable(name, "name_part", NAME_PART_LEVELS) for name in ("given", "family")]
            variables.append(Variable("order", "order", ORDER_LEVELS))
        if "full_name" in fields:
            variables.append(Variable("full", "full", FULL_LEVELS))
        if fields & set(DATE_FIELDS):
            variables.append(Variable("birth_date", "birth_date", BIRTH_DATE_LEVELS))
        variables += documents + _field_variables(agreement, fields)
        touched = {blocking.name: blocking.touched for blocking in agreement.passes}
    core = {
        blocking.name: frozenset(name for part in blocking.levels[0] for name in component_touches(part))
        for blocking in agreement.passes
        if blocking.name in touched
    }
    plan = ComparisonPlan(
        profile=agreement.profile.name,
        registers=tuple(register.name for register in agreement.registers),
        many=tuple(register.rows_per_person == "many" for register in agreement.registers),
        variables=tuple(variables),
        touched=touched,
        core={name: core.get(name, frozenset()) for name in touched},
        record_bits=agreement.profile.record_bits if agreement.profile.name == "record" else 0,
    )
    if not variables:
        raise PlanError("The agreement compares no field.", advice="Agree on the linkage fields of each register.")
    if plan.pattern_limit * max(len(plan.registers), 1) ** 2 >= _LIMIT:
        raise PlanError("The agreement compares more fields than an agreement pattern holds.")
    return plan
