"""Starts a computation of the statistics unit, from what is in force at that moment.

Everything it depends on is written into its parameters, so that it gives the same result whenever
its chunks are done.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from contract.edges import SignedEdgesManifest
from contract.errors import ConflictError
from service.agreements.models import AgreementRow
from service.agreements.service import live_agreement, parse_agreement
from service.db.base import Database
from service.runs import ledger
from service.runs.port import Run, RunState
from service.statistics_unit.models import DeliveryState, EdgesDelivery, SubjectRetraction
from service.statistics_unit.review_ledger import decisions_parameter
from service.submissions.queries import accepted_submissions

KIND = "statistics"


def start_statistics(
    database: Database, agreement_id: str, vintage: str, *, requested_by: str = "operator:local"
) -> Run:
    """Compute the trajectories of a vintage (again) from its accepted edges.

    Raises:
        NotFoundError: The agreement is not installed here.
        AgreementError: It is not live.
        ConflictError: No edges of the vintage have been accepted.
    """
    with database.write() as session:
        live_agreement(session, agreement_id)
        return enqueue_statistics(session, agreement_id, vintage, requested_by)


def enqueue_statistics(session: Session, agreement_id: str, vintage: str, requested_by: str) -> Run:
    """As `start_statistics`, within the transaction that makes the computation necessary.

    Raises:
        ConflictError: No edges of the vintage have been accepted.
    """
    delivery = accepted_delivery(session, agreement_id, vintage)
    if delivery is None:
        raise ConflictError(
            "No edges of this vintage have been accepted.", advice="The linkage unit runs the vintage first."
        )
    named = SignedEdgesManifest.model_validate_json(delivery.document).manifest.submissions
    held = accepted_submissions(session, agreement_id, vintage)
    parameters: dict[str, Any] = {
        "edges_run": delivery.run_id,
        "edges": delivery.object_digest,
        # A submission that was retracted since the edges were made is simply left out.
        "submissions": {name: key for name, key in sorted(named.items()) if name in held},
        "retractions": session.scalar(select(func.max(SubjectRetraction.sequence))) or 0,
        "decisions": decisions_parameter(session, agreement_id),
    }
    return ledger.enqueue(session, KIND, agreement_id, vintage, parameters, requested_by)


def accepted_delivery(session: Session, agreement_id: str, vintage: str) -> EdgesDelivery | None:
    """Return the edges in force of a vintage, if there are any."""
    return session.scalars(
        select(EdgesDelivery).where(
            EdgesDelivery.agreement_id == agreement_id,
            EdgesDelivery.vintage == vintage,
            EdgesDelivery.state == DeliveryState.ACCEPTED,
        )
    ).first()


def previous_run(session: Session, run: Run) -> str | None:
    """Return the run whose persons a run continues: the last that succeeded, whatever its vintage.

    A successor agreement continues its predecessor's persons.
    """
    wanted: str | None = run.agreement_id
    while wanted is not None:
        for earlier in ledger.list_runs(session, kind=KIND, agreement_id=wanted):
            if earlier.state == RunState.SUCCEEDED:
                return earlier.id
        wanted = _predecessor(session, wanted)
    return None


def series_of(session: Session, agreement_id: str) -> str:
    """Return the first agreement of a line of successors, as far as this unit knows it."""
    earlier = _predecessor(session, agreement_id)
    while earlier is not None:
        agreement_id, earlier = earlier, _predecessor(session, earlier)
    return agreement_id


def _predecessor(session: Session, agreement_id: str) -> str | None:
    row = session.get(AgreementRow, agreement_id)
    return None if row is None else parse_agreement(row.document).predecessor


def latest_run(session: Session, agreement_id: str, vintage: str) -> Run | None:
    """Return the last computation of a vintage that succeeded."""
    runs = ledger.list_runs(session, kind=KIND, agreement_id=agreement_id)
    return next((run for run in runs if run.vintage == vintage and run.state == RunState.SUCCEEDED), None)
