"""The six registers of labour migration: canonical columns, and who sees what of them.

- *identity* columns are pseudonymised at the institution and never leave it in the clear;
- *attribute* columns are encoded for matching and travel, coarsened, in the sealed payload;
- *event* columns travel only in the payload, sealed for the statistics unit.

Constructions from public descriptions: no official layout of these registers is public.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class RegisterSchema:
    """Canonical columns of one register. `linkage` maps standard linkage fields to columns."""

    name: str
    holder: str
    identity: tuple[str, ...]
    attributes: tuple[str, ...]
    events: tuple[str, ...]
    rows_per_person: str = "many"
    any_document: tuple[str, ...] = ()  # document columns that may hold a number of any kind

    @property
    def linkage_fields(self) -> tuple[str, ...]:
        """Columns that are standard linkage fields of the same name."""
        from contract.fields import STANDARD_FIELDS

        return tuple(column for column in self.identity + self.attributes if column in STANDARD_FIELDS)


REGISTERS: dict[str, RegisterSchema] = {
    schema.name: schema
    for schema in (
        RegisterSchema(
            "border_crossing",
            "dgsn",
            ("doc_type", "doc_no", "doc_country", "family_name", "given_names"),
            ("birth_date", "sex", "nationality"),
            ("crossed_at", "direction", "post", "mode", "visa_type", "purpose"),
        ),
        RegisterSchema(
            "residence_permit",
            "interior",
            (
                "card_no",
                "passport_no",
                "family_name",
                "given_names",
                "family_name_ar",
                "given_names_ar",
                "address",
            ),
            ("birth_date", "birth_place", "birth_country", "sex", "nationality", "marital_status"),
            (
                "permit_type",
                "motive",
                "issued_on",
                "valid_from",
                "valid_to",
                "first_or_renewal",
                "withdrawn_on",
                "prefecture",
            ),
        ),
        RegisterSchema(
            "work_contract",
            "employment",
            ("contract_no", "passport_no", "residence_card_no", "family_name", "given_names"),
            ("birth_date", "sex", "nationality", "education"),
            (
                "employer_id",
                "activity",
                "occupation",
                "monthly_pay",
                "visa_date",
                "start",
                "end",
                "first_or_renewal",
                "decision",
            ),
        ),
        RegisterSchema(
            "social_security",
            "cnss",
            ("social_security_no", "national_id", "full_name"),
            ("birth_date", "sex", "nationality"),
            ("employer_no", "period", "days", "pay_centimes", "situation"),
            any_document=("national_id",),
        ),
        RegisterSchema(
            "placement",
            "anapec",
            ("national_id", "passport_no", "family_name", "given_names"),
            ("birth_date", "sex", "nationality"),
            ("kind", "outcome", "exemption_ground", "country", "activity", "start", "end"),
        ),
        RegisterSchema(
            "consular",
            "foreign-affairs",
            (
                "consular_no",
                "national_id",
                "passport_no",
                "family_name",
                "given_names",
                "family_name_ar",
                "given_names_ar",
            ),
            ("birth_date", "sex", "birth_place"),
            ("country", "post", "registered_on", "removed_on", "purpose", "occupation"),
        ),
    )
}

# The residence card's number is called card_no where it is the title itself.
COLUMN_OF_FIELD: dict[tuple[str, str], str] = {("residence_permit", "residence_card_no"): "card_no"}
