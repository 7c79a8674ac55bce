"""Releases: protected tables that one person proposes and another, the output checker, decides on.

Tables are perturbed by cell keys under the release-epoch key. Every proposal carries an automatic report; an approval
is refused while the population differs by fewer than ten persons from one whose tables are known. There is one way to
a release, and interface, pages and command line all go it: the functions here ask for the person's role.
"""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import polars as pl
from sqlalchemy import select
from sqlalchemy.orm import Session

from contract.canonical import canonical_json
from contract.errors import ConflictError, ForbiddenError, NotFoundError
from contract.sealing import random_id
from service.agreements.service import live_agreement
from service.audit.actions import Action
from service.audit.log import append
from service.runs import ledger
from service.runs.actors import CHECKER, STATISTICIAN, Actor
from service.runs.port import RunState
from service.statistics_unit.disclosure_models import CohortRun, CohortRunState
from service.statistics_unit.models import Release, ReleaseState
from service.statistics_unit.objects import put_frame, read_frame, trajectory_frames
from service.statistics_unit.queries import (
    DifferencingError,
    log_population,
    release_key,
    stored_sketch,
    too_alike,
)
from service.statistics_unit.start import KIND
from service.statistics_unit.trajectories import CELLS, CORRECTED, EXTENDED_RAW, POPULATION, PROTECTED, RAW
from service.unit import Unit
from trajectories.definitions import INDICATOR_COLUMNS, PUBLISHED_COLUMNS
from trajectories.disclosure import THRESHOLD, PopulationSketch, cells_from, protect
from trajectories.disclosure.cell_keys import MECHANISM, MECHANISM_CORRECTED
from trajectories.exports import code_digest, indicators_csv
from trajectories.exports.sdmx import sdmx_csv, structure_xml
from trajectories.extended import EVERY_INDICATOR


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
    cohort_run_id: str | None
    report: dict[str, Any]


def protected_table(unit: Unit, run_id: str) -> pl.DataFrame:
    """Return the protected indicators of a finished computation, as a release of them would show them.

    Raises:
        NotFoundError: There is no such computation, or it has not succeeded.
    """
    return _protected(unit, run_id)[0]


def _protected(unit: Unit, run_id: str) -> tuple[pl.DataFrame, PopulationSketch | None, bool]:
    """Return the protected table, the sketch of its population, and whether any count of it is corrected."""
    with unit.database.read() as session:
        run = ledger.as_run(ledger.find(session, run_id))
        if run.kind != KIND or run.state != RunState.SUCCEEDED:
            raise NotFoundError("This run has no indicators.", advice="Wait until the computation has succeeded.")
        (last,) = ledger.results(session, run_id, "trajectories")
        key = release_key(unit, session, run.agreement_id)
    frames = trajectory_frames(unit.store, last.digest)[0]
    cells = read_frame(unit.store, frames[CELLS]) if CELLS in frames else pl.DataFrame()
    if not cells.height:  # no events at all, or computed by a version without cell keys: suppressed and rounded
        return read_frame(unit.store, frames[PROTECTED]), None, False
    made = cells_from(cells)
    # a version that made no corrections left intervals beside the raw figures of the links
    parts = (CORRECTED,) if made.corrections is not None else (RAW, EXTENDED_RAW)
    raw = [read_frame(unit.store, frames[name]) for name in parts if name in frames]
    table = protect(
        made.figures,
        noise=made.perturbation(key),
        keys=made.keys,
        indicators=EVERY_INDICATOR,
        raw=pl.concat(raw) if raw else None,
        corrections=made.corrections,
    )
    corrected = any(row.any() for row in (made.corrections or {}).values())
    return table, PopulationSketch.from_bytes(read_frame(unit.store, frames[POPULATION])["sketch"][0]), corrected


def propose_release(unit: Unit, actor: Actor, run_id: str) -> ReleaseView:
    """Propose the protected tables of a computation for publication, with the report of disclosure control.

    Raises:
        ForbiddenError: The actor is no statistician.
        NotFoundError: There is no such computation, or it has not succeeded.
        AgreementError: The agreement is not live.
    """
    actor.require(STATISTICIAN)
    table, sketch, corrected = _protected(unit, run_id)
    stored = put_frame(unit.store, table)
    with unit.database.write() as session:
        agreement_id = ledger.find(session, run_id).agreement_id
        live_agreement(session, agreement_id)
        row = Release(id=random_id(), run_id=run_id, agreement_id=agreement_id, table_digest=stored)
        alike = [] if sketch is None else too_alike(session, agreement_id, sketch)
        row.report = canonical_json(_report(table, alike, noise=sketch is not None, corrected=corrected)).decode()
        if sketch is not None:
            log_population(session, row.id, agreement_id, "release", stored, sketch, actor.name)
        return _propose(session, actor, row)


def propose_cohort_release(unit: Unit, actor: Actor, cohort_run_id: str) -> ReleaseView:
    """Propose the protected tables of a cohort's run. Errors as `propose_release`.

    Raises:
        ConflictError: The run is superseded: its computation was made anew.
    """
    actor.require(STATISTICIAN)
    with unit.database.write() as session:
        made = session.get(CohortRun, cohort_run_id)
        if made is None or made.table_digest is None:
            raise NotFoundError("This cohort run has no tables.")
        if made.state != CohortRunState.DONE:
            raise ConflictError(
                "The cohort's tables are superseded.", advice="Run the cohort on the newest computation."
            )
        live_agreement(session, made.agreement_id)
        row = Release(id=random_id(), run_id=made.run_id, agreement_id=made.agreement_id)
        row.table_digest, row.cohort_run_id = made.table_digest, made.id
        row.report = made.report
        return _propose(session, actor, row)


def _propose(session: Session, actor: Actor, row: Release) -> ReleaseView:
    row.state, row.proposed_by, row.proposed_at = ReleaseState.PROPOSED, actor.name, datetime.now(UTC)
    session.add(row)
    session.flush()
    _log(session, Action.RELEASE_PROPOSE, actor, row)
    return _view(row)


def _report(table: pl.DataFrame, alike: list[str], *, noise: bool, corrected: bool) -> dict[str, Any]:
    """Return what disclosure control did, for the output checker: counts of cells and rules, no figure."""
    hidden = table.filter(pl.col("value").is_null()).group_by("breakdown").len().sort("breakdown")
    mechanism = dict(MECHANISM_CORRECTED if "linked" in table.columns else MECHANISM)
    return {
        "cells": table.height,
        "indicators": table["indicator"].n_unique(),
        "with_interval": int(table["lower"].count()),
        "corrected_for_missed_links": corrected,
        "not_shown": int(table["value"].null_count()),
        "not_shown_by_breakdown": dict(hidden.iter_rows()),
        "threshold": THRESHOLD,
        "mechanism": mechanism if noise else {"method": "suppression and rounding to 5"},
        "populations_too_alike": alike,
        "code_sha256": code_digest(),
    }


def decide_release(unit: Unit, actor: Actor, release_id: str, *, approve: bool) -> ReleaseView:
    """Approve or refuse a release: a second person's decision.

    Raises:
        ForbiddenError: The actor is no output checker, or proposed the release.
        NotFoundError: There is no such release.
        ConflictError: It is decided, or a newer computation of the vintage exists (a subject was retracted).
        DifferencingError: Its population differs by fewer than ten persons from one whose tables are known.
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
            _check_populations(session, row)
        row.state = ReleaseState.APPROVED if approve else ReleaseState.REFUSED
        row.decided_by, row.decided_at = actor.name, datetime.now(UTC)
        _log(session, Action.RELEASE_APPROVE if approve else Action.RELEASE_REFUSE, actor, row)
        return _view(row)


def _check_populations(session: Session, row: Release) -> None:
    asked = row.cohort_run_id or row.id
    sketch = stored_sketch(session, asked)
    alike = [] if sketch is None else too_alike(session, row.agreement_id, sketch, apart_from=asked)
    if alike:
        raise DifferencingError(
            "The population differs by fewer than ten persons from one whose tables are known.",
            where={"known": ", ".join(alike)},
        )


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
        stored = row.table_digest
    return read_frame(unit.store, stored)


#: Forms of a release's tables: the media type of each.
FORMS: Final = {
    "csv": "text/csv; charset=utf-8",
    "parquet": "application/vnd.apache.parquet",
    "sdmx": "application/vnd.sdmx.data+csv; version=2.0.0; charset=utf-8",
    "structure": "application/vnd.sdmx.structure+xml; version=2.1; charset=utf-8",
}


def table_in(table: pl.DataFrame, form: str) -> bytes:
    """Return the tables of a release in one of `FORMS`.

    Raises:
        InputError: A cohort's tables are asked for as SDMX, which holds indicators.
    """
    if form == "parquet":
        sink = io.BytesIO()
        table.write_parquet(sink, compression="zstd", statistics=True)
        return sink.getvalue()
    if form == "sdmx":
        return sdmx_csv(table)
    return structure_xml(table) if form == "structure" else table_csv(table)


def table_csv(table: pl.DataFrame) -> bytes:
    """Return the tables of a release as CSV: indicators in their own form, a cohort's as they stand."""
    if tuple(table.columns) in {INDICATOR_COLUMNS, PUBLISHED_COLUMNS}:
        return indicators_csv(table)
    sink = io.BytesIO()
    table.write_csv(sink)
    return sink.getvalue()


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
        cohort_run_id=row.cohort_run_id,
        report=json.loads(row.report) if row.report else {},
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
