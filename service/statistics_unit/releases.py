"""Releases: protected tables that one person proposes and another, the output checker, decides on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import polars as pl
from sqlalchemy import select
from sqlalchemy.orm import Session

from contract.errors import ConflictError, ForbiddenError, NotFoundError
from contract.sealing import random_id
from service.agreements.service import live_agreement
from service.audit.actions import Action
from service.audit.log import append
from service.runs import ledger
from service.runs.actors import CHECKER, STATISTICIAN, Actor
from service.runs.port import RunState
from service.statistics_unit.models import Release, ReleaseState
from service.statistics_unit.objects import read_frame, trajectory_frames
from service.statistics_unit.start import KIND
from service.statistics_unit.trajectories import PROTECTED
from service.unit import Unit


@dataclass(frozen=True)
class ReleaseView:
    """A release as it stood when it was read."""

    id: str
    run_id: str
    agreement_id: str
    state: str
    table_digest: str
    proposed_by: str
    proposed_at: datetime
    decided_by: str | None
    decided_at: datetime | None


def protected_table(unit: Unit, run_id: str) -> tuple[str, pl.DataFrame]:
    """Return the digest and the protected indicators of a finished computation.

    Raises:
        NotFoundError: There is no such computation, or it has not succeeded.
    """
    with unit.database.read() as session:
        run = ledger.as_run(ledger.find(session, run_id))
        if run.kind != KIND or run.state != RunState.SUCCEEDED:
            raise NotFoundError("This run has no indicators.", advice="Wait until the computation has succeeded.")
        (last,) = ledger.results(session, run_id, "trajectories")
    digest = trajectory_frames(unit.store, last.digest)[0][PROTECTED]
    return digest, read_frame(unit.store, digest)


def propose_release(unit: Unit, actor: Actor, run_id: str) -> ReleaseView:
    """Propose the protected tables of a computation for publication.

    Raises:
        ForbiddenError: The actor is no statistician.
        NotFoundError: There is no such computation, or it has not succeeded.
        AgreementError: The agreement is not live.
    """
    actor.require(STATISTICIAN)
    digest, _ = protected_table(unit, run_id)
    with unit.database.write() as session:
        agreement_id = ledger.find(session, run_id).agreement_id
        live_agreement(session, agreement_id)
        row = Release(
            id=random_id(),
            run_id=run_id,
            agreement_id=agreement_id,
            state=ReleaseState.PROPOSED,
            table_digest=digest,
            proposed_by=actor.name,
            proposed_at=datetime.now(UTC),
        )
        session.add(row)
        session.flush()
        _log(session, Action.RELEASE_PROPOSE, actor, row)
        return _view(row)


def decide_release(unit: Unit, actor: Actor, release_id: str, *, approve: bool) -> ReleaseView:
    """Approve or refuse a release: a second person's decision.

    Raises:
        ForbiddenError: The actor is no output checker, or proposed the release.
        NotFoundError: There is no such release.
        ConflictError: It is decided, or a newer computation of the vintage exists (a subject was retracted).
        AgreementError: The agreement is not live.
    """
    actor.require(CHECKER)
    with unit.database.write() as session:
        row = _find(session, release_id)
        if row.proposed_by == actor.name:
            raise ForbiddenError(
                "Nobody approves a release of their own.", advice="Another person with the role output_checker decides."
            )
        if row.state != ReleaseState.PROPOSED:
            raise ConflictError(f"The release is {row.state} already.", advice="Propose a new one.")
        if approve:
            live_agreement(session, row.agreement_id)
            _check_newest(session, row)
        row.state = ReleaseState.APPROVED if approve else ReleaseState.REFUSED
        row.decided_by, row.decided_at = actor.name, datetime.now(UTC)
        _log(session, Action.RELEASE_APPROVE if approve else Action.RELEASE_REFUSE, actor, row)
        return _view(row)


def _check_newest(session: Session, row: Release) -> None:
    own = ledger.find(session, row.run_id)
    for run in ledger.list_runs(session, kind=KIND, agreement_id=row.agreement_id):
        ended_badly = run.state in {RunState.FAILED, RunState.CANCELLED}
        if run.vintage == own.vintage and run.created_at > own.created_at and not ended_badly:
            raise ConflictError(
                "The vintage was computed anew since: subjects were retracted, or edges replaced.",
                advice="Propose a release of the newest computation.",
            )


def list_releases(unit: Unit) -> list[ReleaseView]:
    """Return all releases, the newest first."""
    with unit.database.read() as session:
        return [_view(row) for row in session.scalars(select(Release).order_by(Release.proposed_at.desc(), Release.id))]


def released_table(unit: Unit, release_id: str) -> pl.DataFrame:
    """Return the tables of an approved release.

    Raises:
        NotFoundError: There is no such release, or it is not approved.
    """
    with unit.database.read() as session:
        row = _find(session, release_id)
        if row.state != ReleaseState.APPROVED:
            raise NotFoundError("There is no such release.")
        digest = row.table_digest
    return read_frame(unit.store, digest)


def _find(session: Session, release_id: str) -> Release:
    row = session.get(Release, release_id)
    if row is None:
        raise NotFoundError("There is no such release.")
    return row


def _view(row: Release) -> ReleaseView:
    return ReleaseView(
        id=row.id,
        run_id=row.run_id,
        agreement_id=row.agreement_id,
        state=row.state,
        table_digest=row.table_digest,
        proposed_by=row.proposed_by,
        proposed_at=row.proposed_at,
        decided_by=row.decided_by,
        decided_at=row.decided_at,
    )


def _log(session: Session, action: Action, actor: Actor, row: Release) -> None:
    append(
        session,
        action,
        actor=actor.name,
        agreement_id=row.agreement_id,
        obj=row.id,
        details={"run": row.run_id, "table": row.table_digest},
    )
