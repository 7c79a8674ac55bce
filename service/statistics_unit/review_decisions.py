"""Reviewers' decisions as the next computation sees them: must-link and cannot-link on pairs of subjects.

A decided pair has probability exactly 1 or 0, which clustering takes as certain (`linkage.cluster.evidence_of`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl
import pyarrow as pa
from sqlalchemy import delete, select

from contract.agreement import Agreement
from service.agreements.service import get_agreement, lineage
from service.audit.actions import Action
from service.audit.log import append
from service.db.base import Database
from service.runs.port import Run
from service.statistics_unit.persons import Subjects
from service.statistics_unit.review_contradictions import Decided, set_aside
from service.statistics_unit.review_ledger import in_force
from service.statistics_unit.review_models import ReviewDecision, Verdict
from service.statistics_unit.review_pairs import Names, pairs_of_numbers
from service.statistics_unit.start import series_of
from service.statistics_unit.subjects import subjects_database
from service.unit import Unit


def placed(subjects: Subjects, names: Mapping[int, Names], verdicts: Mapping[int, Verdict]) -> list[Decided]:
    """Return decisions between subjects that are there, in the order of `verdicts`."""
    wanted = sorted({name for pair in names.values() for name in pair})
    numbered = subjects.frame.select(name=pl.concat_str("register", pl.lit("/"), "subject_ref")).with_row_index("at")
    place = dict(numbered.filter(pl.col("name").is_in(wanted)).select("name", "at").iter_rows())
    found = []
    for number, verdict in verdicts.items():
        ends = [place.get(name) for name in names.get(number, ())]
        if len(ends) == 2 and None not in ends:
            a, b = sorted(int(end) for end in ends if end is not None)
            found.append(Decided(number, a, b, verdict == Verdict.SAME))
    return found


def single_registers(subjects: Subjects, agreement: Agreement, chosen: Sequence[int]) -> dict[int, str]:
    """Return the register of those subjects whose register has one record a person."""
    one = {terms.name for terms in agreement.registers if terms.rows_per_person == "one"}
    register = subjects.frame["register"]
    return {at: register[at] for at in sorted(set(chosen)) if register[at] in one}


def decisions_of(unit: Unit, run: Run, subjects: Subjects) -> tuple[list[Decided], int]:
    """Return the decisions that a computation follows, and how many it sets aside as contradictions."""
    up_to = run.parameters.get("decisions", {}).get("up_to", 0)
    with unit.database.read() as session:
        verdicts = in_force(session, run.agreement_id, up_to)
        series, agreement = series_of(session, run.agreement_id), get_agreement(session, run.agreement_id).agreement
    if not verdicts:
        return [], 0
    with subjects_database(unit.settings) as database:
        names = pairs_of_numbers(database, series, verdicts)
    decided = placed(subjects, names, verdicts)
    single = single_registers(subjects, agreement, [end for one in decided for end in (one.a, one.b)])
    aside = set_aside(decided, single)
    return [one for one, out in zip(decided, aside, strict=True) if not out], sum(aside)


def decide_pairs(pairs: pa.Table, decided: Sequence[Decided]) -> pa.Table:
    """Return pairs of subjects with decided ones at probability 1 or 0; what was estimated stays in `estimated`.

    A decided pair that no pass found is added, as if one had. Without decisions the table is as it was.
    """
    if not decided:
        return pairs
    frame = pl.from_arrow(pairs)
    assert isinstance(frame, pl.DataFrame)
    columns = {"a": [one.a for one in decided], "b": [one.b for one in decided]}
    certain = pl.DataFrame({**columns, "certain": [float(one.same) for one in decided]})
    joined = frame.join(certain, on=["a", "b"], how="full", coalesce=True).sort("a", "b")
    return joined.select(
        "a",
        "b",
        probability=pl.coalesce("certain", "probability"),
        weight=pl.col("weight").fill_null(0.0),
        passes=pl.col("passes").fill_null(1),
        estimated=pl.col("probability").fill_null(0.0),
    ).to_arrow()


def drop_orphans(unit: Unit, agreement_id: str, database: Database) -> int:
    """Delete decisions on pairs whose number stands for nobody any more: a subject was taken back. Returns how many."""
    with unit.database.read() as session:
        own = ReviewDecision.agreement_id.in_(lineage(session, agreement_id))
        series, made = series_of(session, agreement_id), set(session.scalars(select(ReviewDecision.pair).where(own)))
    gone = sorted(made - set(pairs_of_numbers(database, series, made)))
    if not gone:
        return 0
    with unit.database.write() as session:
        rows = session.scalars(select(ReviewDecision.sequence).where(own, ReviewDecision.pair.in_(gone))).all()
        session.execute(delete(ReviewDecision).where(ReviewDecision.sequence.in_(rows)))
        append(
            session,
            Action.REVIEW_ERASE,
            actor=f"unit:{unit.settings.role}",
            agreement_id=agreement_id,
            details={"pairs": len(gone), "decisions": len(rows)},
        )
    return len(rows)
