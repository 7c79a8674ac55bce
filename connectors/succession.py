"""Draft a successor agreement: rotate the key, let an institution join or leave, renew the terms.

The successor names its predecessor and has the next key epoch, so that its ceremony makes a new key. Parties, terms
and passes are taken over where nothing is said; subject references stay with each connector's local state.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import date, timedelta

from connectors.drafting import LIVE_DAYS, RETENTION_DAYS, RegisterProposal, draft_agreement
from contract.agreement import Agreement, Party
from contract.errors import InputError
from contract.succession import check_successor


def draft_successor(
    predecessor: Agreement,
    *,
    parties: Iterable[Party] = (),
    leaving: Collection[str] = (),
    registers: Sequence[RegisterProposal] = (),
    persons: int | None = None,
    title: str | None = None,
    authorisation: str | None = None,
    created_on: date | None = None,
) -> Agreement:
    """Return a successor for the parties to read and sign.

    Args:
        predecessor: The agreement it continues.
        parties: New parties, and present ones with new keys.
        leaving: Names of institutions that leave, with their registers.
        registers: Registers that join, or new terms of present ones.
        persons: Expected number of persons over all registers; needed where registers change, since passes are
            planned anew then.
        title: Another title.
        authorisation: Another decision of the data-protection authority.
        created_on: Today by default.

    Raises:
        InputError: One leaves who is no institution of the agreement, or `persons` is missing.
    """
    given = {party.name: party for party in parties}
    institutions = {party.name for party in predecessor.with_role("institution")}
    for name in sorted(set(leaving)):
        if name not in institutions:
            raise InputError(f"{name} is not an institution of the agreement: it cannot leave.")
        if name in given:
            raise InputError(f"{name} cannot leave and be given keys at once.")
    kept = [given.pop(party.name, party) for party in predecessor.parties if party.name not in leaving]
    terms = {register.name: register for register in predecessor.registers if register.holder not in leaving}
    proposed = {register.name: register for register in registers}
    made = created_on or date.today()
    dates = {
        "created_on": made,
        "expires_on": made + timedelta(days=LIVE_DAYS),
        "retention_until": made + timedelta(days=RETENTION_DAYS),
    }
    base = predecessor.model_copy(update={"registers": tuple(terms.values()), "parties": (*kept, *given.values())})
    if proposed or len(terms) != len(predecessor.registers):
        base = _replanned(base, proposed, persons)
    successor = Agreement.model_validate(
        {
            **base.model_dump(),
            **dates,
            "epoch": predecessor.epoch + 1,
            "predecessor": predecessor.id,
            "title": predecessor.title if title is None else title,
            "authorisation": predecessor.authorisation if authorisation is None else authorisation,
        }
    )
    check_successor(predecessor, successor)
    return successor


def _replanned(base: Agreement, proposed: dict[str, RegisterProposal], persons: int | None) -> Agreement:
    """Return the agreement with the registers that change and the passes that follow from them."""
    if persons is None:
        raise InputError(
            "The registers change, so the passes are planned anew: say how many persons to expect.",
            advice="Add the expected number of persons over all registers: --persons N.",
        )
    unchanged = [
        RegisterProposal(
            one.name, one.holder, one.fields, one.rows_per_person, tuple(one.attributes), tuple(one.events)
        )
        for one in base.registers
        if one.name not in proposed
    ]
    planned = draft_agreement(
        base.parties,
        [*unchanged, *proposed.values()],
        title=base.title,
        purpose=base.purpose,
        persons=persons,
        own_fields=base.own_fields,
        profile=base.profile,
        caps=base.caps,
    )
    return base.model_copy(update={"registers": planned.registers, "passes": planned.passes})
