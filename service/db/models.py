"""The list of all model modules, and the two tables that belong to nobody else.

A room that adds tables adds its module to `MODEL_MODULES` and a migration after the last one.
"""

from __future__ import annotations

from datetime import datetime
from importlib import import_module

from sqlalchemy import MetaData, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from service.db.base import Base, UtcDateTime

MODEL_MODULES = (
    "service.accounts.models",
    "service.agreements.models",
    "service.audit.models",
    "service.relay.models",
    "service.retention.models",
    "service.runs.models",
    "service.statistics_unit.disclosure_models",
    "service.statistics_unit.models",
    "service.statistics_unit.review_models",
    "service.submissions.models",
)


class Nonce(Base):
    """A nonce of a signed request, kept until the request's signature has expired."""

    __tablename__ = "nonces"

    agreement_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    party: Mapped[str] = mapped_column(String(40), primary_key=True)
    nonce: Mapped[str] = mapped_column(String(128), primary_key=True)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)


class Meta(Base):
    """Facts about this database: which unit's it is. Keys are never here."""

    __tablename__ = "meta"

    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    value: Mapped[str] = mapped_column(Text)


def all_metadata() -> MetaData:
    """Return the metadata of every table of a unit, having imported all model modules."""
    for module in MODEL_MODULES:
        import_module(module)
    return Base.metadata
