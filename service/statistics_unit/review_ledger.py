"""Reviewers' decisions by pair number, and which of them a computation follows.

Which decisions are in is written into the computation's parameters when it is asked for, with their digest, so that it
gives the same result whenever its chunks are done.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from contract.canonical import document_id
from service.agreements.service import lineage
from service.statistics_unit.review_models import ReviewDecision, Verdict


def in_force(session: Session, agreement_id: str, up_to: int | None = None) -> dict[int, Verdict]:
    """Return what was decided last on each pair and not undone, in the order in which it was decided.

    Decisions under a predecessor count as well: persons outlive their agreement.
    """
    query = select(ReviewDecision.pair, ReviewDecision.verdict).where(
        ReviewDecision.agreement_id.in_(lineage(session, agreement_id))
    )
    if up_to is not None:
        query = query.where(ReviewDecision.sequence <= up_to)
    found: dict[int, Verdict] = {}
    for pair, verdict in session.execute(query.order_by(ReviewDecision.sequence)):
        found.pop(pair, None)
        if verdict != Verdict.UNDONE:
            found[pair] = Verdict(verdict)
    return found


def last_decision(session: Session) -> int:
    """Return the number of the last row, 0 of none."""
    return session.scalar(select(func.max(ReviewDecision.sequence))) or 0


def decisions_parameter(session: Session, agreement_id: str) -> dict[str, Any]:
    """Return what a computation's parameters say of the decisions in force: up to which row, how many, their digest."""
    found = in_force(session, agreement_id)
    document = {"decisions": [[pair, verdict.value] for pair, verdict in sorted(found.items())]}
    return {"up_to": last_decision(session), "count": len(found), "digest": document_id(document)}
