"""The audit log's page: entries, last checkpoint, verification, and the bundle that verifies offline."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from fastapi import APIRouter, Request, Response
from sqlalchemy import func, select

from contract.errors import InputError, IntegrityError
from service.audit.actions import Action
from service.audit.export import export_bundle
from service.audit.log import last_checkpoint, verify_log
from service.audit.models import AuditCosignature, AuditEntry
from service.web.visit import PAGE_HEADERS, Data, Visit, add_page, visit_of

router = APIRouter()
_PAGE = 50


def build(visit: Visit) -> Data:
    """Return entries, the newest first: before number `before`, of one `action`; verified with ``verify=yes``."""
    before, action = _number(visit.query("before")), visit.query("action")
    query = select(AuditEntry.document).order_by(AuditEntry.sequence.desc()).limit(_PAGE + 1)
    if before is not None:
        query = query.where(AuditEntry.sequence < before)
    if action is not None:
        query = query.where(AuditEntry.action == action)
    with visit.unit.database.read() as session:
        entries = [json.loads(document) for document in session.scalars(query)]
        signed = last_checkpoint(session)
        cosigned = (
            session.scalars(
                select(AuditCosignature.party)
                .where(AuditCosignature.size == signed.checkpoint.size)
                .distinct()
                .order_by(AuditCosignature.party)
            ).all()
            if signed
            else []
        )
        size = session.scalar(select(func.count()).select_from(AuditEntry)) or 0
    return {
        "entries": entries[:_PAGE],
        "older": entries[_PAGE - 1]["sequence"] if len(entries) > _PAGE else None,
        "before": before,
        "action": action,
        "actions": [str(known) for known in Action],
        "size": size,
        "checkpoint": signed.model_dump(mode="json") if signed else None,
        "cosigned_by": list(cosigned),
        "verification": _verify(visit) if visit.query("verify") else None,
    }


def _verify(visit: Visit) -> Data:
    try:
        with visit.unit.database.read() as session:
            return {"whole": True, "size": verify_log(session, visit.unit.keys), "problem": None}
    except IntegrityError as error:
        return {"whole": False, "size": None, "problem": error.problem()}


def _number(text: str | None) -> int | None:
    if text is None:
        return None
    if not text.isascii() or not text.isdecimal() or len(text) > 15:
        raise InputError("The number of the entry is not a number.", advice="Go back to the first page of the log.")
    return int(text)


@router.get("/audit/bundle", include_in_schema=False)
def download_bundle(request: Request) -> Response:
    """Give the whole log as one file that verifies offline (`wasl audit verify`)."""
    unit = visit_of(request).unit
    with tempfile.TemporaryDirectory() as folder, unit.database.write() as session:
        path = Path(folder) / "audit.json"
        export_bundle(session, unit.keys, unit.role, path)
        content = path.read_bytes()
    headers = {**PAGE_HEADERS, "Content-Disposition": f'attachment; filename="audit-{unit.settings.role}.json"'}
    return Response(content, media_type="application/json", headers=headers)


add_page(router, "/audit", "audit.html", build)
