"""HTTP interface of cohorts: try on dummy data, run, propose the tables for release."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field

from contract.submission import Hex32, Hex64
from service.requests import UnitOf
from service.runs.actors import CHECKER, OFFICER, STATISTICIAN, ActorOfRequest
from service.statistics_unit import cohorts, releases

router = APIRouter(prefix="/api/v1/cohorts", tags=["cohorts"])
_LONGEST = 20_000


class CohortSource(BaseModel):
    """A cohort's definition as TOML."""

    model_config = ConfigDict(extra="forbid")
    source: Annotated[str, Field(max_length=_LONGEST)]


class CohortRunRequest(BaseModel):
    """Which computation to run a cohort on."""

    model_config = ConfigDict(extra="forbid")
    run_id: Hex32


@router.get("")
def list_cohorts(unit: UnitOf, actor: ActorOfRequest) -> dict[str, list[cohorts.CohortView]]:
    """List cohorts, the newest first."""
    actor.require(STATISTICIAN, CHECKER, OFFICER)
    return {"cohorts": cohorts.list_cohorts(unit)}


@router.post("", status_code=201)
def try_cohort(wanted: CohortSource, unit: UnitOf, actor: ActorOfRequest) -> cohorts.CohortView:
    """Run a cohort on dummy data and keep its definition."""
    return cohorts.try_cohort(unit, actor, wanted.source)


@router.post("/{digest}/runs", status_code=201)
def run_cohort(digest: Hex64, wanted: CohortRunRequest, unit: UnitOf, actor: ActorOfRequest) -> cohorts.CohortRunView:
    """Run a cohort that was tried on a computation."""
    return cohorts.run_cohort(unit, actor, digest, wanted.run_id)


@router.get("/{digest}/runs")
def list_runs(digest: Hex64, unit: UnitOf, actor: ActorOfRequest) -> dict[str, list[cohorts.CohortRunView]]:
    """List the runs of a cohort, the newest first."""
    actor.require(STATISTICIAN, CHECKER, OFFICER)
    return {"runs": cohorts.list_cohort_runs(unit, digest)}


@router.get("/runs/{cohort_run_id}/tables.csv")
def read_tables(cohort_run_id: Hex32, unit: UnitOf, actor: ActorOfRequest) -> Response:
    """Give the protected tables of a run as CSV."""
    actor.require(STATISTICIAN, CHECKER)
    content = releases.table_csv(cohorts.cohort_table(unit, cohort_run_id))
    return Response(content, media_type="text/csv; charset=utf-8")


@router.post("/runs/{cohort_run_id}/release", status_code=201)
def propose(cohort_run_id: Hex32, unit: UnitOf, actor: ActorOfRequest) -> releases.ReleaseView:
    """Propose the tables of a run; another person decides, as on every release."""
    return releases.propose_cohort_release(unit, actor, cohort_run_id)
