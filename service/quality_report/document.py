"""The quality report of a run as one JSON document (`wasl-quality/1`), and a producer's part of it.

| section | unit | what |
|---|---|---|
| `run` | both | kind, vintage, agreement, submissions, result digest |
| `linkage` | both | blocking, m and u, scores, thresholds, masked pairs, registers; it travels with the edges |
| `computation` | statistics | persons, estimates by pair of registers, scores, thresholds, producers, payload cells |

The digest of the sections `linkage` and `computation` is equal for equal runs. Every count is protected.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from contract.agreement import Agreement
from contract.canonical import document_id
from contract.errors import ConflictError, NotFoundError
from service.agreements.service import get_agreement
from service.quality_report.linkage import protected
from service.quality_report.statistics import protected_assessment
from service.quality_report.suppression import LEAST, hidden
from service.runs import ledger
from service.runs.port import Run, RunState
from service.unit import Unit

FORMAT: Final = "wasl-quality/1"
Sections = dict[str, Any]

#: What a unit's own room adds: edges' figures and payload cells at the statistics unit.
Extra = Callable[[Unit, Run], Sections]


def quality_document(unit: Unit, run_id: str, extra: Extra | None = None) -> dict[str, Any]:
    """Return the report of a run that has succeeded.

    Args:
        unit: Linkage or statistics unit.
        run_id: The run.
        extra: Further sections, from the unit's own room.

    Raises:
        NotFoundError: There is no such run.
        ConflictError: It has not succeeded.
    """
    with unit.database.read() as session:
        run = ledger.as_run(ledger.find(session, run_id))
        agreement = get_agreement(session, run.agreement_id).agreement
    if run.state != RunState.SUCCEEDED:
        raise ConflictError("The run has no result to report on.", advice="Wait until it has succeeded.")
    sections = _sections(run)
    if extra is not None:
        for name, own in extra(unit, run).items():
            sections[name] = {**sections.get(name, {}), **own}
    return {
        "format": FORMAT,
        "unit": unit.settings.role,
        "run": {
            "id": run.id,
            "kind": run.kind,
            "vintage": run.vintage,
            "agreement_id": run.agreement_id,
            "submissions": run.parameters.get("submissions", {}),
            "result_digest": run.result_digest,
            "finished_at": run.finished_at.isoformat() if run.finished_at else None,
        },
        "registers": _terms(agreement),
        "suppressed_below": LEAST,
        "digest": document_id(sections),
        **sections,
    }


def _sections(run: Run) -> Sections:
    if run.kind == "linkage":
        return {"linkage": protected(run.quality)}
    cluster = run.quality.get("cluster", {})
    found: Sections = {"persons": hidden(cluster.get("persons")), "subjects": hidden(cluster.get("subjects"))}
    if "assessment" in cluster:
        found |= protected_assessment(cluster["assessment"])
    return {"computation": found}


def _terms(agreement: Agreement) -> dict[str, Any]:
    return {one.name: {"holder": one.holder, "rows_per_person": one.rows_per_person} for one in agreement.registers}


def diagnosis(document: Mapping[str, Any], register: str) -> dict[str, Any]:
    """Return what one register's institution may be sent of a report: aggregates of that register alone.

    Raises:
        NotFoundError: The run had no such register.
    """
    linkage, computation = document.get("linkage", {}), document.get("computation", {})
    found: dict[str, Any] = {}
    if register in linkage.get("registers", {}):
        found["passes"] = linkage["registers"][register]
    if register in computation.get("producers", {}):
        found["linked"] = computation["producers"][register]
    if register in computation.get("cells", {}):
        found["cells"] = computation["cells"][register]
    if not found:
        raise NotFoundError("The run has no figures of such a register.", advice="Name one of its registers.")
    run = {key: value for key, value in document["run"].items() if key not in {"submissions", "result_digest"}}
    return {
        "format": document["format"],
        "unit": document["unit"],
        "run": {**run, "submissions": {register: document["run"]["submissions"].get(register)}},
        "register": register,
        "registers": {register: document["registers"][register]},
        "suppressed_below": document["suppressed_below"],
        **found,
    }
