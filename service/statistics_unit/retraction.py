"""Retraction of single subjects by the institution that holds them: at once, and for good."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from contract.errors import ForbiddenError
from service.agreements.service import lineage, successors
from service.audit.actions import Action
from service.audit.log import append
from service.requests import Caller
from service.runs.port import Run
from service.statistics_unit.models import DeliveryState, EdgesDelivery, SubjectRetraction
from service.statistics_unit.start import enqueue_statistics
from service.unit import Unit

_AT_ONCE = 500


def retract_subjects(unit: Unit, caller: Caller, register: str, subject_refs: Sequence[str]) -> tuple[int, list[Run]]:
    """Retract subjects and start computing anew every vintage that has edges.

    Doing it again is harmless: what was retracted before is not counted, and nothing is computed for it.

    Returns:
        How many subjects were retracted now, and the runs that compute the vintages without them.

    Raises:
        AgreementError: The register is not part of the agreement.
        ForbiddenError: Another institution holds it.
    """
    if caller.agreement.register(register).holder != caller.party.name:
        raise ForbiddenError("The register is held by another institution.")
    with unit.database.write() as session:
        wanted = sorted(set(subject_refs))
        known = _known(session, caller.agreement_id, register, wanted)
        fresh = [reference for reference in wanted if reference not in known]
        if not fresh:
            return 0, []
        first = (session.scalar(select(func.max(SubjectRetraction.sequence))) or 0) + 1
        now = datetime.now(UTC)
        for number, reference in enumerate(fresh):
            session.add(
                SubjectRetraction(
                    sequence=first + number,
                    agreement_id=caller.agreement_id,
                    register_name=register,
                    subject_ref=reference,
                    at=now,
                )
            )
        append(
            session,
            Action.SUBJECTS_RETRACT,
            actor=caller.actor,
            agreement_id=caller.agreement_id,
            obj=register,
            details={"subjects": len(fresh)},
        )
        session.flush()
        return len(fresh), [
            enqueue_statistics(session, caller.agreement_id, vintage, caller.actor)
            for vintage in _vintages(session, caller.agreement_id)
        ]


def _known(session: Session, agreement_id: str, register: str, subject_refs: list[str]) -> set[str]:
    found: set[str] = set()
    for start in range(0, len(subject_refs), _AT_ONCE):
        query = select(SubjectRetraction.subject_ref).where(
            SubjectRetraction.agreement_id == agreement_id,
            SubjectRetraction.register_name == register,
            SubjectRetraction.subject_ref.in_(subject_refs[start : start + _AT_ONCE]),
        )
        found.update(session.scalars(query))
    return found


def _vintages(session: Session, agreement_id: str) -> list[str]:
    query = select(EdgesDelivery.vintage).where(
        EdgesDelivery.agreement_id == agreement_id, EdgesDelivery.state == DeliveryState.ACCEPTED
    )
    return sorted(set(session.scalars(query)))


def retracted(session: Session, agreement_id: str, up_to: int) -> set[tuple[str, str]]:
    """Return (register, subject_ref) of all retractions up to a sequence number.

    Those under a predecessor count as well: a subject reference outlives its agreement, and so does its retraction.
    """
    query = select(SubjectRetraction.register_name, SubjectRetraction.subject_ref).where(
        SubjectRetraction.agreement_id.in_(lineage(session, agreement_id)), SubjectRetraction.sequence <= up_to
    )
    return {(row[0], row[1]) for row in session.execute(query)}


def hand_over(session: Session, agreement_id: str) -> int:
    """Give an agreement's retractions to its successors before they are deleted; returns how many there are.

    Without it, the end of a predecessor's retention would bring retracted subjects back. None are handed over where
    there is no successor: then nothing is computed any more.
    """
    held = session.scalars(
        select(SubjectRetraction)
        .where(SubjectRetraction.agreement_id == agreement_id)
        .order_by(SubjectRetraction.sequence)
    ).all()
    heirs = successors(session, agreement_id)
    if not heirs or not held:
        return 0
    number = session.scalar(select(func.max(SubjectRetraction.sequence))) or 0
    for heir in heirs:
        for row in held:
            if _known(session, heir, row.register_name, [row.subject_ref]):
                continue
            number += 1
            session.add(
                SubjectRetraction(
                    sequence=number,
                    agreement_id=heir,
                    register_name=row.register_name,
                    subject_ref=row.subject_ref,
                    at=row.at,
                )
            )
    session.flush()
    return len(held)
