"""The true parts of a gap that links made: for every insured person seen without authorisation, why it is so.

A link map may have split a person. Whoever is in the gap by the links and authorised by the truth was lost by the
linkage (`unlinked`); the others are in the part that exact links put them in.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import date

from evaluation.reference.histories import PersonHistory
from evaluation.reference.indicators import WORKING_AGE
from evaluation.reference.spells import contains


def gap_part(person: PersonHistory, year: int) -> str:
    """Return the part of the gap that an insured person falls into; `authorised` for one that is in no gap."""
    t = date(year, 12, 31).toordinal()
    if contains(person.authorised, t):
        return "authorised"
    if person.exempt:
        return "exempt"
    if any(b <= t for _, b in person.authorised):
        return "expired"
    return "other_permit" if contains(person.permit, t) else "residual"


def true_parts(
    seen: Mapping[str, PersonHistory], truth: Mapping[str, PersonHistory], entity: Mapping[str, str], year: int
) -> Counter[str]:
    """Return the persons of the gap by the true reason.

    Args:
        seen: Person of the link map to history.
        truth: True person to history, by exact links.
        entity: Person of the link map to the true person whose insured records it holds.
        year: At 31 December of it.
    """
    parts: Counter[str] = Counter()
    t = date(year, 12, 31).toordinal()
    for name, person in seen.items():
        adult = person.birth_year is not None and year - person.birth_year >= WORKING_AGE
        if person.nationality in ("", "MAR") or not adult or not contains(person.insured, t):
            continue
        if contains(person.authorised, t):
            continue
        part = gap_part(truth[entity[name]], year)
        exempt = part == "authorised" and person.exempt
        parts["exempt" if exempt else "unlinked" if part == "authorised" else part] += 1
    return parts
