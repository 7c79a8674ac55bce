"""Deletes what superseded computations made: a retracted subject must not live on in an old result."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from contract.errors import NotFoundError
from service.audit.actions import Action
from service.audit.log import append
from service.runs.models import RunChunk, RunRow
from service.runs.port import ACTIVE, Run
from service.statistics_unit.disclosure_models import CohortRun, CohortRunState
from service.statistics_unit.models import EdgesDelivery, Release
from service.statistics_unit.objects import trajectory_frames
from service.statistics_unit.start import KIND
from service.submissions.models import SubmissionObject
from service.unit import Unit


def remove_superseded(unit: Unit, session: Session, run: Run) -> int:
    """Delete the objects of earlier ended computations of a run's vintage, but for what others still use.

    Cohorts that ran on them are superseded with them: they run again on the newest computation. What an approved or
    proposed release shows stays: it is protected. Returns the number of objects.

    Raises:
        StorageError: The disk refuses; the computation's end is tried again.
    """
    superseded = select(RunRow.id).where(
        RunRow.kind == KIND,
        RunRow.agreement_id == run.agreement_id,
        RunRow.vintage == run.vintage,
        RunRow.created_at < run.created_at,
        RunRow.state.not_in(ACTIVE),
    )
    old = set(session.scalars(superseded))
    going, kept = set[str](), set[str]()
    for row in session.scalars(select(RunChunk).where(RunChunk.digest.is_not(None))):
        (going if row.run_id in old else kept).update(_objects(unit, row))
    for cohort in session.scalars(select(CohortRun).where(CohortRun.table_digest.is_not(None))):
        superseded_tables = cohort.run_id in old
        (going if superseded_tables else kept).add(str(cohort.table_digest))
        if superseded_tables:
            cohort.state = CohortRunState.SUPERSEDED
    for column in (SubmissionObject.sha256, EdgesDelivery.object_digest, Release.table_digest):
        kept.update(digest for digest in session.scalars(select(column)) if digest)
    removed = [
        digest for digest in sorted(going - kept) if any([unit.store.delete(digest), unit.subjects.delete(digest)])
    ]
    if removed:
        append(
            session,
            Action.OBJECTS_DELETE,
            actor=f"unit:{unit.settings.role}",
            agreement_id=run.agreement_id,
            obj=run.id,
            details={"state": "superseded", "objects": len(removed)},
        )
    return len(removed)


def _objects(unit: Unit, row: RunChunk) -> set[str]:
    """Return a chunk's object and those that it names in turn."""
    assert row.digest is not None
    if row.stage != "trajectories":
        return {row.digest}
    try:
        return {row.digest, *trajectory_frames(unit.store, row.digest)[0].values()}
    except NotFoundError:  # removed before
        return {row.digest}
