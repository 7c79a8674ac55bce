"""HTTP interface of agreements: read by parties, signed by institutions, approved by the privacy officer."""

from __future__ import annotations

from fastapi import APIRouter

from contract.agreement import Signature, SignedAgreement
from contract.errors import ForbiddenError
from service.agreements.service import add_approval, add_signature, get_agreement
from service.requests import Caller, SignedCaller, UnitOf

router = APIRouter(prefix="/api/v1/agreements", tags=["agreements"])


@router.get("/{agreement_id}")
def read_agreement(agreement_id: str, unit: UnitOf, caller: SignedCaller) -> SignedAgreement:
    """Give the agreement with the signatures so far."""
    caller.require_agreement(agreement_id)
    with unit.database.read() as session:
        return get_agreement(session, agreement_id)


@router.post("/{agreement_id}/signatures")
def sign_agreement(agreement_id: str, given: Signature, unit: UnitOf, caller: SignedCaller) -> SignedAgreement:
    """Add the calling institution's signature."""
    caller.require_agreement(agreement_id)
    caller.require("institution")
    _own(caller, given)
    with unit.database.write() as session:
        return add_signature(session, agreement_id, given)


@router.post("/{agreement_id}/approval")
def approve_agreement(agreement_id: str, given: Signature, unit: UnitOf, caller: SignedCaller) -> SignedAgreement:
    """Add the privacy officer's approval."""
    caller.require_agreement(agreement_id)
    caller.require("privacy_officer")
    _own(caller, given)
    with unit.database.write() as session:
        return add_approval(session, agreement_id, given)


def _own(caller: Caller, given: Signature) -> None:
    if given.party != caller.party.name:
        raise ForbiddenError("A party hands in its own signature only.")
