"""Linkage fields: their names and types, and what a blocking key may be made of.

A *linkage field* is what two registers have in common about a person. Standard fields need no
declaration; an agreement may add fields of its own with a type.
"""

from __future__ import annotations

from enum import StrEnum

from contract.errors import AgreementError


class FieldType(StrEnum):
    """How a field is normalised, encoded and compared."""

    NAME = "name"
    TEXT = "text"
    CODE = "code"
    DATE = "date"
    COUNTRY = "country"
    CATEGORY = "category"


STANDARD_FIELDS: dict[str, FieldType] = {
    "family_name": FieldType.NAME,
    "given_names": FieldType.NAME,
    "full_name": FieldType.NAME,
    "family_name_ar": FieldType.NAME,
    "given_names_ar": FieldType.NAME,
    "birth_date": FieldType.DATE,
    "birth_year": FieldType.DATE,
    "birth_month": FieldType.DATE,
    "birth_day": FieldType.DATE,
    "sex": FieldType.CATEGORY,
    "nationality": FieldType.COUNTRY,
    "birth_country": FieldType.COUNTRY,
    "birth_place": FieldType.TEXT,
    "address": FieldType.TEXT,
    "passport_no": FieldType.CODE,
    "national_id": FieldType.CODE,
    "residence_card_no": FieldType.CODE,
    "social_security_no": FieldType.CODE,
    "doc_type": FieldType.CATEGORY,
    "doc_no": FieldType.CODE,
}

NAME_FIELDS = ("family_name", "given_names", "full_name", "family_name_ar", "given_names_ar")
DATE_FIELDS = ("birth_date", "birth_year", "birth_month", "birth_day")
DOCUMENT_FIELDS = ("passport_no", "national_id", "residence_card_no", "social_security_no", "doc_no")

# The four kinds of document that are compared with their like, and the one that may be any of the
# first three (a social-security register's `national_id`, cut to 8 characters).
DOCUMENT_SLOTS = ("passport", "national_id", "residence_card", "social_security", "document_any")
DOCUMENT_CUT = 8

# What a blocking key may be made of, and which comparison variables of a pair are then decided in
# part by the key itself (their m- and u-probabilities are local to the pass).
COMPONENT_TOUCHES: dict[str, tuple[str, ...]] = {
    "birth_year": ("birth_date",),
    "birth_month": ("birth_date",),
    "birth_day": ("birth_date",),
    "given_initial": ("given", "full"),
    "family_initial": ("family", "full"),
    "initial_pair": ("given", "family", "order", "full"),
    "given_skeleton": ("given", "full"),
    "family_skeleton": ("family", "full"),
    "skeleton_pair": ("given", "family", "order", "full"),
    "given_skeleton3": ("given", "full"),
    "family_skeleton3": ("family", "full"),
    "sex": ("sex",),
    "nationality": ("nationality",),
    "document": ("documents",),
}


def component_touches(component: str) -> tuple[str, ...]:
    """Return the comparison variables that a key component touches.

    Components of an agreement's own fields are written ``text:FIELD``, ``code:FIELD`` and
    ``category:FIELD`` and touch the variable of that field's name.

    Raises:
        AgreementError: There is no such component.
    """
    if component in COMPONENT_TOUCHES:
        return COMPONENT_TOUCHES[component]
    kind, _, name = component.partition(":")
    if kind in {"text", "code", "category", "country"} and name:
        return (name,)
    raise AgreementError(f"There is no blocking key component called {component!r}.")


def field_type(name: str, declared: dict[str, FieldType]) -> FieldType:
    """Return the type of a linkage field, standard or declared.

    Raises:
        AgreementError: The field is neither.
    """
    found = STANDARD_FIELDS.get(name) or declared.get(name)
    if found is None:
        raise AgreementError(
            f"The linkage field {name!r} has no type.", advice=f"Declare it: [field.{name}] type = ..."
        )
    return found
