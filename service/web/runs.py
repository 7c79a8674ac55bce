"""The pages of runs: the list, one run with live progress, and the forms that start, cancel and resume."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Form, Request, Response

from contract.errors import NotFoundError
from service.linkage_unit.start import start_linkage
from service.runs.actors import OPERATOR, STATISTICIAN
from service.runs.port import ACTIVE, Progress, Run, RunState
from service.runs.queue import JobQueue
from service.runs.routes import WATCHERS
from service.web import texts
from service.web.visit import Data, Visit, add_page, go_to, visit_of

router = APIRouter()


def brief(run: Run, progress: Progress) -> Data:
    """Return what a list says about a run."""
    return {
        "id": run.id,
        "kind": run.kind,
        "agreement_id": run.agreement_id,
        "vintage": run.vintage,
        "state": run.state,
        "stage": run.stage,
        "requested_by": run.requested_by,
        "created_at": run.created_at,
        "started_at": run.started_at,
        "finished_at": run.finished_at,
        "result_digest": run.result_digest,
        "error": run.error,
        "active": run.state in ACTIVE,
        "share": overall_share(progress),
        "trouble": progress.trouble,
    }


def overall_share(progress: Progress) -> float:
    """Return how much of all stages is done, 0 to 1, every stage counting alike."""
    if progress.state == RunState.SUCCEEDED or not progress.stages:
        return 1.0 if progress.state == RunState.SUCCEEDED else 0.0
    whole = sum(1 for stage in progress.stages if stage.state == "done")
    part = progress.share if any(stage.state == "running" for stage in progress.stages) else 0.0
    return (whole + part) / len(progress.stages)


def build_list(visit: Visit) -> Data:
    """Return all runs, the newest first."""
    jobs = JobQueue(visit.unit.database)
    return {"runs": [brief(run, jobs.progress(run.id)) for run in jobs.runs()]}


def build_run(visit: Visit) -> Data:
    """Return one run: stages, progress in words (`live`), parameters, digests, quality."""
    jobs, run_id = JobQueue(visit.unit.database), visit.path("run_id")
    run, progress = jobs.status(run_id), jobs.progress(run_id)
    return {
        "run": {
            **brief(run, progress),
            "parameters": run.parameters,
            "quality": run.quality,
            "progress": asdict(progress),
        },
        "live": _live(visit, run, progress),
        "report_for": _report_for(visit, run),
        "may_cancel": run.state in ACTIVE and visit.may(OPERATOR),
        "may_resume": run.state in {RunState.FAILED, RunState.CANCELLED} and visit.may(OPERATOR),
    }


def _report_for(visit: Visit, run: Run) -> list[str]:
    """Return the registers that a run's quality report tells of; none where there is no report for the reader."""
    reported = run.quality.get("registers") or run.quality.get("cluster", {}).get("assessment", {}).get("producers", {})
    return sorted(reported) if run.state == RunState.SUCCEEDED and visit.may(*WATCHERS) else []


def _live(visit: Visit, run: Run, progress: Progress) -> Data:
    """Return what changes while a run goes on, in the reader's words: the page's script only puts it in place."""
    share, say = overall_share(progress), visit.language
    stages = [
        {
            "name": stage.name,
            "state": _stage_state(stage.state, run.state),
            "state_text": visit.label(texts.STATES, _stage_state(stage.state, run.state)),
            "count": ""
            if stage.total is None
            else say.text("%(done)s of %(total)s", {"done": say.number(stage.done), "total": say.number(stage.total)}),
        }
        for stage in progress.stages
    ]
    return {
        "active": run.state in ACTIVE,
        "state": run.state,
        "state_text": visit.label(texts.STATES, run.state),
        "percent": round(100 * share),
        "percent_text": say.percent(share),
        "text": _pace(visit, run, progress),
        "stages": stages,
    }


def _stage_state(stage: str, run: RunState) -> str:
    if stage == "running" and run not in ACTIVE:
        return "failed" if run == RunState.FAILED else "interrupted"
    return stage


def _pace(visit: Visit, run: Run, progress: Progress) -> str:
    say = visit.language
    if run.state not in ACTIVE:
        return ""
    if not progress.stage:
        return say.text("Waiting for a worker.")
    parts: list[str] = [visit.label(texts.STAGES, progress.stage)]
    if progress.rate is not None:
        parts.append(say.text("%(rate)s parts a second", {"rate": say.number(progress.rate, 2)}))
    if progress.eta_seconds is not None:
        parts.append(say.text("about %(time)s left in this stage", {"time": say.duration(progress.eta_seconds)}))
    return " · ".join(parts)


Field = Annotated[str, Form(max_length=80)]
Registers = Annotated[list[str] | None, Form(max_length=50)]


@router.post("/runs", include_in_schema=False)
def start(request: Request, agreement_id: Field, vintage: Field, registers: Registers = None) -> Response:
    """Start a run of a vintage: a linkage at the linkage unit, a computation at the statistics unit."""
    visit = visit_of(request)
    database, who = visit.unit.database, visit.actor.name
    if visit.unit.settings.role == "linkage":
        visit.actor.require(OPERATOR)
        run = start_linkage(database, agreement_id, vintage, registers=registers or None, requested_by=who)
    else:
        from service.statistics_unit.start import start_statistics

        visit.actor.require(OPERATOR, STATISTICIAN)
        run = start_statistics(database, agreement_id, vintage, requested_by=who)
    return go_to(f"/runs/{run.id}", notice="started")


@router.post("/runs/{run_id}/{change}", include_in_schema=False)
def change_run(request: Request, run_id: str, change: str) -> Response:
    """Cancel or resume a run."""
    visit = visit_of(request)
    changes: dict[str, tuple[Any, str]] = {
        "cancel": (JobQueue.cancel, "cancelled"),
        "resume": (JobQueue.resume, "resumed"),
    }
    if change not in changes:
        raise NotFoundError("There is no such action on a run.")
    visit.actor.require(OPERATOR)
    act, notice = changes[change]
    act(JobQueue(visit.unit.database), run_id, visit.actor.name)
    return go_to(f"/runs/{run_id}", notice=notice)


add_page(router, "/runs", "runs.html", build_list)
add_page(router, "/runs/{run_id}", "run.html", build_run)
