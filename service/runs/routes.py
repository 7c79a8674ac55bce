"""HTTP interface of runs, alike at both units."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel

from service.runs.actors import OFFICER, OPERATOR, STATISTICIAN, Actor, ActorOfRequest
from service.runs.port import Progress, Run
from service.runs.queue import JobQueue
from service.unit import Unit

router = APIRouter(prefix="/api/v1/runs", tags=["runs"])
WATCHERS = (OPERATOR, STATISTICIAN, OFFICER)  # who sees runs and their quality


class RunAnswer(BaseModel):
    """A run with its progress. `quality` holds aggregates only."""

    id: str
    kind: str
    agreement_id: str
    vintage: str
    state: str
    stage: str
    requested_by: str
    created_at: str
    started_at: str | None
    finished_at: str | None
    result_digest: str | None
    quality: dict[str, Any]
    error: dict[str, Any] | None
    submissions: dict[str, str]
    progress: dict[str, Any]


class RunList(BaseModel):
    """Runs, the newest first."""

    runs: list[RunAnswer]


def jobs_of(request: Request) -> JobQueue:
    """Return the job queue of the unit that serves this request."""
    unit: Unit = request.app.state.unit
    return JobQueue(unit.database)


def answer(run: Run, progress: Progress) -> RunAnswer:
    """Return a run as the interface shows it."""
    return RunAnswer(
        id=run.id,
        kind=run.kind,
        agreement_id=run.agreement_id,
        vintage=run.vintage,
        state=run.state,
        stage=run.stage,
        requested_by=run.requested_by,
        created_at=run.created_at.isoformat(),
        started_at=run.started_at.isoformat() if run.started_at else None,
        finished_at=run.finished_at.isoformat() if run.finished_at else None,
        result_digest=run.result_digest,
        quality=run.quality,
        error=run.error,
        submissions=run.parameters.get("submissions", {}),
        progress=asdict(progress),
    )


@router.get("")
def list_runs(request: Request, actor: ActorOfRequest) -> RunList:
    """List runs with their progress."""
    actor.require(*WATCHERS)
    jobs = jobs_of(request)
    return RunList(runs=[answer(run, jobs.progress(run.id)) for run in jobs.runs()])


@router.get("/{run_id}")
def read_run(run_id: str, request: Request, actor: ActorOfRequest) -> RunAnswer:
    """Give a run with its progress."""
    actor.require(*WATCHERS)
    return _answer(jobs_of(request), run_id)


@router.post("/{run_id}/cancel")
def cancel_run(run_id: str, request: Request, actor: ActorOfRequest) -> RunAnswer:
    """Stop a run after the chunk under way."""
    return _change(request, actor, run_id, JobQueue.cancel)


@router.post("/{run_id}/resume")
def resume_run(run_id: str, request: Request, actor: ActorOfRequest) -> RunAnswer:
    """Take a failed or cancelled run up again."""
    return _change(request, actor, run_id, JobQueue.resume)


def _change(request: Request, actor: Actor, run_id: str, change: Any) -> RunAnswer:
    actor.require(OPERATOR)
    jobs = jobs_of(request)
    change(jobs, run_id, actor.name)
    return _answer(jobs, run_id)


def _answer(jobs: JobQueue, run_id: str) -> RunAnswer:
    return answer(jobs.status(run_id), jobs.progress(run_id))
