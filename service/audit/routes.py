"""HTTP interface of the audit log: read, proven and cosigned by the parties of an agreement."""

from __future__ import annotations

import json
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict
from sqlalchemy import or_, select

from contract.audit_log import SignedCheckpoint
from service.audit import log
from service.audit.models import AuditEntry
from service.requests import SignedCaller, UnitOf

router = APIRouter(prefix="/api/v1/audit", tags=["audit"])
_MAX_PAGE = 500
Size = Annotated[int, Query(ge=0, le=2**53)]


class CosignRequest(BaseModel):
    """A checkpoint as the party got it, and the party's signature on it."""

    model_config = ConfigDict(extra="forbid")

    checkpoint: SignedCheckpoint
    signature: str


@router.get("/checkpoint")
def read_checkpoint(unit: UnitOf, caller: SignedCaller) -> SignedCheckpoint:
    """Give a signed checkpoint of the log as it is now."""
    with unit.database.write() as session:
        return log.checkpoint(session, unit.keys, unit.role)


@router.get("/entries")
def read_entries(
    unit: UnitOf,
    caller: SignedCaller,
    start: Size = 0,
    limit: Annotated[int, Query(ge=1, le=_MAX_PAGE)] = 100,
) -> dict[str, Any]:
    """Give entries of the caller's agreement and of no agreement, from number `start` on, with their numbers."""
    with unit.database.read() as session:
        rows = session.scalars(
            select(AuditEntry)
            .where(AuditEntry.sequence >= start)
            .where(or_(AuditEntry.agreement_id == caller.agreement_id, AuditEntry.agreement_id.is_(None)))
            .order_by(AuditEntry.sequence)
            .limit(limit + 1)
        ).all()
    more = len(rows) > limit
    return {
        "entries": [json.loads(row.document) for row in rows[:limit]],
        "next": rows[limit].sequence if more else None,
    }


@router.get("/inclusion")
def read_inclusion(sequence: Size, size: Size, unit: UnitOf, caller: SignedCaller) -> dict[str, Any]:
    """Prove that an entry is part of the log of a size."""
    with unit.database.read() as session:
        return {"proof": log.inclusion(session, sequence, size)}


@router.get("/consistency")
def read_consistency(
    unit: UnitOf,
    caller: SignedCaller,
    old: Annotated[int, Query(alias="from", ge=0, le=2**53)],
    new: Annotated[int, Query(alias="to", ge=0, le=2**53)],
) -> dict[str, Any]:
    """Prove that the log of size `to` continues that of size `from`."""
    with unit.database.read() as session:
        return {"proof": log.consistency(session, old, new)}


@router.post("/cosign")
def cosign(given: CosignRequest, unit: UnitOf, caller: SignedCaller) -> dict[str, Any]:
    """Keep the calling party's cosignature on a checkpoint it found consistent."""
    caller.require("institution", "privacy_officer")
    with unit.database.write() as session:
        log.cosign(session, caller.agreement, caller.party.name, given.checkpoint, given.signature)
    return {"cosigned": given.checkpoint.checkpoint.size}
