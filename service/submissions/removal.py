"""Deletes the tables of submissions that are no longer in force, and records that it did."""

from __future__ import annotations

from sqlalchemy import func, select

from service.audit.actions import Action
from service.audit.log import append
from service.submissions.models import Submission, SubmissionObject, SubmissionState
from service.unit import Unit

_GONE = (SubmissionState.REPLACED, SubmissionState.RETRACTED)


def remove_tables(unit: Unit) -> int:
    """Delete what replaced and retracted submissions left, unless another still uses the same content.

    Called after each such change and at every start, so that a killed process leaves nothing for good.
    Returns the number of tables removed.

    Raises:
        StorageError: The disk refuses; it is tried again next time.
    """
    removed = 0
    with unit.database.write() as session:
        gone = session.scalars(
            select(Submission)
            .where(Submission.state.in_(_GONE), Submission.objects.any())
            .order_by(Submission.manifest_id)
        ).all()
        for submission in gone:
            digests = []
            for item in list(submission.objects):
                shared = (
                    select(func.count()).select_from(SubmissionObject).where(SubmissionObject.sha256 == item.sha256)
                )
                if session.scalar(shared) == 1:
                    unit.store_at(item.place).delete(item.sha256)
                    digests.append(item.sha256)
                session.delete(item)
                session.flush()
                removed += 1
            append(
                session,
                Action.OBJECTS_DELETE,
                actor=f"unit:{unit.settings.role}",
                agreement_id=submission.agreement_id,
                obj=submission.manifest_id,
                details={"state": str(submission.state), "sha256": sorted(digests)},
            )
    return removed
