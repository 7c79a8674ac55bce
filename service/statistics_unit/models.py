"""Tables of the statistics unit: delivered edges, retracted subjects, releases."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import BigInteger, ForeignKey, Index, Integer, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from service.db.base import Base, UtcDateTime


class DeliveryState(StrEnum):
    """Where a delivery of edges stands; `replaced` by a later run of the same vintage."""

    OPEN = "open"
    ACCEPTED = "accepted"
    REFUSED = "refused"
    REPLACED = "replaced"


class EdgesDelivery(Base):
    """Edges of one run of the linkage unit, with the manifest as it signed it."""

    __tablename__ = "edges_deliveries"
    __table_args__ = (Index("ix_edges_deliveries_vintage", "agreement_id", "vintage", "state"),)

    run_id: Mapped[str] = mapped_column(String(32), primary_key=True)  # the linkage unit's run
    agreement_id: Mapped[str] = mapped_column(ForeignKey("agreements.id"))
    vintage: Mapped[str] = mapped_column(String(32))
    state: Mapped[str] = mapped_column(String(16))
    document: Mapped[str] = mapped_column(Text)
    received: Mapped[int] = mapped_column(BigInteger, default=0)  # bytes that arrived for good
    object_digest: Mapped[str | None] = mapped_column(String(64))  # the opened edge table in the store
    opened_at: Mapped[datetime] = mapped_column(UtcDateTime)
    settled_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class SubjectRetraction(Base):
    """A subject that its institution took back: excluded from every computation from then on."""

    __tablename__ = "subject_retractions"
    __table_args__ = (UniqueConstraint("agreement_id", "register_name", "subject_ref"),)

    sequence: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    agreement_id: Mapped[str] = mapped_column(ForeignKey("agreements.id"))
    register_name: Mapped[str] = mapped_column(String(40))
    subject_ref: Mapped[str] = mapped_column(String(64))
    at: Mapped[datetime] = mapped_column(UtcDateTime)


class ReleaseState(StrEnum):
    """Where a release stands."""

    PROPOSED = "proposed"
    APPROVED = "approved"
    REFUSED = "refused"


class Release(Base):
    """Protected tables that a statistician proposed and another person, the output checker, decides on."""

    __tablename__ = "releases"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    run_id: Mapped[str] = mapped_column(ForeignKey("runs.id"), index=True)
    agreement_id: Mapped[str] = mapped_column(ForeignKey("agreements.id"))
    state: Mapped[str] = mapped_column(String(16))
    table_digest: Mapped[str] = mapped_column(String(64))  # the protected indicators (CSV) in the store
    proposed_by: Mapped[str] = mapped_column(String(80))
    proposed_at: Mapped[datetime] = mapped_column(UtcDateTime)
    decided_by: Mapped[str | None] = mapped_column(String(80))
    decided_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    report: Mapped[str | None] = mapped_column(Text)  # the automatic report of disclosure control, JSON
    cohort_run_id: Mapped[str | None] = mapped_column(String(32))  # tables of a cohort rather than of a computation
