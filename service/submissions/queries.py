"""What others ask about submissions: a party about its own, a run about those it will use."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from contract.audit_override import AccompaniedManifest
from contract.errors import ConflictError, NotFoundError
from contract.submission import Manifest
from service.requests import Caller
from service.submissions.contents import StoredTable
from service.submissions.models import Submission, SubmissionState


@dataclass(frozen=True)
class AcceptedSubmission:
    """An accepted submission and its stored tables by name, such as ``pass-birth.parquet``."""

    manifest: Manifest
    manifest_id: str
    tables: dict[str, StoredTable]


def owned(session: Session, caller: Caller, manifest_id: str) -> Submission:
    """Return a submission of the calling institution's.

    Raises:
        NotFoundError: There is none, or it is another's: the answer is the same.
    """
    submission = session.get(Submission, manifest_id)
    if (
        submission is None
        or submission.agreement_id != caller.agreement_id
        or submission.institution != caller.party.name
    ):
        raise NotFoundError("There is no such submission of yours at this unit.")
    return submission


def accepted_for(session: Session, agreement_id: str, vintage: str, register: str) -> Submission | None:
    """Return the submission in force of a register's vintage, if there is one."""
    return session.scalars(
        select(Submission).where(
            Submission.agreement_id == agreement_id,
            Submission.vintage == vintage,
            Submission.register_name == register,
            Submission.state == SubmissionState.ACCEPTED,
        )
    ).first()


def accepted_submissions(session: Session, agreement_id: str, vintage: str) -> dict[str, AcceptedSubmission]:
    """Return the submissions in force of a vintage, by register, in the order of the registers' names."""
    rows = session.scalars(
        select(Submission)
        .where(
            Submission.agreement_id == agreement_id,
            Submission.vintage == vintage,
            Submission.state == SubmissionState.ACCEPTED,
        )
        .order_by(Submission.register_name)
    ).all()
    return {
        row.register_name: AcceptedSubmission(
            manifest=AccompaniedManifest.model_validate_json(row.document).manifest,
            manifest_id=row.manifest_id,
            tables={
                item.name: StoredTable(item.name, item.sha256, item.size, item.rows, item.place) for item in row.objects
            },
        )
        for row in rows
    }


def mark_used(session: Session, manifest_ids: list[str], run_id: str) -> None:
    """Say that a run uses these submissions: from now on nothing replaces them.

    Raises:
        ConflictError: One is no longer in force.
    """
    for manifest_id in sorted(manifest_ids):
        submission = session.get(Submission, manifest_id)
        if submission is None or submission.state != SubmissionState.ACCEPTED:
            raise ConflictError("A submission of this run is no longer in force.", advice="Start the run again.")
        submission.used_by_run = run_id


def release_used(session: Session, run_id: str) -> None:
    """Take back `mark_used` for a run that ended without a result."""
    session.execute(update(Submission).where(Submission.used_by_run == run_id).values(used_by_run=None))
