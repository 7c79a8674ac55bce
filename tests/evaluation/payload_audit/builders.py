"""Small payloads by hand: events as rows, rules as columns of an agreement."""

from __future__ import annotations

import polars as pl

from connectors.payload import coarsen
from contract.agreement import PayloadColumn, RegisterTerms
from evaluation.payload_audit.tables import PayloadTables

KEY = b"k" * 32


def payload(
    persons: list[tuple[str | None, ...]],
    events: list[tuple[int, ...]] | list[tuple],
    *,
    register: str = "social_security",
    event_rules: tuple[PayloadColumn, ...],
    attribute_rules: tuple[PayloadColumn, ...] = (
        PayloadColumn(column="birth_date", coarsen="year"),
        PayloadColumn(column="sex"),
    ),
    clear_columns: tuple[str, ...] = ("employer_no", "period", "days", "pay_centimes"),
) -> PayloadTables:
    """Return the payload of persons (birth date, sex, nationality), one record each, and events (person, columns …)."""
    refs = [f"r{number}" for number in range(len(persons))]
    clear_records = pl.DataFrame(
        {
            "record_ref": refs,
            **dict(zip(("birth_date", "sex", "nationality"), zip(*persons, strict=True), strict=True)),
        },
        schema=dict.fromkeys(("record_ref", "birth_date", "sex", "nationality"), pl.String),
    )
    clear_events = pl.DataFrame(
        [(refs[person], *values) for person, *values in events],
        schema=dict.fromkeys(("record_ref", *clear_columns), pl.String),
        orient="row",
    )
    records = pl.DataFrame(
        {
            "subject_ref": [f"s{number}" for number in range(len(persons))],
            "record_ref": refs,
            **{rule.column: coarsen(clear_records[rule.column], rule, KEY) for rule in attribute_rules},
        }
    )
    released = pl.DataFrame(
        {
            "record_ref": clear_events["record_ref"],
            **{rule.column: coarsen(clear_events[rule.column], rule, KEY) for rule in event_rules},
        }
    )
    terms = RegisterTerms(
        name=register, holder="h", fields=("family_name",), attributes=attribute_rules, events=event_rules
    )
    return PayloadTables(register, terms, records, released, clear_records, clear_events, KEY)
