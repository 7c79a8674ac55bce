"""HTTP interface of quality reports: a run's report, or one producer's part of it, as JSON or a page of its own."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Response

from contract.canonical import canonical_json
from contract.submission import Hex32
from service.audit.actions import Action
from service.audit.log import append
from service.quality_report.document import Extra, diagnosis, quality_document
from service.requests import UnitOf
from service.runs.actors import ActorOfRequest
from service.runs.routes import WATCHERS
from service.unit import Unit

router = APIRouter(prefix="/api/v1/runs", tags=["runs"])


@router.get("/{run_id}/quality-report", response_class=Response)
def read_report(
    run_id: Hex32,
    unit: UnitOf,
    actor: ActorOfRequest,
    form: Literal["json", "html"] = "json",
    lang: Literal["fr", "ar", "en"] = "fr",
    register: Annotated[str | None, Query(max_length=80)] = None,
) -> Response:
    """Give a run's quality report, or what one register's institution may be sent of it. Recorded in the audit log."""
    actor.require(*WATCHERS)
    document = report_of(unit, run_id)
    shown = document if register is None else diagnosis(document, register)
    if form == "html":
        from service.web.quality_page import report_page

        content, media_type = report_page(shown, lang).encode(), "text/html; charset=utf-8"
    else:
        content, media_type = canonical_json(shown), "application/json"
    details = {"form": form, "register": register or "", "digest": document["digest"]}
    with unit.database.write() as session:
        append(
            session,
            Action.RUN_REPORT,
            actor=actor.name,
            agreement_id=document["run"]["agreement_id"],
            obj=run_id,
            details=details,
        )
    name = "-".join(["quality", document["run"]["vintage"], *([register] if register else []), run_id[:8]])
    headers = {"Content-Disposition": f'attachment; filename="{name}.{form}"'}
    return Response(content, media_type=media_type, headers=headers)


def report_of(unit: Unit, run_id: str) -> dict[str, Any]:
    """Return the report of a run, with what its unit's own room adds.

    Raises:
        NotFoundError: There is no such run.
        ConflictError: It has not succeeded.
    """
    extra: Extra | None = None
    if unit.settings.role == "statistics":
        from service.statistics_unit.report import report_sections

        extra = report_sections
    return quality_document(unit, run_id, extra)
