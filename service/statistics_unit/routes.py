"""HTTP interface of the statistics unit: edges, retraction of subjects, computations, releases."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Header, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from contract.agreement import Slug
from contract.edges import SignedEdgesManifest
from contract.submission import Hex32, Hex64, Vintage
from service.errors import TooLargeError
from service.requests import Body, SignedCaller, UnitOf
from service.runs.actors import CHECKER, OFFICER, OPERATOR, STATISTICIAN, ActorOfRequest
from service.runs.routes import RunAnswer, answer, jobs_of
from service.statistics_unit import edges, releases, retraction
from service.statistics_unit.start import start_statistics

router = APIRouter(prefix="/api/v1")
_MAX_SUBJECTS = 10_000
SubjectRef = Annotated[str, Field(min_length=1, max_length=64)]


class Strict(BaseModel):
    """A request's body that takes nothing it does not know."""

    model_config = ConfigDict(extra="forbid")


class EdgesAnswer(BaseModel):
    """Where a delivery stands. `chunk_bytes` is the longest chunk this unit takes."""

    run_id: str
    state: str
    offset: int
    size: int
    chunk_bytes: int


class Offset(BaseModel):
    """The offset to go on from."""

    offset: int


class SubjectsToRetract(Strict):
    """Subjects of one register, by the reference that its institution gave them."""

    register_name: Slug
    subject_refs: list[SubjectRef] = Field(min_length=1, max_length=_MAX_SUBJECTS)


class SubjectsRetracted(BaseModel):
    """How many were retracted now; nothing else goes back to an institution."""

    retracted: int


class ComputationRequest(Strict):
    """Which vintage to compute anew."""

    agreement_id: Hex64
    vintage: Vintage


class ReleaseRequest(Strict):
    """Which computation to release."""

    run_id: Hex32


@router.post("/edges", tags=["edges"])
def open_edges(signed: SignedEdgesManifest, unit: UnitOf, caller: SignedCaller) -> EdgesAnswer:
    """Open a delivery of edges, or find it again; answers how much has arrived."""
    caller.require("linkage_unit")
    delivery = edges.open_delivery(unit, caller, signed)
    return EdgesAnswer(**asdict(delivery), chunk_bytes=unit.settings.chunk_bytes)


@router.patch("/edges/{run_id}", tags=["edges"])
def append_edges(
    run_id: str, unit: UnitOf, caller: SignedCaller, body: Body, upload_offset: Annotated[int, Header(ge=0, le=2**53)]
) -> Offset:
    """Append the body at `Upload-Offset`; on 409 `upload.offset`, go on from `where.offset`."""
    caller.require("linkage_unit")
    if len(body) > unit.settings.chunk_bytes:
        raise TooLargeError("The chunk is too long.")
    return Offset(offset=edges.append_edges(unit, caller, run_id, upload_offset, body))


@router.post("/edges/{run_id}/complete", tags=["edges"])
def complete_edges(run_id: str, unit: UnitOf, caller: SignedCaller) -> EdgesAnswer:
    """Check and accept the edges, and start the computation."""
    caller.require("linkage_unit")
    delivery = edges.complete_delivery(unit, caller, run_id)
    return EdgesAnswer(**asdict(delivery), chunk_bytes=unit.settings.chunk_bytes)


@router.post("/subjects/retract", tags=["subjects"])
def retract_subjects(wanted: SubjectsToRetract, unit: UnitOf, caller: SignedCaller) -> SubjectsRetracted:
    """Retract subjects at once; every vintage is computed anew without them."""
    caller.require("institution")
    count, _ = retraction.retract_subjects(unit, caller, wanted.register_name, wanted.subject_refs)
    return SubjectsRetracted(retracted=count)


@router.post("/runs", status_code=201, tags=["runs"])
def start_run(wanted: ComputationRequest, request: Request, unit: UnitOf, actor: ActorOfRequest) -> RunAnswer:
    """Compute a vintage anew from its accepted edges."""
    actor.require(OPERATOR, STATISTICIAN)
    run = start_statistics(unit.database, wanted.agreement_id, wanted.vintage, requested_by=actor.name)
    return answer(run, jobs_of(request).progress(run.id))


@router.get("/runs/{run_id}/indicators", tags=["runs"], response_model=None)
def read_indicators(
    run_id: str, unit: UnitOf, actor: ActorOfRequest, form: Literal["json", "csv"] = "json"
) -> Response | dict[str, Any]:
    """Give the protected indicators of a computation. Raw ones never leave the unit."""
    actor.require(STATISTICIAN, CHECKER)
    table = releases.protected_table(unit, run_id)
    return _csv(table) if form == "csv" else {"indicators": table.to_dicts()}


@router.get("/releases", tags=["releases"])
def list_releases(unit: UnitOf, actor: ActorOfRequest) -> dict[str, list[releases.ReleaseView]]:
    """List releases, the newest first."""
    actor.require(STATISTICIAN, CHECKER, OFFICER)
    return {"releases": releases.list_releases(unit)}


@router.post("/releases", status_code=201, tags=["releases"])
def propose_release(wanted: ReleaseRequest, unit: UnitOf, actor: ActorOfRequest) -> releases.ReleaseView:
    """Propose the protected tables of a computation."""
    return releases.propose_release(unit, actor, wanted.run_id)


@router.post("/releases/{release_id}/approve", tags=["releases"])
def approve_release(release_id: str, unit: UnitOf, actor: ActorOfRequest) -> releases.ReleaseView:
    """Approve a release, as another person than who proposed it."""
    return releases.decide_release(unit, actor, release_id, approve=True)


@router.post("/releases/{release_id}/refuse", tags=["releases"])
def refuse_release(release_id: str, unit: UnitOf, actor: ActorOfRequest) -> releases.ReleaseView:
    """Refuse a release, as another person than who proposed it."""
    return releases.decide_release(unit, actor, release_id, approve=False)


@router.get("/releases/{release_id}/tables.csv", tags=["releases"])
def read_release(release_id: str, unit: UnitOf, actor: ActorOfRequest) -> Response:
    """Give the tables of an approved release as CSV."""
    return _released(unit, actor, release_id, "csv")


@router.get("/releases/{release_id}/tables.parquet", tags=["releases"])
def read_parquet(release_id: str, unit: UnitOf, actor: ActorOfRequest) -> Response:
    """Give the tables of an approved release as Parquet."""
    return _released(unit, actor, release_id, "parquet")


@router.get("/releases/{release_id}/tables.sdmx.csv", tags=["releases"])
def read_sdmx(release_id: str, unit: UnitOf, actor: ActorOfRequest) -> Response:
    """Give the indicators of an approved release as SDMX-CSV 2.0."""
    return _released(unit, actor, release_id, "sdmx")


@router.get("/releases/{release_id}/structure.xml", tags=["releases"])
def read_structure(release_id: str, unit: UnitOf, actor: ActorOfRequest) -> Response:
    """Give the data structure definition of an approved release's indicators as SDMX-ML 2.1."""
    return _released(unit, actor, release_id, "structure")


def _released(unit: UnitOf, actor: ActorOfRequest, release_id: str, form: str) -> Response:
    actor.require(STATISTICIAN, CHECKER, OFFICER)
    content = releases.table_in(releases.released_table(unit, release_id), form)
    return Response(content, media_type=releases.FORMS[form])


def _csv(table: Any) -> Response:
    return Response(releases.table_csv(table), media_type="text/csv; charset=utf-8")
