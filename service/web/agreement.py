"""The agreement's page: terms, parties with fingerprints, signatures so far."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter
from sqlalchemy import select
from sqlalchemy.orm import Session

from contract.agreement import SignedAgreement
from contract.signing import fingerprint
from service.agreements.models import AgreementSignature
from service.agreements.service import get_agreement, list_agreements
from service.web.visit import Data, Visit, add_page

router = APIRouter()


def agreement_state(signed: SignedAgreement) -> str:
    """Return ``waiting`` (for signatures), ``expired`` or ``live``."""
    if datetime.now(UTC).date() >= signed.agreement.expires_on:
        return "expired"
    return "waiting" if signed.missing() else "live"


def build(visit: Visit) -> Data:
    """Return the agreement named by `id`, the newest by default, and a list of all."""
    with visit.unit.database.read() as session:
        known = list_agreements(session)[::-1]
        wanted = visit.query("id")
        shown = get_agreement(session, wanted) if wanted else (known[0] if known else None)
        return {
            "agreements": [_brief(signed) for signed in known],
            "agreement": _whole(session, shown) if shown else None,
        }


def _brief(signed: SignedAgreement) -> Data:
    agreement = signed.agreement
    return {
        "id": agreement.id,
        "title": agreement.title,
        "expires_on": agreement.expires_on,
        "state": agreement_state(signed),
    }


def _whole(session: Session, signed: SignedAgreement) -> Data:
    agreement = signed.agreement
    given = {
        row.party: row.at
        for row in session.scalars(select(AgreementSignature).where(AgreementSignature.agreement_id == agreement.id))
    }
    signers = ("institution", "privacy_officer")
    parties: list[dict[str, Any]] = [
        {
            "name": party.name,
            "title": party.title,
            "role": party.role,
            "signing_fingerprint": fingerprint(party.signing_key),
            "sealing_fingerprint": fingerprint(party.sealing_key),
            "signs": party.role in signers,
            "signed_at": given.get(party.name),
        }
        for party in agreement.parties
    ]
    return {
        **_brief(signed),
        "purpose": agreement.purpose,
        "authorisation": agreement.authorisation,
        "epoch": agreement.epoch,
        "created_on": agreement.created_on,
        "retention_until": agreement.retention_until,
        "predecessor": agreement.predecessor,
        "profile": agreement.profile.model_dump(),
        "caps": agreement.caps.model_dump(),
        "gate": agreement.gate.model_dump(),
        "parties": parties,
        "missing": list(signed.missing()),
        "passes": [terms.model_dump() for terms in agreement.passes],
        "registers": [terms.model_dump() for terms in agreement.registers],
    }


add_page(router, "/agreement", "agreement.html", build)
