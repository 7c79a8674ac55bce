"""The life of a submission at a unit: open, upload, complete, replace, retract.

Accepting is one transaction: state, tables, signed receipt and audit entry. Files are deleted only
after the transaction that made them superfluous; what a killed process left undeleted is deleted,
and recorded, at the next start.
"""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from contract.agreement import Agreement
from contract.audit_override import AccompaniedManifest, Override, check_dossier
from contract.canonical import canonical_json
from contract.errors import ConflictError, ForbiddenError, SubmissionError
from contract.receipt import RECEIPT_CONTEXT, Receipt, SignedReceipt
from contract.signing import sign
from contract.submission import Manifest
from service.agreements.service import live_agreement
from service.audit.actions import Action
from service.audit.log import append
from service.errors import mark_recorded
from service.requests import Caller
from service.storage import file_digest
from service.submissions.contents import StoredTable, store_contents
from service.submissions.models import Submission, SubmissionFile, SubmissionObject, SubmissionState
from service.submissions.queries import accepted_for, owned
from service.submissions.removal import remove_tables
from service.unit import Unit
from service.uploads import OffsetError, arrived, one_at_a_time, write_chunk

_MAX_OPEN = 32  # open submissions of one institution: more is a mistake, or an attack on the disk


def half_of(unit: Unit) -> str:
    """Return which half of a submission this unit takes."""
    return unit.settings.role


def upload_folder(unit: Unit, manifest_id: str) -> Path:
    """Return the folder of a submission's unfinished files."""
    return unit.settings.data_dir / "uploads" / manifest_id


def open_submission(unit: Unit, caller: Caller, signed: AccompaniedManifest) -> str:
    """Open a submission and return its manifest id; opening it again is harmless.

    Raises:
        AgreementError: The agreement is not live.
        SubmissionError: The manifest is of another agreement, epoch or institution, expired, or asks too much.
        GateRefusedError: Its audit is missing, or found more than the agreement allows.
        SignatureError: The institution did not sign the manifest.
        ForbiddenError: Another institution sends it.
        ConflictError: Its submission id is taken, or a run has used this vintage already.
    """
    manifest = signed.manifest
    with unit.database.write() as session:
        agreement = live_agreement(session, caller.agreement_id)
        signed.check(agreement)
        if manifest.institution != caller.party.name:
            raise ForbiddenError("An institution sends its own submissions only.")
        if session.get(Submission, manifest.id) is not None:
            return manifest.id
        _check_room(unit, session, manifest)
        audit = _check_audit(unit, signed, agreement)
        entries = manifest.half(half_of(unit))
        session.add(
            Submission(
                manifest_id=manifest.id,
                agreement_id=agreement.id,
                submission_id=manifest.submission_id,
                register_name=manifest.register_name,
                vintage=manifest.vintage,
                institution=manifest.institution,
                state=SubmissionState.OPEN,
                document=canonical_json(signed).decode(),
                opened_at=datetime.now(UTC),
            )
        )
        session.flush()
        for entry in entries:
            session.add(
                SubmissionFile(
                    manifest_id=manifest.id, name=entry.name, sha256=entry.sha256, size=entry.size, received=0
                )
            )
        _log(session, Action.SUBMISSION_OPEN, caller, manifest, **audit)
        if audit["audit"] == "FAIL" and signed.audit is not None and signed.audit.override is not None:
            _log(session, Action.SUBMISSION_OVERRIDE, caller, manifest, **_override(signed.audit.override))
    return manifest.id


def _check_audit(unit: Unit, signed: AccompaniedManifest, agreement: Agreement) -> dict[str, str]:
    """Judge the audit anew from its figures; return what the log keeps of it."""
    if unit.settings.allow_unaudited:
        return {"audit": "not asked for"}
    judgement = check_dossier(signed.audit, signed.manifest, agreement)
    report = signed.audit.report.report.id if signed.audit is not None else ""
    return {"audit": judgement.verdict, "audit_report": report}


def _override(override: Override) -> dict[str, str]:
    names = {who: given.name for who, given in override.signers()}
    return {"audit_report": override.statement.report_id, "reason": override.statement.reason, **names}


def _check_room(unit: Unit, session: Session, manifest: Manifest) -> None:
    taken = select(Submission.manifest_id).where(
        Submission.agreement_id == manifest.agreement_id, Submission.submission_id == manifest.submission_id
    )
    if session.scalar(taken) is not None:
        raise ConflictError("Another manifest bears this submission's id.", advice="Encode the vintage again.")
    if any(entry.size > unit.settings.max_file_bytes for entry in manifest.half(half_of(unit))):
        raise SubmissionError("A file is larger than this unit takes.", advice="Ask the unit's operator.")
    still_open = (
        select(func.count())
        .select_from(Submission)
        .where(
            Submission.agreement_id == manifest.agreement_id,
            Submission.institution == manifest.institution,
            Submission.state == SubmissionState.OPEN,
        )
    )
    if (session.scalar(still_open) or 0) >= _MAX_OPEN:
        raise ConflictError("Too many submissions are open.", advice="Finish or retract one first.")
    _refuse_if_used(session, manifest)


def _refuse_if_used(session: Session, manifest: Manifest) -> Submission | None:
    """Return the accepted submission that this one would replace."""
    earlier = accepted_for(session, manifest.agreement_id, manifest.vintage, manifest.register_name)
    if earlier is not None and earlier.used_by_run is not None:
        raise ConflictError("A run has used this register's vintage.", advice="Deliver the data as a new vintage.")
    return earlier


def append_chunk(unit: Unit, caller: Caller, manifest_id: str, name: str, offset: int, chunk: bytes) -> int:
    """Append a chunk to a file and return the offset to go on from.

    If part of the file got lost on this unit's disk, nothing is written and the smaller offset returned.

    Raises:
        NotFoundError: There is no such submission of the caller's, or no such file at this unit.
        ConflictError: The submission is not open.
        OffsetError: The chunk does not start where the file ends; `where` names the offset.
        SubmissionError: The chunk goes beyond the file's size.
        StorageError: The disk does not take it; nothing that was acknowledged is lost.
    """
    path = upload_folder(unit, manifest_id) / name
    with one_at_a_time(manifest_id), unit.database.write() as session:
        submission = owned(session, caller, manifest_id)
        file = next((file for file in submission.files if file.name == name), None)
        if file is None:
            raise SubmissionError("The submission has no such file at this unit.")
        if submission.state != SubmissionState.OPEN:
            raise ConflictError("The submission is not open.")
        there = arrived(path, file.received)
        if there < file.received:
            file.received = there
            return there
        if offset != file.received:
            raise OffsetError("The chunk does not start where the file ends.", where={"offset": file.received})
        if offset + len(chunk) > file.size:
            raise SubmissionError("The chunk goes beyond the size in the manifest.", where={"file": name})
        file.received = write_chunk(path, offset, chunk)
        return file.received


def complete_submission(unit: Unit, caller: Caller, manifest_id: str) -> SignedReceipt:
    """Check everything, accept, and return the signed receipt; doing it again gives the same receipt.

    Raises:
        NotFoundError: There is no such submission of the caller's.
        ConflictError: It is not whole yet, was refused, replaced or retracted, or a run used the vintage.
        SubmissionError: A digest or content is wrong. A file with a wrong digest may be sent again; a
            submission with wrong content is refused for good.
        StorageError: Disk or database failed; complete it again.
    """
    with one_at_a_time(manifest_id):
        with unit.database.read() as session:
            submission = owned(session, caller, manifest_id)
            if submission.receipt is not None and submission.state == SubmissionState.ACCEPTED:
                return SignedReceipt.model_validate_json(submission.receipt)
            if submission.state != SubmissionState.OPEN:
                raise ConflictError(f"The submission is {submission.state}.", advice="Encode and push a new one.")
            agreement = live_agreement(session, caller.agreement_id)
            signed = AccompaniedManifest.model_validate_json(submission.document)
            signed.check(agreement)
            _check_audit(unit, signed, agreement)  # it may have been opened under other settings
            files = [(file.name, file.sha256, file.size, file.received) for file in submission.files]
        folder = upload_folder(unit, manifest_id)
        for name, _, size, received in files:
            if received != size:
                raise ConflictError("The submission is not whole yet.", where={"file": name, "offset": received})
        for name, digest, size, _ in files:
            if size == 0 and not (folder / name).exists():
                write_chunk(folder / name, 0, b"")
            if file_digest(folder / name) != digest:
                _restart_file(unit, manifest_id, name)
                raise SubmissionError(
                    "A file is not the one in the manifest.", advice="Send it again.", where={"file": name, "offset": 0}
                )
        try:
            tables = store_contents(unit, agreement, signed.manifest, folder)
        except SubmissionError as error:
            _refuse(unit, caller, signed.manifest, error)
            raise mark_recorded(error) from error.__cause__
        receipt = _accept(unit, caller, agreement, signed.manifest, tables)
        shutil.rmtree(folder, ignore_errors=True)
    remove_tables(unit)
    return receipt


def _restart_file(unit: Unit, manifest_id: str, name: str) -> None:
    with unit.database.write() as session:
        session.get_one(SubmissionFile, (manifest_id, name)).received = 0


def _refuse(unit: Unit, caller: Caller, manifest: Manifest, error: SubmissionError) -> None:
    with unit.database.write() as session:
        submission = session.get_one(Submission, manifest.id)
        submission.state, submission.settled_at = SubmissionState.REFUSED, datetime.now(UTC)
        details = {"code": error.code, "register": manifest.register_name, "vintage": manifest.vintage}
        append(
            session,
            Action.SUBMISSION_REFUSE,
            actor=caller.actor,
            agreement_id=manifest.agreement_id,
            obj=manifest.id,
            outcome="refused",
            details=details,
        )
    shutil.rmtree(upload_folder(unit, manifest.id), ignore_errors=True)


def _accept(
    unit: Unit, caller: Caller, agreement: Agreement, manifest: Manifest, tables: list[StoredTable]
) -> SignedReceipt:
    now = datetime.now(UTC)
    with unit.database.write() as session:
        submission = session.get_one(Submission, manifest.id)
        if submission.state != SubmissionState.OPEN:
            raise ConflictError(f"The submission is {submission.state}.", advice="Encode and push a new one.")
        live_agreement(session, agreement.id, now)
        earlier = _refuse_if_used(session, manifest)
        if earlier is not None:
            earlier.state, earlier.settled_at = SubmissionState.REPLACED, now
            _log(session, Action.SUBMISSION_REPLACE, caller, manifest, obj=earlier.manifest_id)
        sequence = _log(session, Action.SUBMISSION_ACCEPT, caller, manifest)
        receipt = Receipt.model_validate(
            {
                "unit": unit.role,
                "agreement_id": agreement.id,
                "manifest_id": manifest.id,
                "submission_id": manifest.submission_id,
                "register_name": manifest.register_name,
                "vintage": manifest.vintage,
                "accepted_at": now,
                "audit_sequence": sequence,
            }
        )
        signed = SignedReceipt(receipt=receipt, signature=sign(RECEIPT_CONTEXT, receipt, unit.keys.signing))
        submission.state, submission.settled_at = SubmissionState.ACCEPTED, now
        submission.receipt = signed.model_dump_json()
        for table in tables:
            session.add(SubmissionObject(manifest_id=manifest.id, **vars(table)))
    return signed


def retract_submission(unit: Unit, caller: Caller, manifest_id: str) -> None:
    """Take a submission back: its tables are deleted at once; doing it again is harmless.

    What a run has made of it stays until the next vintage (linkage unit) or is withdrawn by the
    statistics unit's own retraction of subjects; the audit entry names the run.

    Raises:
        NotFoundError: There is no such submission of the caller's.
    """
    with one_at_a_time(manifest_id):
        with unit.database.write() as session:
            submission = owned(session, caller, manifest_id)
            if submission.state in {SubmissionState.OPEN, SubmissionState.ACCEPTED}:
                submission.state, submission.settled_at = SubmissionState.RETRACTED, datetime.now(UTC)
                manifest = AccompaniedManifest.model_validate_json(submission.document).manifest
                used = {"run": submission.used_by_run} if submission.used_by_run else {}
                _log(session, Action.SUBMISSION_RETRACT, caller, manifest, **used)
        shutil.rmtree(upload_folder(unit, manifest_id), ignore_errors=True)
    remove_tables(unit)


def _log(session: Session, action: Action, caller: Caller, manifest: Manifest, *, obj: str = "", **details: str) -> int:
    return append(
        session,
        action,
        actor=caller.actor,
        agreement_id=manifest.agreement_id,
        obj=obj or manifest.id,
        details={"register": manifest.register_name, "vintage": manifest.vintage, **details},
    )
