"""HTTP interface of deletion evidence."""

from __future__ import annotations

from fastapi import APIRouter

from contract.errors import NotFoundError
from contract.evidence import SignedEvidence
from service.requests import SignedCaller, UnitOf
from service.retention.erasure import evidence_of

router = APIRouter(prefix="/api/v1/agreements", tags=["retention"])


@router.get("/{agreement_id}/evidence")
def read_evidence(agreement_id: str, unit: UnitOf, caller: SignedCaller) -> SignedEvidence:
    """Give the signed evidence that this unit deleted what it held under the agreement."""
    caller.require_agreement(agreement_id)
    with unit.database.read() as session:
        signed = evidence_of(session, agreement_id)
    if signed is None:
        raise NotFoundError("This unit has not deleted what it holds under the agreement.")
    return signed
