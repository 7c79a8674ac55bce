"""Runs and chunks in the database: every change of state is one short writing transaction's work.

All functions take the session of a `Database.write` transaction (readers: of `Database.read`). It has
one writer at a time on both databases, so that two workers never take the same chunk.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from contract.canonical import canonical_json
from contract.errors import ConflictError, IntegrityError, NotFoundError
from contract.sealing import random_id
from service.audit.actions import Action
from service.audit.log import append
from service.runs.models import RunChunk, RunRow
from service.runs.port import ACTIVE, Chunk, ChunkPlan, ChunkResult, Outcome, Run, RunState
from service.submissions.queries import mark_used, release_used


def as_text(document: dict[str, Any]) -> str:
    """Return the canonical JSON text of a column."""
    return canonical_json(document).decode()


def as_run(row: RunRow) -> Run:
    """Return a row as the port's `Run`."""
    return Run(
        id=row.id,
        kind=row.kind,
        agreement_id=row.agreement_id,
        vintage=row.vintage,
        state=RunState(row.state),
        stage=row.stage,
        parameters=json.loads(row.parameters),
        requested_by=row.requested_by,
        created_at=row.created_at,
        started_at=row.started_at,
        finished_at=row.finished_at,
        result_digest=row.result_digest,
        quality=json.loads(row.quality),
        error=json.loads(row.error) if row.error else None,
    )


def find(session: Session, run_id: str) -> RunRow:
    """Return a run's row.

    Raises:
        NotFoundError: There is none of this id.
    """
    row = session.get(RunRow, run_id)
    if row is None:
        raise NotFoundError("There is no such run at this unit.")
    return row


def list_runs(session: Session, *, kind: str | None = None, agreement_id: str | None = None) -> list[Run]:
    """Return runs, the newest first."""
    query = select(RunRow).order_by(RunRow.created_at.desc(), RunRow.id)
    if kind is not None:
        query = query.where(RunRow.kind == kind)
    if agreement_id is not None:
        query = query.where(RunRow.agreement_id == agreement_id)
    return [as_run(row) for row in session.scalars(query)]


def enqueue(
    session: Session, kind: str, agreement_id: str, vintage: str, parameters: dict[str, Any], requested_by: str
) -> Run:
    """Record a run and its audit entry."""
    row = RunRow(
        id=random_id(),
        kind=kind,
        agreement_id=agreement_id,
        vintage=vintage,
        state=RunState.QUEUED,
        stage="",
        parameters=as_text(parameters),
        requested_by=requested_by,
        created_at=datetime.now(UTC),
        quality="{}",
    )
    session.add(row)
    session.flush()
    details = {"kind": kind, "vintage": vintage}
    append(session, Action.RUN_START, actor=requested_by, agreement_id=agreement_id, obj=row.id, details=details)
    return as_run(row)


def results(session: Session, run_id: str, stage: str) -> list[ChunkResult]:
    """Return what the done chunks of a stage made, in their order."""
    rows = session.scalars(
        select(RunChunk)
        .where(RunChunk.run_id == run_id, RunChunk.stage == stage, RunChunk.digest.is_not(None))
        .order_by(RunChunk.position)
    )
    return [ChunkResult(row.digest, json.loads(row.summary)) for row in rows if row.digest is not None]


def to_advance(session: Session) -> Run | None:
    """Return the oldest active run whose present stage has no chunk left to do."""
    waiting = select(RunChunk.position).where(
        RunChunk.run_id == RunRow.id, RunChunk.stage == RunRow.stage, RunChunk.digest.is_(None)
    )
    row = session.scalars(
        select(RunRow)
        .where(RunRow.state.in_(ACTIVE), ~waiting.exists())
        .order_by(RunRow.created_at, RunRow.id)
        .limit(1)
    ).first()
    return None if row is None else as_run(row)


def open_stage(session: Session, run: Run, stage: str, plans: Sequence[ChunkPlan], worker: str) -> bool:
    """Record the chunks of the next stage; False where the run has moved meanwhile."""
    row = find(session, run.id)
    if row.state not in ACTIVE or row.stage != run.stage:
        return False
    now = datetime.now(UTC)
    row.state, row.stage, row.stage_started_at = RunState.RUNNING, stage, now
    row.started_at = row.started_at or now
    for position, plan in enumerate(plans):
        session.add(
            RunChunk(
                run_id=run.id,
                stage=stage,
                position=position,
                name=plan.name,
                parameters=as_text(plan.parameters),
                weight=plan.weight,
                attempts=0,
                summary="{}",
            )
        )
    details = {"stage": stage, "chunks": len(plans)}
    append(session, Action.RUN_STAGE, actor=worker, agreement_id=run.agreement_id, obj=run.id, details=details)
    return True


def claimable(session: Session, now: datetime) -> tuple[RunRow, RunChunk] | None:
    """Return the first free chunk of the oldest running run, with its run."""
    found = session.execute(
        select(RunRow, RunChunk)
        .join(RunChunk, (RunChunk.run_id == RunRow.id) & (RunChunk.stage == RunRow.stage))
        .where(
            RunRow.state == RunState.RUNNING,
            RunChunk.digest.is_(None),
            or_(RunChunk.lease_until.is_(None), RunChunk.lease_until <= now),
        )
        .order_by(RunRow.created_at, RunRow.id, RunChunk.position)
        .limit(1)
    ).first()
    return None if found is None else (found[0], found[1])


def claim(session: Session, worker: str, lease: timedelta) -> tuple[Run, Chunk] | None:
    """Take a free chunk for a time."""
    now = datetime.now(UTC)
    found = claimable(session, now)
    if found is None:
        return None
    run, chunk = found
    chunk.lease_owner, chunk.lease_until, chunk.attempts = worker, now + lease, chunk.attempts + 1
    return as_run(run), Chunk(run.id, chunk.stage, chunk.position, chunk.name, json.loads(chunk.parameters))


def renew(session: Session, chunk: Chunk, worker: str, lease: timedelta) -> None:
    """Hold a chunk longer, where it is still this worker's."""
    row = session.get_one(RunChunk, (chunk.run_id, chunk.stage, chunk.position))
    if row.lease_owner == worker and row.digest is None:
        row.lease_until = datetime.now(UTC) + lease


def complete(session: Session, run: Run, chunk: Chunk, result: ChunkResult, worker: str, *, drawn: bool) -> None:
    """Record a chunk's result and its audit entry; a second result of the same chunk changes nothing.

    Raises:
        IntegrityError: Done twice with two results, although its work is deterministic.
    """
    row = session.get_one(RunChunk, (chunk.run_id, chunk.stage, chunk.position))
    if row.digest is not None:
        if row.digest != result.digest and not drawn:
            raise IntegrityError(
                "A chunk was done twice with different results.",
                advice="Keep the data folder as it is and report it: this must not happen.",
                where={"run": run.id, "stage": chunk.stage, "chunk": chunk.name},
            )
        return
    row.digest, row.summary, row.finished_at = result.digest, as_text(result.summary), datetime.now(UTC)
    row.lease_owner, row.lease_until, row.trouble = None, None, None
    details = {"stage": chunk.stage, "chunk": chunk.name, "digest": result.digest}
    append(session, Action.RUN_CHUNK, actor=worker, agreement_id=run.agreement_id, obj=run.id, details=details)


def postpone(session: Session, chunk: Chunk, worker: str, problem: dict[str, Any], delay: timedelta) -> None:
    """Give a chunk back for a later attempt and say why."""
    row = session.get_one(RunChunk, (chunk.run_id, chunk.stage, chunk.position))
    if row.digest is None and row.lease_owner == worker:
        row.trouble, row.lease_owner, row.lease_until = as_text(problem), None, datetime.now(UTC) + delay


def attempts(session: Session, chunk: Chunk) -> int:
    """Return how often a chunk was taken."""
    return session.get_one(RunChunk, (chunk.run_id, chunk.stage, chunk.position)).attempts


def finish(session: Session, run: Run, outcome: Outcome, worker: str) -> bool:
    """Record the end of a run; False where it has moved meanwhile."""
    row = find(session, run.id)
    if row.state != RunState.RUNNING or row.stage != run.stage:
        return False
    row.state, row.finished_at = RunState.SUCCEEDED, datetime.now(UTC)
    row.result_digest, row.quality, row.error = outcome.result_digest, as_text(outcome.quality), None
    details = {"result_digest": outcome.result_digest}
    append(session, Action.RUN_FINISH, actor=worker, agreement_id=run.agreement_id, obj=run.id, details=details)
    return True


def fail(session: Session, run: Run, problem: dict[str, Any], worker: str) -> None:
    """Record that a run cannot go on."""
    row = find(session, run.id)
    if row.state not in ACTIVE:
        return
    row.state, row.finished_at, row.error = RunState.FAILED, datetime.now(UTC), as_text(problem)
    release_used(session, run.id)  # an institution may then correct its submission
    append(
        session,
        Action.RUN_FAIL,
        actor=worker,
        agreement_id=run.agreement_id,
        obj=run.id,
        outcome="failed",
        details={"stage": row.stage, "code": str(problem.get("type", ""))},
    )


def cancel(session: Session, run_id: str, requested_by: str) -> Run:
    """Stop a run.

    Raises:
        NotFoundError: There is none of this id.
        ConflictError: It has ended.
    """
    row = find(session, run_id)
    if row.state not in ACTIVE:
        raise ConflictError("The run has ended.", advice="Look at its state first.")
    row.state, row.finished_at = RunState.CANCELLED, datetime.now(UTC)
    release_used(session, run_id)
    append(session, Action.RUN_CANCEL, actor=requested_by, agreement_id=row.agreement_id, obj=run_id)
    return as_run(row)


def resume(session: Session, run_id: str, requested_by: str) -> Run:
    """Take a failed or cancelled run up again, with the submissions that its parameter `uses` names.

    Raises:
        NotFoundError: There is none of this id.
        ConflictError: It is running or has succeeded, or a submission it uses was replaced or retracted.
    """
    row = find(session, run_id)
    if row.state not in {RunState.FAILED, RunState.CANCELLED}:
        raise ConflictError("The run is neither failed nor cancelled.", advice="Only such a run can be resumed.")
    mark_used(session, list(json.loads(row.parameters).get("uses", ())), run_id)
    row.state = RunState.RUNNING if row.stage else RunState.QUEUED
    row.error, row.finished_at = None, None
    unfinished = select(RunChunk).where(RunChunk.run_id == run_id, RunChunk.digest.is_(None))
    for chunk in session.scalars(unfinished):
        chunk.attempts, chunk.trouble, chunk.lease_owner, chunk.lease_until = 0, None, None, None
    append(session, Action.RUN_RESUME, actor=requested_by, agreement_id=row.agreement_id, obj=run_id)
    return as_run(row)
