"""Tables of the subjects database, which is apart from the unit's own."""

from __future__ import annotations

from sqlalchemy import BigInteger, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class SubjectsBase(DeclarativeBase):
    """Base of the subjects database's tables."""


class PersonLink(SubjectsBase):
    """A subject's person as a run found it."""

    __tablename__ = "person_links"
    __table_args__ = (Index("ix_person_links_subject", "register_name", "subject_ref"),)

    run_id: Mapped[str] = mapped_column(String(32), primary_key=True)
    register_name: Mapped[str] = mapped_column(String(40), primary_key=True)
    subject_ref: Mapped[str] = mapped_column(String(64), primary_key=True)
    person_id: Mapped[str] = mapped_column(String(64))


class LineageRow(SubjectsBase):
    """A statement about a subject: see `linkage.lineage`. `series` is the first agreement of a line of successors."""

    __tablename__ = "person_lineage"
    __table_args__ = (Index("ix_person_lineage_known", "series", "known_to"),)

    series: Mapped[str] = mapped_column(String(64), primary_key=True)
    subject: Mapped[str] = mapped_column(String(105), primary_key=True)  # register/subject_ref
    valid_from: Mapped[str] = mapped_column(String(32), primary_key=True)
    known_from: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    person: Mapped[str] = mapped_column(String(64))
    valid_to: Mapped[str] = mapped_column(String(32))
    known_to: Mapped[int] = mapped_column(BigInteger)


class LineageRun(SubjectsBase):
    """Which run spoke as which number of its series."""

    __tablename__ = "person_lineage_runs"

    run_id: Mapped[str] = mapped_column(String(32), primary_key=True)
    series: Mapped[str] = mapped_column(String(64), index=True)
    vintage: Mapped[str] = mapped_column(String(32))
    known: Mapped[int] = mapped_column(BigInteger)
    churn: Mapped[str] = mapped_column(Text)  # aggregates, JSON


class ReviewPair(SubjectsBase):
    """Which two subjects (register/subject_ref, the first in order) a pair's number stands for, in one series."""

    __tablename__ = "review_pairs"
    __table_args__ = (UniqueConstraint("series", "subject_a", "subject_b"),)

    series: Mapped[str] = mapped_column(String(64), primary_key=True)
    number: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    subject_a: Mapped[str] = mapped_column(String(105), index=True)
    subject_b: Mapped[str] = mapped_column(String(105), index=True)
    run_id: Mapped[str] = mapped_column(String(32), index=True)  # the last computation that listed it
