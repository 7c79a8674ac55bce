"""HTTP interface of the linkage unit's runs: starting one."""

from __future__ import annotations

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict

from contract.submission import Hex64, Vintage
from service.linkage_unit.start import start_linkage
from service.requests import UnitOf
from service.runs.actors import OPERATOR, ActorOfRequest
from service.runs.routes import RunAnswer, answer, jobs_of

router = APIRouter(prefix="/api/v1/runs", tags=["runs"])


class RunRequest(BaseModel):
    """Which vintage to link; `registers` where the operator does without some of the agreement's."""

    model_config = ConfigDict(extra="forbid")

    agreement_id: Hex64
    vintage: Vintage
    registers: list[str] | None = None


@router.post("", status_code=201)
def start_run(wanted: RunRequest, request: Request, unit: UnitOf, actor: ActorOfRequest) -> RunAnswer:
    """Start a linkage run."""
    actor.require(OPERATOR)
    run = start_linkage(
        unit.database, wanted.agreement_id, wanted.vintage, registers=wanted.registers, requested_by=actor.name
    )
    return answer(run, jobs_of(request).progress(run.id))
