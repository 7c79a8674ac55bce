"""Tables of disclosure control and cohorts: asked populations, cohorts, their dry and real runs."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, LargeBinary, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from service.db.base import Base, UtcDateTime


class PopulationQuery(Base):
    """A population whose tables somebody saw: its sketch, never its persons."""

    __tablename__ = "population_queries"
    __table_args__ = (Index("ix_population_queries_series", "series", "kind"),)

    id: Mapped[str] = mapped_column(String(32), primary_key=True)  # the release's or the cohort run's
    agreement_id: Mapped[str] = mapped_column(ForeignKey("agreements.id"))
    series: Mapped[str] = mapped_column(String(64))
    kind: Mapped[str] = mapped_column(String(16))  # release or cohort
    definition: Mapped[str] = mapped_column(String(64))  # digest of what was asked
    sketch: Mapped[bytes] = mapped_column(LargeBinary)
    asked_by: Mapped[str] = mapped_column(String(80))
    asked_at: Mapped[datetime] = mapped_column(UtcDateTime)


class Cohort(Base):
    """A cohort's definition as its author wrote it; another text is another cohort."""

    __tablename__ = "cohorts"

    digest: Mapped[str] = mapped_column(String(64), primary_key=True)  # of the definition's canonical form
    name: Mapped[str] = mapped_column(String(80))
    source: Mapped[str] = mapped_column(Text)
    dummy_digest: Mapped[str] = mapped_column(String(64))  # of the tables of its run on dummy data
    dummy_code: Mapped[str] = mapped_column(String(64))  # SHA-256 of the code that made them
    created_by: Mapped[str] = mapped_column(String(80))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class CohortRunState(StrEnum):
    """Where a run of a cohort stands; `superseded` by a newer computation of its vintage."""

    DONE = "done"
    REFUSED = "refused"
    SUPERSEDED = "superseded"


class CohortRun(Base):
    """A cohort's run on the persons of a computation: what was shown, and by what it was made."""

    __tablename__ = "cohort_runs"
    __table_args__ = (Index("ix_cohort_runs_cohort", "cohort_digest", "run_id"),)

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    cohort_digest: Mapped[str] = mapped_column(ForeignKey("cohorts.digest"))
    run_id: Mapped[str] = mapped_column(ForeignKey("runs.id"))
    agreement_id: Mapped[str] = mapped_column(ForeignKey("agreements.id"))
    vintage: Mapped[str] = mapped_column(String(32))
    state: Mapped[str] = mapped_column(String(16))
    tag: Mapped[str] = mapped_column(String(64))  # definition, vintage, parameters, code
    table_digest: Mapped[str | None] = mapped_column(String(64))  # protected tables in the store
    report: Mapped[str] = mapped_column(Text)
    run_by: Mapped[str] = mapped_column(String(80))
    run_at: Mapped[datetime] = mapped_column(UtcDateTime)
