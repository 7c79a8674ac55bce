"""How far a run is, from its rows alone: the same answer in every process that looks."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from sqlalchemy import case, func, select
from sqlalchemy.orm import Session

from service.runs.ledger import find
from service.runs.models import RunChunk, RunRow
from service.runs.port import ACTIVE, Progress, RunState, StageProgress


def progress(session: Session, run_id: str, stages: tuple[str, ...], now: datetime | None = None) -> Progress:
    """Return a run's progress; rate and time left are those of its present stage.

    Raises:
        NotFoundError: There is no run of this id.
    """
    row = find(session, run_id)
    is_done = RunChunk.digest.is_not(None)
    counted = session.execute(
        select(
            RunChunk.stage,
            func.count(),
            func.sum(case((is_done, 1), else_=0)),
            func.sum(RunChunk.weight),
            func.sum(case((is_done, RunChunk.weight), else_=0)),
        )
        .where(RunChunk.run_id == run_id)
        .group_by(RunChunk.stage)
    ).all()
    counts = {stage: (int(done), int(total)) for stage, total, done, _, _ in counted}
    weights = {stage: (int(done), int(total)) for stage, _, _, total, done in counted}
    done, total = counts.get(row.stage, (0, 0))
    weight_done, weight = weights.get(row.stage, (0, 0))
    succeeded = row.state == RunState.SUCCEEDED
    share = 1.0 if succeeded else (weight_done / weight if weight else 0.0)
    rate = eta = None
    if row.state in ACTIVE and row.stage_started_at is not None and done:
        elapsed = max(((now or datetime.now(UTC)) - row.stage_started_at).total_seconds(), 1e-3)
        rate, eta = done / elapsed, elapsed * (weight - weight_done) / max(weight_done, 1)
    return Progress(
        state=RunState(row.state),
        stage=row.stage,
        stages=tuple(_stage(name, stages, row, counts) for name in stages),
        done=done,
        total=total,
        share=share,
        rate=rate,
        eta_seconds=eta,
        trouble=_trouble(session, row),
    )


def _stage(name: str, stages: tuple[str, ...], row: RunRow, counts: dict[str, tuple[int, int]]) -> StageProgress:
    done, total = counts.get(name, (0, None))
    reached = row.stage in stages and stages.index(name) <= stages.index(row.stage)
    if row.state == RunState.SUCCEEDED or (reached and name != row.stage):
        return StageProgress(name, "done", done, total)
    return StageProgress(name, "running" if name == row.stage else "waiting", done, total)


def _trouble(session: Session, row: RunRow) -> dict[str, object] | None:
    if row.state not in ACTIVE:
        return None
    text = session.scalars(
        select(RunChunk.trouble)
        .where(RunChunk.run_id == row.id, RunChunk.stage == row.stage)
        .where(RunChunk.digest.is_(None), RunChunk.trouble.is_not(None))
        .order_by(RunChunk.position)
        .limit(1)
    ).first()
    return None if text is None else dict(json.loads(text))
