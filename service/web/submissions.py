"""The page of submissions: what has arrived of every vintage, and what is still missing."""

from __future__ import annotations

import json
from typing import Any

from fastapi import APIRouter
from sqlalchemy import select
from sqlalchemy.orm import Session

from service.agreements.service import list_agreements
from service.submissions.models import Submission, SubmissionState
from service.web.visit import Data, Visit, add_page

router = APIRouter()


def vintages_of(session: Session) -> list[Data]:
    """Return every vintage of every agreement with the submission in force of each of its registers.

    Vintages are sorted by name, the latest first. A register without an accepted or arriving submission
    has the state ``missing``.
    """
    found: list[Data] = []
    for signed in list_agreements(session)[::-1]:
        agreement = signed.agreement
        rows = session.scalars(
            select(Submission).where(Submission.agreement_id == agreement.id).order_by(Submission.opened_at)
        ).all()
        for vintage in sorted({row.vintage for row in rows}, reverse=True):
            own = [row for row in rows if row.vintage == vintage]
            registers = [_in_force(terms.name, terms.holder, own) for terms in agreement.registers]
            found.append(
                {
                    "agreement_id": agreement.id,
                    "agreement_title": agreement.title,
                    "vintage": vintage,
                    "registers": registers,
                    "missing": [item["register"] for item in registers if item["state"] != SubmissionState.ACCEPTED],
                }
            )
    return found


def _in_force(register: str, holder: str, rows: list[Submission]) -> dict[str, Any]:
    for state in (SubmissionState.ACCEPTED, SubmissionState.OPEN):
        for row in rows:
            if row.register_name == register and row.state == state:
                return {"register": register, "holder": holder, **_brief(row)}
    return {"register": register, "holder": holder, "state": "missing"}


def _brief(row: Submission) -> dict[str, Any]:
    size = sum(file.size for file in row.files)
    received = sum(file.received for file in row.files)
    return {
        "state": row.state,
        "manifest_id": row.manifest_id,
        "opened_at": row.opened_at,
        "settled_at": row.settled_at,
        "size": size,
        "received": size if row.state == SubmissionState.ACCEPTED else received,
        "rows": sum(item.rows for item in row.objects),
        "used_by_run": row.used_by_run,
    }


def _whole(row: Submission) -> dict[str, Any]:
    return {
        **_brief(row),
        "agreement_id": row.agreement_id,
        "submission_id": row.submission_id,
        "register": row.register_name,
        "vintage": row.vintage,
        "institution": row.institution,
        "files": [
            {"name": file.name, "sha256": file.sha256, "size": file.size, "received": file.received}
            for file in row.files
        ],
        "receipt": json.loads(row.receipt) if row.receipt else None,
    }


def build(visit: Visit) -> Data:
    """Return vintages by register, and all submissions, the newest first."""
    with visit.unit.database.read() as session:
        rows = session.scalars(select(Submission).order_by(Submission.opened_at.desc(), Submission.manifest_id)).all()
        return {
            "vintages": vintages_of(session),
            "submissions": [_whole(row) for row in rows],
            "agreements": len(list_agreements(session)),
        }


add_page(router, "/submissions", "submissions.html", build)
