"""Tables of agreements."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import Date, ForeignKey, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from service.db.base import Base, UtcDateTime


class AgreementRow(Base):
    """An installed agreement. `document` is its canonical JSON, whose SHA-256 is `id`."""

    __tablename__ = "agreements"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    document: Mapped[str] = mapped_column(Text)
    expires_on: Mapped[date] = mapped_column(Date)
    retention_until: Mapped[date] = mapped_column(Date)
    installed_at: Mapped[datetime] = mapped_column(UtcDateTime)


class AgreementSignature(Base):
    """One institution's signature (`kind` ``signature``) or the privacy officer's ``approval``."""

    __tablename__ = "agreement_signatures"

    agreement_id: Mapped[str] = mapped_column(ForeignKey("agreements.id"), primary_key=True)
    party: Mapped[str] = mapped_column(String(40), primary_key=True)
    kind: Mapped[str] = mapped_column(String(16), primary_key=True)
    signature: Mapped[str] = mapped_column(String(128))
    at: Mapped[datetime] = mapped_column(UtcDateTime)
