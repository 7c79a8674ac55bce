"""Draft an agreement: registers, passes and coarsening as a proposal the parties then sign.

Passes follow from the fields the registers have in common and from the size of the population,
never from the data. The coarsening defaults keep what the published indicators need and cut what
would identify a payload row: times of crossings, exact pay, employers' numbers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

from contract.agreement import (
    Agreement,
    CapTerms,
    Party,
    PassTerms,
    PayloadColumn,
    ProfileTerms,
    RegisterTerms,
)
from contract.fields import FieldType
from contract.registers import REGISTERS, RegisterSchema

LIVE_DAYS = 365
RETENTION_DAYS = 5 * 365
PAY_BAND_MAD = 500
PAY_BAND_CENTIMES = PAY_BAND_MAD * 100

# Columns that would single a person out in the payload, and how far each is coarsened.
COARSENING: dict[str, PayloadColumn] = {
    "birth_date": PayloadColumn(column="birth_date", coarsen="year"),
    "crossed_at": PayloadColumn(column="crossed_at", coarsen="date"),
    "employer_id": PayloadColumn(column="employer_id", coarsen="pseudonym"),
    "employer_no": PayloadColumn(column="employer_no", coarsen="pseudonym"),
    "monthly_pay": PayloadColumn(column="monthly_pay", coarsen="band", width=PAY_BAND_MAD),
    "pay_centimes": PayloadColumn(column="pay_centimes", coarsen="band", width=PAY_BAND_CENTIMES),
}
WITHHELD_ATTRIBUTES = frozenset({"birth_place", "marital_status"})


@dataclass(frozen=True)
class RegisterProposal:
    """What a register brings to the agreement."""

    name: str
    holder: str
    fields: tuple[str, ...]
    rows_per_person: str = "many"
    attributes: tuple[PayloadColumn, ...] = ()
    events: tuple[PayloadColumn, ...] = field(default=())


def canonical_proposal(name: str, holder: str | None = None) -> RegisterProposal:
    """Return the default terms of one of the six registers (contract/registers.py)."""
    schema: RegisterSchema = REGISTERS[name]
    fields = list(schema.linkage_fields)
    if name == "residence_permit":
        fields.append("residence_card_no")
    return RegisterProposal(
        name=name,
        holder=holder or schema.holder,
        fields=tuple(fields),
        rows_per_person=schema.rows_per_person,
        attributes=tuple(coarsened(column) for column in schema.attributes if column not in WITHHELD_ATTRIBUTES),
        events=tuple(coarsened(column) for column in schema.events),
    )


def coarsened(column: str) -> PayloadColumn:
    """Return the default coarsening of a payload column."""
    return COARSENING.get(column, PayloadColumn(column=column))


def draft_agreement(
    parties: Iterable[Party],
    registers: Sequence[RegisterProposal],
    *,
    title: str,
    purpose: str,
    persons: int,
    own_fields: Mapping[str, FieldType] | None = None,
    profile: ProfileTerms | None = None,
    caps: CapTerms | None = None,
    passes: Sequence[PassTerms] | None = None,
    created_on: date | None = None,
    epoch: int = 1,
    authorisation: str = "",
) -> Agreement:
    """Return an agreement for the parties to read and sign.

    Args:
        parties: Institutions, both units and the privacy officer, with their public keys.
        registers: What is linked.
        title: A name people will recognise.
        purpose: What the linked data are for, and nothing else.
        persons: Expected number of persons over all registers; sizes the passes.
        own_fields: Linkage fields that are not standard ones.
        profile: Encoding profile; `blind_blocks` by default.
        caps: Cap on persons sharing a key value.
        passes: Blocking passes, if not those of the planner.
        created_on: Today by default.
        epoch: Key epoch.
        authorisation: Number of the data-protection authority's decision.
    """
    from pseudonymisation.blocking.planner import plan_passes

    own = dict(own_fields or {})
    made = created_on or date.today()
    planned = passes or plan_passes({register.name: register.fields for register in registers}, own, persons)
    return Agreement(
        title=title,
        purpose=purpose,
        authorisation=authorisation,
        epoch=epoch,
        created_on=made,
        expires_on=made + timedelta(days=LIVE_DAYS),
        retention_until=made + timedelta(days=RETENTION_DAYS),
        parties=tuple(parties),
        registers=tuple(
            RegisterTerms(
                name=register.name,
                holder=register.holder,
                rows_per_person="one" if register.rows_per_person == "one" else "many",
                fields=register.fields,
                attributes=register.attributes,
                events=register.events,
            )
            for register in registers
        ),
        own_fields=own,
        passes=tuple(planned),
        profile=profile or ProfileTerms(),
        caps=caps or CapTerms(),
        concepts={
            "migrant_worker": "20th ICLS, guidelines concerning statistics of international labour migration",
            "residence": "12/16 and 6/12 rules",
        },
    )
