"""Candidate passes: all that the planner's table gives for the registers' fields, and further ones it might have."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Final

from contract.agreement import PassTerms
from contract.fields import FieldType
from pseudonymisation.blocking.planner import candidate_passes, component_fields

#: Passes beside the planner's table: other refinements of the same keys, and names with a part of the date.
FURTHER: Final[tuple[tuple[str, tuple[str, ...]], ...]] = (
    ("birth_date_given", ("birth_year birth_month birth_day", "given_initial", "family_initial", "family_skeleton3")),
    ("birth_date_family", ("birth_year birth_month birth_day", "family_initial", "given_initial", "family_skeleton3")),
    ("birth_date_sex", ("birth_year birth_month birth_day", "sex nationality", "given_initial", "family_initial")),
    ("names_month", ("skeleton_pair", "birth_month", "birth_day", "birth_year")),
    ("names_sex_country", ("skeleton_pair", "nationality sex", "birth_year")),
    ("initials_year_month", ("initial_pair birth_year birth_month", "nationality", "birth_day")),
    ("given3_year_day", ("given_skeleton3 birth_year birth_day", "family_initial", "nationality")),
    ("family3_given3", ("family_skeleton3 given_skeleton3", "birth_year", "birth_month")),
)


def all_candidates(
    registers: Mapping[str, Collection[str]],
    own_fields: Mapping[str, FieldType],
    persons: int,
    agreed: Sequence[PassTerms] = (),
) -> tuple[PassTerms, ...]:
    """Return the agreed passes, then the planner's other ones, then the further ones that the fields allow.

    Args:
        registers: Name of each register to its linkage fields.
        own_fields: Types of fields that are not standard ones.
        persons: Persons of the largest register.
        agreed: Passes of a draft.
    """
    found = list(agreed)

    def add(terms: PassTerms) -> None:
        if any(known.levels == terms.levels for known in found):
            return
        taken = {known.name for known in found}
        name = terms.name if terms.name not in taken else f"{terms.name[:36]}_2"
        if name not in taken:
            found.append(terms.model_copy(update={"name": name}))

    for terms in candidate_passes(registers, own_fields, persons):
        add(terms)
    held = [frozenset(fields) for fields in registers.values()]
    for name, parts in FURTHER:
        key: tuple[str, ...] = ()
        levels = []
        for part in parts:
            key += tuple(part.split())
            levels.append(key)
        needed = [fields for component in key for fields in component_fields(component)]
        if sum(all(fields & one for one in needed) for fields in held) >= min(2, len(held)):
            add(PassTerms(name=name, levels=tuple(levels)))
    return tuple(found)
