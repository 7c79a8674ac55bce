"""Cohorts at the statistics unit: tried on dummy data, then run on a computation's persons, then released.

The unit itself does the dry run, so that no cohort reaches real data before it succeeded with the code in force. A run
keeps protected tables only: nothing of it can outlive the erasure of a person but numbers that hide single persons.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import polars as pl
from sqlalchemy import select
from sqlalchemy.orm import Session

from contract.canonical import canonical_json, document_id
from contract.errors import ConflictError, NotFoundError
from contract.sealing import random_id
from service.agreements.service import live_agreement
from service.audit.actions import Action
from service.audit.log import append
from service.runs import ledger
from service.runs.actors import STATISTICIAN, Actor
from service.runs.port import Run, RunState
from service.statistics_unit.disclosure_models import Cohort as CohortRow
from service.statistics_unit.disclosure_models import CohortRun, CohortRunState
from service.statistics_unit.objects import put_frame, read_frame
from service.statistics_unit.payload import link_registers
from service.statistics_unit.queries import DifferencingError, log_population, release_key, too_alike
from service.statistics_unit.start import KIND, series_of
from service.submissions.models import Submission
from service.unit import Unit
from trajectories.channels import Channels, build_channels
from trajectories.cohorts import Cohort, CohortError, cohort_tables, dummy_run, read_cohort
from trajectories.disclosure import THRESHOLD
from trajectories.disclosure.cell_keys import MECHANISM
from trajectories.exports import code_digest
from trajectories.tables import Preset


@dataclass(frozen=True)
class CohortView:
    """A cohort as it was tried: its definition, and the digest of its tables on dummy data."""

    digest: str
    name: str
    source: str
    dummy_digest: str
    tried_with_present_code: bool
    created_by: str
    created_at: datetime


@dataclass(frozen=True)
class CohortRunView:
    """A run of a cohort."""

    id: str
    cohort: str
    run_id: str
    vintage: str
    state: str
    tag: str
    table_digest: str | None
    report: dict[str, Any]
    run_by: str
    run_at: datetime


def try_cohort(unit: Unit, actor: Actor, source: str) -> CohortView:
    """Run a cohort on dummy data and keep its definition if that succeeds. Doing it again is harmless.

    Raises:
        ForbiddenError: The actor is no statistician.
        CohortError: The definition is not valid, or selects fewer than ten of the dummy persons.
    """
    actor.require(STATISTICIAN)
    cohort = read_cohort(source)
    made = dummy_run(cohort)
    with unit.database.write() as session:
        row = session.get(CohortRow, cohort.digest)
        if row is None:
            row = CohortRow(digest=cohort.digest, created_by=actor.name, created_at=datetime.now(UTC))
            row.name, row.source = cohort.name, source
            session.add(row)
        row.dummy_digest, row.dummy_code = made.digest, code_digest()
        details = {"dummy": made.digest, "code": row.dummy_code}
        append(session, Action.COHORT_TRY, actor=actor.name, obj=cohort.digest, details=details)
        session.flush()
        return _view(row)


def run_cohort(unit: Unit, actor: Actor, cohort_digest: str, run_id: str) -> CohortRunView:
    """Run a cohort on the persons of a computation; the same again gives the run that is there.

    Raises:
        ForbiddenError: The actor is no statistician.
        NotFoundError: There is no such cohort or computation.
        ConflictError: It was not tried on dummy data with the code in force, or the computation was superseded.
        CohortError: It selects fewer than ten persons.
        DifferencingError: Its members differ by fewer than ten from a population whose tables are known.
        AgreementError: The agreement is not live.
    """
    actor.require(STATISTICIAN)
    with unit.database.read() as session:
        row, run = _runnable(session, cohort_digest, run_id)
        cohort, dummy = read_cohort(row.source), row.dummy_digest
        key, series = release_key(unit, session, run.agreement_id), series_of(session, run.agreement_id)
        before = _earlier(session, cohort_digest, run_id)
        if before is not None:
            return _run_view(before)
    made = cohort_tables(channels_of_run(unit, run_id, cohort.preset), cohort, key, series)
    stored = put_frame(unit.store, made.table)
    with unit.database.write() as session:
        # The tables took a while: all of it must hold still, and nobody in them may have been taken back meanwhile.
        _runnable(session, cohort_digest, run_id)
        if not all(unit.store.has(part.digest) for part in ledger.results(session, run_id, "records")):
            raise ConflictError(
                "The computation was superseded while the cohort ran on it.",
                advice="Run the cohort on the newest computation.",
            )
        before = _earlier(session, cohort_digest, run_id)
        if before is not None:
            return _run_view(before)
        alike = too_alike(session, run.agreement_id, made.sketch)
        if alike:
            raise DifferencingError(
                "The cohort differs by fewer than ten persons from a population whose tables are known.",
                where={"known": ", ".join(alike)},
            )
        found = CohortRun(
            id=random_id(),
            cohort_digest=cohort_digest,
            run_id=run_id,
            agreement_id=run.agreement_id,
            vintage=run.vintage,
            state=CohortRunState.DONE,
            tag=_tag(cohort, run),
            table_digest=stored,
            report=canonical_json(_report(made.table, cohort_digest, dummy)).decode(),
            run_by=actor.name,
            run_at=datetime.now(UTC),
        )
        session.add(found)
        log_population(session, found.id, run.agreement_id, "cohort", cohort_digest, made.sketch, actor.name)
        append(
            session,
            Action.COHORT_RUN,
            actor=actor.name,
            agreement_id=run.agreement_id,
            obj=found.id,
            details={"cohort": cohort_digest, "run": run_id, "table": stored, "tag": found.tag},
        )
        session.flush()
        return _run_view(found)


def _runnable(session: Session, cohort_digest: str, run_id: str) -> tuple[CohortRow, Run]:
    """Return a cohort and a computation it may run on now. Errors as `run_cohort`."""
    row = session.get(CohortRow, cohort_digest)
    if row is None:
        raise NotFoundError("There is no such cohort.", advice="Try its definition on dummy data first.")
    if row.dummy_code != code_digest():
        raise ConflictError(
            "The cohort was tried on dummy data with other code than that in force.",
            advice="Try it again: `wasl cohort dummy FILE`, then on the unit's page of cohorts.",
        )
    run = _finished(session, run_id)
    live_agreement(session, run.agreement_id)
    return row, run


def channels_of_run(unit: Unit, run_id: str, preset: Preset) -> Channels:
    """Return the spells of a finished computation's persons, made anew from its records and events.

    Raises:
        NotFoundError: There is no such computation, or its records are gone.
        CohortError: No register of it has a usable event.
    """
    with unit.database.read() as session:
        run = _finished(session, run_id)
        records = {part.summary["register"]: part.digest for part in ledger.results(session, run_id, "records")}
        events = {}
        for register in records:
            objects = session.get_one(Submission, run.parameters["submissions"][register]).objects
            events[register] = next(item.sha256 for item in objects if item.name == "events.parquet")
    payload = link_registers(
        [read_frame(unit.store, records[register]) for register in records],
        {register: read_frame(unit.store, stored) for register, stored in events.items()},
    )
    if payload.window is None:
        raise CohortError("No register of this computation has a usable event.", advice="See the run's page.")
    return build_channels(payload.linked, payload.window, preset)


def list_cohorts(unit: Unit) -> list[CohortView]:
    """Return all cohorts, the newest first."""
    with unit.database.read() as session:
        rows = session.scalars(select(CohortRow).order_by(CohortRow.created_at.desc(), CohortRow.digest))
        return [_view(row) for row in rows]


def list_cohort_runs(unit: Unit, cohort_digest: str) -> list[CohortRunView]:
    """Return the runs of a cohort, the newest first."""
    with unit.database.read() as session:
        own = select(CohortRun).where(CohortRun.cohort_digest == cohort_digest)
        return [_run_view(row) for row in session.scalars(own.order_by(CohortRun.run_at.desc(), CohortRun.id))]


def cohort_table(unit: Unit, cohort_run_id: str) -> pl.DataFrame:
    """Return the protected tables of a run.

    Raises:
        NotFoundError: There is no such run, or its tables went with a computation that was made anew.
    """
    with unit.database.read() as session:
        row = session.get(CohortRun, cohort_run_id)
        if row is None or row.table_digest is None or row.state != CohortRunState.DONE:
            raise NotFoundError("There are no such tables.", advice="Run the cohort on the newest computation.")
        stored = row.table_digest
    return read_frame(unit.store, stored)


def _finished(session: Session, run_id: str) -> Run:
    run = ledger.as_run(ledger.find(session, run_id))
    if run.kind != KIND or run.state != RunState.SUCCEEDED:
        raise NotFoundError("This run has no persons.", advice="Wait until the computation has succeeded.")
    return run


def _earlier(session: Session, cohort_digest: str, run_id: str) -> CohortRun | None:
    return session.scalars(
        select(CohortRun).where(
            CohortRun.cohort_digest == cohort_digest,
            CohortRun.run_id == run_id,
            CohortRun.state == CohortRunState.DONE,
        )
    ).first()


def _tag(cohort: Cohort, run: Run) -> str:
    """Return what names a result: definition, vintage, the persons' computation, code."""
    document = {"cohort": cohort.document(), "vintage": run.vintage, "run": run.result_digest, "code": code_digest()}
    return document_id(document)


def _report(table: pl.DataFrame, cohort_digest: str, dummy: str) -> dict[str, Any]:
    hidden = table.filter(pl.col("value").is_null()).group_by("table").len().sort("table")
    return {
        "cells": table.height,
        "not_shown": int(table["value"].null_count()),
        "not_shown_by_table": dict(hidden.iter_rows()),
        "threshold": THRESHOLD,
        "mechanism": dict(MECHANISM),
        "populations_too_alike": [],
        "cohort": cohort_digest,
        "dummy_digest": dummy,
        "code_sha256": code_digest(),
    }


def _view(row: CohortRow) -> CohortView:
    return CohortView(
        digest=row.digest,
        name=row.name,
        source=row.source,
        dummy_digest=row.dummy_digest,
        tried_with_present_code=row.dummy_code == code_digest(),
        created_by=row.created_by,
        created_at=row.created_at,
    )


def _run_view(row: CohortRun) -> CohortRunView:
    return CohortRunView(
        id=row.id,
        cohort=row.cohort_digest,
        run_id=row.run_id,
        vintage=row.vintage,
        state=row.state,
        tag=row.tag,
        table_digest=row.table_digest,
        report=json.loads(row.report),
        run_by=row.run_by,
        run_at=row.run_at,
    )
