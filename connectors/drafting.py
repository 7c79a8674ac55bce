"""Draft an agreement: registers, passes and coarsening as a proposal the parties then sign.

Passes follow from the fields the registers have in common and from the size of the population,
never from the data; so does the coarsening (`connectors.coarsening`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

from connectors.coarsening import payload_rule
from contract.agreement import (
    Agreement,
    CapTerms,
    GateTerms,
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


@dataclass(frozen=True)
class RegisterProposal:
    """What a register brings to the agreement."""

    name: str
    holder: str
    fields: tuple[str, ...]
    rows_per_person: str = "many"
    attributes: tuple[PayloadColumn, ...] = ()
    events: tuple[PayloadColumn, ...] = field(default=())


def canonical_proposal(
    name: str, holder: str | None = None, *, persons: int = 0, created_on: date | None = None
) -> RegisterProposal:
    """Return the default terms of one of the six registers (contract/registers.py).

    Args:
        name: The register.
        holder: Its holder's name as a party; the canonical one by default.
        persons: Expected number of persons over all registers; it sizes the bands (`connectors.coarsening`).
        created_on: Day of the agreement; today by default.
    """
    schema: RegisterSchema = REGISTERS[name]
    fields = list(schema.linkage_fields)
    if name == "residence_permit":
        fields.append("residence_card_no")
    made = created_on or date.today()

    def rules(columns: Iterable[str]) -> tuple[PayloadColumn, ...]:
        found = (payload_rule(name, column, persons, made) for column in columns)
        return tuple(rule for rule in found if rule is not None)

    return RegisterProposal(
        name=name,
        holder=holder or schema.holder,
        fields=tuple(fields),
        rows_per_person=schema.rows_per_person,
        attributes=rules(schema.attributes),
        events=rules(schema.events),
    )


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
    gate: GateTerms | None = None,
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
        gate: Bounds of the audit.
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
        gate=gate or GateTerms(),
        concepts={
            "migrant_worker": "20th ICLS, guidelines concerning statistics of international labour migration",
            "residence": "12/16 and 6/12 rules",
        },
    )
