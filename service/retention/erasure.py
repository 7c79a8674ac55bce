"""Erases an agreement when its retention has ended, and leaves signed evidence.

Three steps, each of which may be repeated, so that a killed process goes on:

1. one transaction: the inventory is written down, active runs are cancelled, the log says what begins;
2. files, uploads and person links are deleted;
3. one transaction: rows are deleted, the evidence is signed, stored and logged.

An inventory is taken again afterwards and every day: what a worker wrote meanwhile goes too.
"""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from contract.canonical import canonical_json
from contract.errors import StorageError
from contract.evidence import EVIDENCE_CONTEXT, Deleted, DeletionEvidence, Kept, SignedEvidence
from contract.signing import sign
from service.agreements.models import AgreementRow
from service.agreements.service import parse_agreement
from service.audit.actions import Action
from service.audit.log import append
from service.db.base import Database
from service.relay.models import RelayRow
from service.retention.inventory import Inventory, as_text, take_inventory
from service.retention.models import ErasureRow
from service.runs import ledger
from service.runs.models import RunRow
from service.runs.port import ACTIVE
from service.statistics_unit.disclosure_models import PopulationQuery
from service.statistics_unit.models import Release, ReleaseState, SubjectRetraction
from service.statistics_unit.retraction import hand_over
from service.statistics_unit.review_models import ReviewDecision
from service.submissions.models import Submission, SubmissionObject
from service.unit import Unit

EVIDENCE_FOLDER = "evidence"


def due(session: Session, now: datetime | None = None) -> list[str]:
    """Return the agreements whose retention has ended: on the day itself nothing may be left."""
    today = (now or datetime.now(UTC)).date()
    rows = session.scalars(
        select(AgreementRow.id).where(AgreementRow.retention_until <= today).order_by(AgreementRow.id)
    )
    return list(rows)


def end_retention(unit: Unit, now: datetime | None = None) -> list[SignedEvidence]:
    """Erase every agreement whose retention has ended, and what came back of those erased before.

    Returns:
        The evidence of the agreements erased now, not of those erased before.

    Raises:
        StorageError: Disk or database refuse; it is tried again next time.
    """
    with unit.database.read() as session:
        waiting = due(session, now)
    made = []
    for agreement_id in waiting:
        with unit.database.read() as session:
            row = session.get(ErasureRow, agreement_id)
            erased = row is not None and row.evidence is not None
        if erased:
            _sweep(unit, agreement_id)
            write_evidence(unit, agreement_id)
        else:
            made.append(erase(unit, agreement_id, now))
    return made


def erase(unit: Unit, agreement_id: str, now: datetime | None = None) -> SignedEvidence:
    """Erase one agreement. See the module's docstring."""
    inventory = _begin(unit, agreement_id, now or datetime.now(UTC))
    _delete_files(unit, inventory)
    with unit.database.write() as session:
        signed = _finish(unit, session, agreement_id, inventory)
    _compact(unit.database)
    write_evidence(unit, agreement_id)
    _sweep(unit, agreement_id)
    return signed


def evidence_of(session: Session, agreement_id: str) -> SignedEvidence | None:
    """Return the evidence of an agreement that was erased here."""
    row = session.get(ErasureRow, agreement_id)
    return None if row is None or row.evidence is None else SignedEvidence.model_validate_json(row.evidence)


def write_evidence(unit: Unit, agreement_id: str) -> Path:
    """Write the evidence to ``evidence/<agreement id>.json`` in the unit's folder, unless it is there.

    Raises:
        StorageError: It cannot be written.
    """
    path = unit.settings.data_dir / EVIDENCE_FOLDER / f"{agreement_id}.json"
    with unit.database.read() as session:
        signed = evidence_of(session, agreement_id)
    if signed is None or path.exists():
        return path
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".partial")
        partial.write_bytes(canonical_json(signed))
        partial.replace(path)
    except OSError as error:
        raise StorageError("The deletion evidence cannot be written.", where={"file": path.name}) from error
    return path


def _begin(unit: Unit, agreement_id: str, now: datetime) -> Inventory:
    with unit.database.write() as session:
        row = session.get(ErasureRow, agreement_id)
        if row is not None:
            return Inventory.model_validate_json(row.inventory)
        actor = f"unit:{unit.settings.role}"
        active = select(RunRow.id).where(RunRow.agreement_id == agreement_id, RunRow.state.in_(ACTIVE))
        for run_id in session.scalars(active.order_by(RunRow.id)).all():
            ledger.cancel(session, run_id, actor)
        inventory = take_inventory(unit, session, agreement_id)
        session.add(
            ErasureRow(agreement_id=agreement_id, reason="retention", inventory=as_text(inventory), began_at=now)
        )
        append(
            session,
            Action.RETENTION_END,
            actor=actor,
            agreement_id=agreement_id,
            details={"objects": len(inventory.objects), "relay_messages": inventory.relay_messages},
        )
        return inventory


def _delete_files(unit: Unit, inventory: Inventory) -> None:
    for item in inventory.objects:
        unit.store_at(item.place).delete(item.digest)
    for name in inventory.uploads:
        folder = unit.settings.data_dir / "uploads" / name
        shutil.rmtree(folder, ignore_errors=True)
        if folder.exists():  # evidence must not name what is still there
            raise StorageError("An unfinished upload cannot be deleted.", where={"folder": "uploads"})
    if unit.settings.role == "statistics" and inventory.runs:
        from service.statistics_unit.subjects import forget_runs, subjects_database

        with subjects_database(unit.settings) as database:
            forget_runs(database, inventory.runs)
            _compact(database)


def _finish(unit: Unit, session: Session, agreement_id: str, inventory: Inventory) -> SignedEvidence:
    row = session.get_one(ErasureRow, agreement_id)
    if row.evidence is not None:  # another process finished it
        return SignedEvidence.model_validate_json(row.evidence)
    agreement = parse_agreement(session.get_one(AgreementRow, agreement_id).document)
    handed_over = _delete_rows(session, agreement_id)
    evidence = DeletionEvidence(
        agreement_id=agreement_id,
        epoch=agreement.epoch,
        party=agreement.with_role(unit.role)[0].name,
        role="linkage_unit" if unit.settings.role == "linkage" else "statistics_unit",
        reason="retention",
        began_at=row.began_at,
        finished_at=max(datetime.now(UTC), row.began_at),
        deleted=_deleted(inventory),
        kept=_kept(session, agreement_id, handed_over),
    )
    signature = sign(EVIDENCE_CONTEXT, evidence, unit.keys.signing)
    signed = SignedEvidence(evidence=evidence, signature=signature, agreement=agreement)
    row.evidence, row.finished_at = canonical_json(signed).decode(), evidence.finished_at
    append(
        session,
        Action.RETENTION_ERASE,
        actor=f"unit:{unit.settings.role}",
        agreement_id=agreement_id,
        obj=evidence.id,
        details={one.kind: one.items for one in evidence.deleted},
    )
    return signed


def _delete_rows(session: Session, agreement_id: str) -> int:
    """Delete the rows; return how many retractions successors now hold."""
    handed_over = hand_over(session, agreement_id)
    own = select(Submission.manifest_id).where(Submission.agreement_id == agreement_id)
    session.execute(delete(SubmissionObject).where(SubmissionObject.manifest_id.in_(own)))
    session.execute(delete(RelayRow).where(RelayRow.agreement_id == agreement_id))
    session.execute(delete(SubjectRetraction).where(SubjectRetraction.agreement_id == agreement_id))
    session.execute(delete(ReviewDecision).where(ReviewDecision.agreement_id == agreement_id))
    session.execute(delete(PopulationQuery).where(PopulationQuery.agreement_id == agreement_id))
    return handed_over


def _deleted(inventory: Inventory) -> tuple[Deleted, ...]:
    by_kind: dict[str, list[tuple[str, int]]] = {}
    for item in inventory.objects:
        by_kind.setdefault(item.kind, []).append((item.digest, item.size))
    found = [
        Deleted(
            kind=kind,
            items=len(items),
            size=sum(size for _, size in items),
            digests=tuple(sorted(digest for digest, _ in items)),
        )
        for kind, items in by_kind.items()
    ]
    found.append(Deleted(kind="relay_messages", items=inventory.relay_messages, size=inventory.relay_characters))
    found.append(Deleted(kind="subject_retractions", items=inventory.retractions))
    found.append(Deleted(kind="review_decisions", items=inventory.review_decisions))
    found.append(Deleted(kind="unfinished_uploads", items=len(inventory.uploads)))
    found.append(Deleted(kind="person_links_of_runs", items=len(inventory.runs)))
    return tuple(sorted((one for one in found if one.items), key=lambda one: one.kind))


def _kept(session: Session, agreement_id: str, handed_over: int) -> tuple[Kept, ...]:
    submissions = session.scalar(
        select(func.count()).select_from(Submission).where(Submission.agreement_id == agreement_id)
    )
    runs = session.scalar(select(func.count()).select_from(RunRow).where(RunRow.agreement_id == agreement_id))
    releases = session.scalar(
        select(func.count())
        .select_from(Release)
        .where(Release.agreement_id == agreement_id, Release.state == ReleaseState.APPROVED)
    )
    return (
        Kept(
            kind="manifests_and_receipts", items=submissions or 0, why="signed proof of what was delivered; no person"
        ),
        Kept(kind="run_records", items=runs or 0, why="what was computed when, with aggregates and digests"),
        Kept(kind="approved_releases", items=releases or 0, why="protected tables that were published"),
        Kept(kind="retractions_handed_over", items=handed_over, why="successors go on leaving these subjects out"),
        Kept(kind="audit_log", items=1, why="append-only; holds no person"),
    )


def _sweep(unit: Unit, agreement_id: str) -> None:
    """Delete what was written after the inventory, by a worker that was in the middle of a chunk."""
    with unit.database.read() as session:
        inventory = take_inventory(unit, session, agreement_id)
    if inventory.empty:
        return
    _delete_files(unit, inventory)
    with unit.database.write() as session:
        _delete_rows(session, agreement_id)
        append(
            session,
            Action.RETENTION_END,
            actor=f"unit:{unit.settings.role}",
            agreement_id=agreement_id,
            obj="again",
            details={"objects": len(inventory.objects), "relay_messages": inventory.relay_messages},
        )


def _compact(database: Database) -> None:
    """Move SQLite's write-ahead log into the file and empty it: deleted rows must not live on in it."""
    if database.engine.dialect.name != "sqlite":
        return
    connection = database.engine.raw_connection()
    try:
        connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    finally:
        connection.close()
