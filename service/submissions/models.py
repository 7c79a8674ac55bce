"""Tables of submissions.

A submission is `open` while it is uploaded, then `accepted` or `refused`; an accepted one may become
`replaced` by a later one of the same register and vintage, or `retracted` by its institution.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import BigInteger, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from service.db.base import Base, UtcDateTime


class SubmissionState(StrEnum):
    """Where a submission stands."""

    OPEN = "open"
    ACCEPTED = "accepted"
    REFUSED = "refused"
    REPLACED = "replaced"
    RETRACTED = "retracted"


class Submission(Base):
    """One submission at this unit, with its signed manifest and, once accepted, the signed receipt."""

    __tablename__ = "submissions"
    __table_args__ = (
        UniqueConstraint("agreement_id", "submission_id"),
        Index("ix_submissions_vintage", "agreement_id", "vintage", "register_name", "state"),
    )

    manifest_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    agreement_id: Mapped[str] = mapped_column(ForeignKey("agreements.id"))
    submission_id: Mapped[str] = mapped_column(String(32))
    register_name: Mapped[str] = mapped_column(String(40))
    vintage: Mapped[str] = mapped_column(String(32))
    institution: Mapped[str] = mapped_column(String(40))
    state: Mapped[str] = mapped_column(String(16))
    document: Mapped[str] = mapped_column(Text)
    receipt: Mapped[str | None] = mapped_column(Text)
    used_by_run: Mapped[str | None] = mapped_column(String(32))
    opened_at: Mapped[datetime] = mapped_column(UtcDateTime)
    settled_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    files: Mapped[list[SubmissionFile]] = relationship(order_by="SubmissionFile.name")
    objects: Mapped[list[SubmissionObject]] = relationship(order_by="SubmissionObject.name")


class SubmissionFile(Base):
    """One file of this unit's half: how much of it has arrived for good."""

    __tablename__ = "submission_files"

    manifest_id: Mapped[str] = mapped_column(ForeignKey("submissions.manifest_id"), primary_key=True)
    name: Mapped[str] = mapped_column(String(80), primary_key=True)
    sha256: Mapped[str] = mapped_column(String(64))
    size: Mapped[int] = mapped_column(BigInteger)
    received: Mapped[int] = mapped_column(BigInteger, default=0)  # bytes that arrived for good


class SubmissionObject(Base):
    """One stored, checked table of an accepted submission; `place` is ``store`` or ``subjects``."""

    __tablename__ = "submission_objects"

    manifest_id: Mapped[str] = mapped_column(ForeignKey("submissions.manifest_id"), primary_key=True)
    name: Mapped[str] = mapped_column(String(80), primary_key=True)
    sha256: Mapped[str] = mapped_column(String(64), index=True)
    size: Mapped[int] = mapped_column(BigInteger)
    rows: Mapped[int] = mapped_column(BigInteger)
    place: Mapped[str] = mapped_column(String(16))
