"""The overview: what is going on, and what to do next.

`steps_of` is a pure function of the unit's state, so that every situation can be tested by itself.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any, Literal

from fastapi import APIRouter, Request, Response
from sqlalchemy import select

from contract.agreement import SignedAgreement
from service.agreements.service import list_agreements
from service.audit.actions import Action
from service.audit.models import AuditEntry
from service.runs.actors import CHECKER, OPERATOR, STATISTICIAN
from service.runs.queue import JobQueue
from service.web import texts
from service.web.agreement import agreement_state
from service.web.runs import brief
from service.web.submissions import vintages_of
from service.web.visit import Data, Visit, add_page, go_to

router = APIRouter()
_SOON = timedelta(days=60)
_RECENT = 8
_PUSH = ("wasl connector encode VINTAGE", "wasl connector approve SUBMISSION", "wasl connector push SUBMISSION")

Urgency = Literal["do", "wait", "problem", "done"]


@dataclass(frozen=True)
class Step:
    """One thing to do or to wait for.

    Attributes:
        kind: Of `texts.STEPS`.
        urgency: ``do`` (by the reader), ``wait`` (for others), ``problem`` or ``done``.
        values: What its text names.
        href: Where to go.
        commands: What to type, and where.
        form: Fields of the form that does it, posted to `/runs`.
    """

    kind: str
    urgency: Urgency
    values: dict[str, Any] = field(default_factory=dict)
    href: str | None = None
    commands: tuple[str, ...] = ()
    form: dict[str, Any] | None = None


@dataclass(frozen=True)
class Situation:
    """What the steps depend on. `vintages` as `vintages_of`, `runs` as `brief`, `releases` the newest first."""

    role: str
    roles: frozenset[str]
    actor: str
    agreements: Sequence[SignedAgreement]
    vintages: Sequence[Data]
    runs: Sequence[Data]
    releases: Sequence[Data] = ()
    today: date = date.min


def steps_of(now: Situation) -> list[Step]:
    """Return what to do next: what the reader can do first, then problems, then what others must do, then the rest."""
    if not now.agreements:
        command = f"wasl agreement install FILE --role {now.role} --data FOLDER"
        return [Step("install_agreement", "do" if OPERATOR in now.roles else "wait", commands=(command,))]
    steps = [step for signed in now.agreements for step in _agreement_steps(now, signed)]
    for vintage in now.vintages:
        steps += _vintage_steps(now, vintage)
    order = {"do": 0, "problem": 1, "wait": 2, "done": 3}
    return sorted(steps, key=lambda step: order[step.urgency])


def _agreement_steps(now: Situation, signed: SignedAgreement) -> list[Step]:
    agreement = signed.agreement
    href = f"/agreement?id={agreement.id}"
    state = agreement_state(signed)
    succeeded = any(other.agreement.predecessor == agreement.id for other in now.agreements)
    if state == "expired":
        return [] if succeeded else [Step("agreement_expired", "problem", href=href)]
    if state == "waiting":
        commands = ("wasl connector sign FILE", "wasl agreement approve FILE")
        return [Step("await_signatures", "wait", {"parties": list(signed.missing())}, href, commands)]
    steps = []
    if agreement.expires_on - now.today <= _SOON and not succeeded:
        steps.append(Step("agreement_expires", "problem", {"day": agreement.expires_on}, href))
    if not any(vintage["agreement_id"] == agreement.id for vintage in now.vintages):
        registers = [terms.name for terms in agreement.registers]
        steps.append(Step("await_submissions", "wait", {"registers": registers}, "/submissions", _PUSH))
    return steps


def _vintage_steps(now: Situation, vintage: Data) -> list[Step]:
    name, own = {"vintage": vintage["vintage"]}, (vintage["agreement_id"], vintage["vintage"])
    run = next((run for run in now.runs if (run["agreement_id"], run["vintage"]) == own), None)
    if run is not None and run["state"] != "cancelled":
        return _run_steps(now, run, name)
    missing = {**name, "registers": vintage["missing"]}
    if now.role == "statistics":
        return (
            [Step("await_registers", "wait", missing, "/submissions")]
            if vintage["missing"]
            else [Step("await_edges", "wait", name, "/submissions")]
        )
    form: Data = {"agreement_id": own[0], "vintage": own[1], "registers": []}
    if not vintage["missing"]:
        values = {**name, "count": len(vintage["registers"])}
        if OPERATOR in now.roles:
            return [Step("start_run", "do", values, "/submissions", form=form)]
        return [Step("await_operator", "wait", name, "/submissions")]
    steps = [Step("await_registers", "wait", missing, "/submissions")]
    there = [item["register"] for item in vintage["registers"] if item["state"] == "accepted"]
    if OPERATOR in now.roles and len(there) > 1:
        steps.append(Step("start_partial", "wait", missing, "/submissions", form={**form, "registers": there}))
    return steps


def _run_steps(now: Situation, run: Data, name: dict[str, Any]) -> list[Step]:
    href = f"/runs/{run['id']}"
    if run["active"]:
        return [Step("run_trouble", "problem", name, href) if run["trouble"] else Step("watch_run", "wait", name, href)]
    if run["state"] == "failed":
        return [Step("run_failed", "do" if OPERATOR in now.roles else "problem", name, href)]
    if now.role == "linkage":
        return [Step("linked", "done", name, href)]
    return [_release_step(now, run, name)]


def _release_step(now: Situation, run: Data, name: dict[str, Any]) -> Step:
    own = [release for release in now.releases if release["run_id"] == run["id"]]
    waiting = next((release for release in own if release["state"] == "proposed"), None)
    if waiting is not None:
        mine = CHECKER in now.roles and waiting["proposed_by"] != now.actor
        person = {"person": waiting["proposed_by"]}
        return Step("decide_release", "do" if mine else "wait", person, "/trajectories#releases")
    if any(release["state"] == "approved" for release in own):
        return Step("released", "done", name, "/trajectories#releases")
    return Step("propose_release", "do" if STATISTICIAN in now.roles else "wait", name, "/trajectories#releases")


def build(visit: Visit) -> Data:
    """Return the next steps, the runs under way, and the last entries of the audit log."""
    unit, jobs = visit.unit, JobQueue(visit.unit.database)
    with unit.database.read() as session:
        agreements, vintages = list_agreements(session), vintages_of(session)
        recent = session.scalars(
            select(AuditEntry.document)
            .where(AuditEntry.action != Action.RUN_CHUNK)  # there may be thousands a run
            .order_by(AuditEntry.sequence.desc())
            .limit(_RECENT)
        ).all()
    runs = [brief(run, jobs.progress(run.id)) for run in jobs.runs()]
    situation = Situation(
        role=unit.settings.role,
        roles=visit.actor.roles,
        actor=visit.actor.name,
        agreements=agreements,
        vintages=vintages,
        runs=runs,
        releases=_releases(visit),
        today=datetime.now(UTC).date(),
    )
    steps = [{**vars(step), "shown": _shown(visit, step.values)} for step in steps_of(situation)]
    return {
        "steps": steps,
        "active_runs": [run for run in runs if run["active"]],
        "recent": [json.loads(document) for document in recent],
        "counts": {
            "agreements": len(agreements),
            "vintages": len(vintages),
            "accepted": sum(item["state"] == "accepted" for vintage in vintages for item in vintage["registers"]),
            "runs": len(runs),
        },
    }


def _releases(visit: Visit) -> list[Data]:
    if visit.unit.settings.role != "statistics":
        return []
    from service.statistics_unit.releases import list_releases

    return [vars(release) for release in list_releases(visit.unit)]


def _shown(visit: Visit, values: dict[str, Any]) -> dict[str, str]:
    """Return a step's values as its text says them."""
    say = visit.language
    shown = {}
    for name, value in values.items():
        if isinstance(value, list):
            shown[name] = say.together([visit.label(texts.REGISTERS, item) for item in value])
        elif isinstance(value, date):
            shown[name] = say.date(value)
        else:
            shown[name] = say.number(value) if isinstance(value, int) else str(value)
    return shown


@router.get("/", include_in_schema=False)
def front_door(_request: Request) -> Response:
    """Lead to the overview."""
    return go_to("/overview")


add_page(router, "/overview", "overview.html", build)
