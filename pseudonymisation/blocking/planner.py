"""The planner: blocking passes for an agreement, from its registers' fields and sizes alone.

Many narrow passes instead of few broad ones: a cap makes each pass harmless, their union finds the people. `PLAN` is
a table: a row is a pass, its first entry the broad key, each further one what a crowded key adds. A row takes part
if two registers (or the only one) hold its broad key, and it keeps a refinement if most of those hold that too:
the crowded rows of the others would be withheld.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Final

from contract.agreement import PassTerms
from contract.errors import AgreementError
from contract.fields import DOCUMENT_FIELDS, STANDARD_FIELDS, FieldType

MAX_PASSES: Final = 16
#: With so many passes that most registers can take part in, others are left out.
ENOUGH_PASSES: Final = 8
#: A broad key with more expected persons than this is left out of a pass that has refinements: none would stay there.
HOPELESS: Final = 60.0

Row = tuple[str, tuple[str, ...]]

#: Passes by names alone, for registers without documents in common: others gain nothing by them, and they leak most.
NAMES_ALONE: Final[tuple[Row, ...]] = (
    ("given_family3", ("given_skeleton family_skeleton3", "sex", "birth_year")),
    ("family_given3", ("family_skeleton given_skeleton3", "sex", "birth_year")),
)

#: Name and key parts of each pass, the most useful first; `FIELD` rows are made for each own field of the type.
PLAN: Final[tuple[Row, ...]] = (
    ("document", ("document", "birth_year", "given_initial")),
    ("code", ("code:FIELD", "initial_pair")),
    ("birth_date", ("birth_year birth_month birth_day", "initial_pair", "family_skeleton3")),
    ("names", ("skeleton_pair", "birth_year", "birth_month birth_day")),
    ("family_year", ("family_skeleton3 birth_year", "given_initial", "birth_month birth_day")),
    ("text", ("text:FIELD", "given_initial", "family_initial")),
    ("family_text", ("family_skeleton text:FIELD", "given_initial", "birth_year")),
    ("names_category", ("skeleton_pair", "category:FIELD", "birth_year")),
    ("family_month_day", ("family_skeleton3 birth_month birth_day", "given_initial", "birth_year")),
    ("given_month_day", ("given_skeleton3 birth_month birth_day", "family_initial", "birth_year")),
    ("initial_month_day", ("family_initial birth_month birth_day", "nationality", "given_initial")),
    ("given_initial_month_day", ("given_initial birth_month birth_day", "nationality", "family_initial")),
    ("names_country", ("skeleton_pair", "nationality", "birth_year")),
    ("given_year", ("given_skeleton3 birth_year", "family_initial", "birth_month birth_day")),
    ("birth_date_category", ("birth_year birth_month birth_day category:FIELD", "initial_pair")),
    ("birth_date_country", ("birth_year birth_month birth_day nationality", "initial_pair")),
    ("given_text", ("given_skeleton text:FIELD", "family_skeleton3", "birth_year")),
    ("year_text", ("text:FIELD birth_year", "family_initial", "given_initial")),
    ("month_day_text", ("text:FIELD birth_month birth_day", "initial_pair")),
    ("initials_text", ("text:FIELD initial_pair", "birth_year", "birth_month birth_day")),
    ("names_text", ("skeleton_pair", "text:FIELD")),
    ("given_year_month", ("given_skeleton birth_year birth_month", "family_initial", "birth_day")),
    ("family_year_day", ("family_skeleton birth_year birth_day", "given_initial", "birth_month")),
    *NAMES_ALONE,
)

#: Rough number of values of each component, as if all were alike.
_VALUES: Final[Mapping[str, float]] = {
    "birth_year": 50, "birth_month": 12, "birth_day": 30, "given_initial": 10, "family_initial": 10, "initial_pair": 60,
    "given_skeleton": 150, "family_skeleton": 500, "skeleton_pair": 30_000, "given_skeleton3": 100,
    "family_skeleton3": 250, "sex": 2, "nationality": 10, "document": 1e9, "text": 300, "code": 1e9, "category": 6,
    "country": 10,
}  # fmt: skip


def component_fields(component: str) -> tuple[frozenset[str], ...]:
    """Return what a register needs for a component: one field of each set."""
    given, family = frozenset({"given_names", "given_names_ar"}), frozenset({"family_name", "family_name_ar"})
    full = frozenset({"full_name"})
    if component in {"birth_year", "birth_month", "birth_day"}:
        return (frozenset({"birth_date", component}),)
    if component == "document":
        return (frozenset(DOCUMENT_FIELDS),)
    if component in {"sex", "nationality"}:
        return (frozenset({component}),)
    if component.endswith("_pair"):
        return (given | full, family | full)
    if component.startswith(("given_", "family_")):
        return ((given if component.startswith("given_") else family) | full,)
    return (frozenset({component.partition(":")[2]}),)


def plan_passes(
    registers: Mapping[str, Collection[str]], own_fields: Mapping[str, FieldType], persons: int
) -> tuple[PassTerms, ...]:
    """Plan the passes of an agreement.

    Args:
        registers: Name of each register to its linkage fields.
        own_fields: Types of the fields that are not standard ones.
        persons: About how many persons the largest register holds: broad keys hopeless at this size are left out.

    Returns:
        At most 16 passes, the most useful first.

    Raises:
        AgreementError: No two registers (nor the only one) share what a pass needs.
    """
    planned = candidate_passes(registers, own_fields, persons)
    if not planned:
        raise AgreementError(
            "The registers share nothing that a blocking pass could use.",
            advice="Map names, birth dates or document numbers of at least two registers.",
        )
    return planned[:MAX_PASSES]


def candidate_passes(
    registers: Mapping[str, Collection[str]], own_fields: Mapping[str, FieldType], persons: int
) -> tuple[PassTerms, ...]:
    """Return all passes of the table that the registers' fields allow, the most useful first; see `plan_passes`."""
    held = [frozenset(fields) for fields in registers.values()]
    planned: list[PassTerms] = []
    documents = _able(("document",), held) >= min(2, len(held))
    rows = [row for row in _rows(held, own_fields) if not documents or row not in NAMES_ALONE]
    # a pass that only a minority of the registers can take part in joins few records, and leaks like any other
    shared = [row for row in rows if 2 * _able(row[1], held) > len(held)]
    for name, parts in shared if len(shared) >= ENOUGH_PASSES else rows:
        levels = _levels(parts, held, persons)
        # a pass that lost its refinements finds nothing that a pass beginning like it does not
        if levels and not any(known.levels[: len(levels)] == levels for known in planned):
            planned.append(PassTerms(name=name, levels=levels))
    return tuple(planned)


def _rows(held: list[frozenset[str]], own_fields: Mapping[str, FieldType]) -> Iterator[Row]:
    """Yield the plan's rows, those of own fields once for each field, the most widely held field first."""
    types = {**own_fields, "address": FieldType.TEXT, "birth_place": FieldType.TEXT}
    for name, parts in PLAN:
        kind = next(
            (kind for kind in ("code", "text", "category") if any(f"{kind}:FIELD" in part for part in parts)), ""
        )
        if not kind:
            yield name, parts
            continue
        holders = {
            field: sum(field in fields for fields in held)
            for field, of_type in types.items()
            if of_type == kind and field not in _OTHER_STANDARD
        }
        shared = [field for field, count in holders.items() if count >= min(2, len(held))]
        for field in sorted(shared, key=lambda one: (-holders[one], one)):
            slug = "".join(sign if sign.isalnum() else "_" for sign in field.lower())[:20]
            yield f"{name}_{slug}", tuple(part.replace("FIELD", field) for part in parts)


_OTHER_STANDARD: Final = frozenset(STANDARD_FIELDS) - {"address", "birth_place"}


def _holds(fields: frozenset[str], parts: Collection[str]) -> bool:
    return all(fields & needed for part in parts for needed in component_fields(part))


def _able(parts: tuple[str, ...], held: list[frozenset[str]]) -> int:
    """Return how many registers hold the broad key of a pass."""
    return sum(_holds(fields, parts[0].split()) for fields in held)


def _levels(parts: tuple[str, ...], held: list[frozenset[str]], persons: int) -> tuple[tuple[str, ...], ...]:
    """Return the levels of a pass, or none if too few registers hold its broad key."""
    key = tuple(parts[0].split())
    able = [fields for fields in held if _holds(fields, key)]
    if len(able) < min(2, len(held)):
        return ()
    levels = [key]
    for part in parts[1:]:
        added = tuple(part.split())
        if 2 * sum(_holds(fields, added) for fields in able) > len(able):
            key += added
            levels.append(key)
    while len(levels) > 1 and _expected(levels[0], persons) > HOPELESS:
        levels.pop(0)
    return tuple(levels)


def _expected(level: tuple[str, ...], persons: int) -> float:
    expected = float(persons)
    for component in level:
        expected /= _VALUES[component.partition(":")[0]]
    return expected
