"""Table of clerical review: decisions of reviewers, in the unit's database, by a pair's number alone.

Which two subjects a number stands for lies in the subjects database (`ReviewPair`), which no page opens.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import BigInteger, ForeignKey, Index, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from service.db.base import Base, UtcDateTime


class Verdict(StrEnum):
    """What a reviewer says of a pair; `undone` takes back what was said before."""

    SAME = "same"
    DIFFERENT = "different"
    UNDONE = "undone"


class ReviewDecision(Base):
    """A decision on a pair. Rows are only ever added; the last one of a pair counts.

    They are deleted with the agreement's retention, and when one of the pair's subjects is taken back.
    """

    __tablename__ = "review_decisions"
    __table_args__ = (Index("ix_review_decisions_pair", "agreement_id", "pair"),)

    sequence: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    agreement_id: Mapped[str] = mapped_column(ForeignKey("agreements.id"))
    run_id: Mapped[str] = mapped_column(ForeignKey("runs.id"))  # the computation that showed the pair
    vintage: Mapped[str] = mapped_column(String(32))
    pair: Mapped[int] = mapped_column(BigInteger)
    verdict: Mapped[str] = mapped_column(String(16))
    decided_by: Mapped[str] = mapped_column(String(80))
    decided_at: Mapped[datetime] = mapped_column(UtcDateTime)
