"""Table of erasures."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from service.db.base import Base, UtcDateTime


class ErasureRow(Base):
    """The erasure of one agreement: begun with the inventory of what goes, finished with signed evidence.

    `inventory` is canonical JSON (`service.retention.inventory.Inventory`), written before anything is deleted, so
    that a killed process goes on and the evidence still counts what went before the kill. `evidence` is the signed
    document (`contract.evidence.SignedEvidence`), without the agreement it carries.
    """

    __tablename__ = "erasures"

    agreement_id: Mapped[str] = mapped_column(ForeignKey("agreements.id"), primary_key=True)
    reason: Mapped[str] = mapped_column(String(16))
    inventory: Mapped[str] = mapped_column(Text)
    began_at: Mapped[datetime] = mapped_column(UtcDateTime)
    evidence: Mapped[str | None] = mapped_column(Text)
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
