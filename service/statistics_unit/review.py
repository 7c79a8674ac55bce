"""Clerical review: who decides what on which pair, and where the review of a computation stands.

Reviewers are statisticians. What they see is the sheet of the newest computation of a vintage (`review_sheet`); what
they decide is a row more and an entry of the audit log, both by the pair's number alone. The next computation follows.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from contract.audit_report import Hits
from contract.errors import ConflictError, NotFoundError
from service.agreements.service import get_agreement, lineage, live_agreement
from service.audit.actions import Action
from service.audit.log import append
from service.runs import ledger
from service.runs.actors import STATISTICIAN, Actor
from service.runs.port import Run, RunState
from service.statistics_unit.review_contradictions import Decided, set_aside
from service.statistics_unit.review_ledger import in_force, last_decision
from service.statistics_unit.review_models import ReviewDecision, Verdict
from service.statistics_unit.start import KIND
from service.unit import Unit

Sheet = dict[str, Any]


class ContradictionError(ConflictError):
    """A decision contradicts another one that is in force, or what a register is."""

    code = "review.contradiction"
    default_advice = "Look at the pairs decided before, and undo the one that was wrong."


@dataclass(frozen=True)
class DecisionView:
    """A decision as pages show it."""

    pair: int
    verdict: str
    decided_by: str
    decided_at: datetime


@dataclass(frozen=True)
class Review:
    """Where the review of a computation stands.

    Attributes:
        run: The computation.
        sheet: Its pairs by number.
        listed: Numbers of the borderline pairs, the largest expected effect first.
        sample: Numbers of the calibration sample.
        verdicts: What is decided of these pairs now.
        pending: Pairs whose decision, or undoing, the computation does not know yet.
    """

    run: Run
    sheet: dict[int, dict[str, Any]]
    years: list[str]
    listed: list[int]
    sample: list[int]
    verdicts: dict[int, Verdict]
    pending: list[int]

    @property
    def precision(self) -> Hits:
        """Pairs of the calibration sample that are one person, among those decided."""
        decided = [self.verdicts[number] for number in self.sample if number in self.verdicts]
        return Hits(hits=sum(1 for verdict in decided if verdict == Verdict.SAME), total=len(decided))

    def pending_effect(self) -> dict[tuple[str, str], dict[str, int]]:
        """Return the sum of the effects of pending decisions, each taken by itself; what is undone has none here."""
        total: dict[tuple[str, str], dict[str, int]] = {}
        for number in self.pending:
            verdict = self.verdicts.get(number)
            effect = None if verdict is None else self.sheet[number]["effects"].get(verdict.value)
            for code, residence, years in effect["figures"] if effect else ():
                own = total.setdefault((code, residence), {})
                for year, change in years.items():
                    own[year] = own.get(year, 0) + change
        return total


def reviewable(unit: Unit) -> list[Run]:
    """Return the newest computation of each vintage that has a sheet, the newest first."""
    with unit.database.read() as session:
        return _reviewable(session)


def _reviewable(session: Session) -> list[Run]:
    newest: dict[tuple[str, str], Run] = {}
    for run in ledger.list_runs(session, kind=KIND):
        if run.state == RunState.SUCCEEDED:
            newest.setdefault((run.agreement_id, run.vintage), run)
    return [run for run in newest.values() if ledger.results(session, run.id, "review")]


def read_review(unit: Unit, run_id: str) -> Review:
    """Return where the review of a computation stands.

    Raises:
        NotFoundError: It has no sheet, or a newer computation of its vintage has taken its place.
    """
    with unit.database.read() as session:
        run = next((one for one in _reviewable(session) if one.id == run_id), None)
        if run is None:
            raise NotFoundError("This computation has no pairs to review.", advice="Choose the newest computation.")
        (made,) = ledger.results(session, run.id, "review")
        verdicts = in_force(session, run.agreement_id)
        known = in_force(session, run.agreement_id, run.parameters.get("decisions", {}).get("up_to", 0))
    with unit.store.open(made.digest) as source:
        sheet: Sheet = json.loads(source.read())
    pairs = {pair["number"]: pair for pair in sheet["pairs"]}
    own = {number: verdict for number, verdict in verdicts.items() if number in pairs}
    pending = sorted(number for number in pairs if verdicts.get(number) != known.get(number))
    listed, sample = ([sheet["pairs"][at]["number"] for at in sheet[name]] for name in ("listed", "sample"))
    return Review(run, pairs, sheet["years"], listed, sample, own, pending)


def decide(unit: Unit, actor: Actor, run_id: str, pair: int, verdict: Verdict) -> None:
    """Decide that a pair is one person or two, or undo what was decided; saying it again changes nothing.

    Raises:
        ForbiddenError: The actor is no statistician.
        NotFoundError: The computation has no such pair, or is not the newest of its vintage.
        AgreementError: The agreement is not live.
        ContradictionError: The decision contradicts another one, or a register with one record a person.
        ConflictError: There is nothing to undo.
    """
    actor.require(STATISTICIAN)
    review = read_review(unit, run_id)
    if pair not in review.sheet:
        raise NotFoundError("There is no such pair in this computation.", advice="Choose one from the page's list.")
    with unit.database.write() as session:
        live_agreement(session, review.run.agreement_id)
        now = in_force(session, review.run.agreement_id)
        if verdict == Verdict.UNDONE and pair not in now:
            raise ConflictError("There is no decision on this pair to undo.")
        if now.get(pair) == verdict:
            return
        if verdict != Verdict.UNDONE:
            _check(session, review, {**{key: own for key, own in now.items() if key != pair}, pair: verdict})
        session.add(
            ReviewDecision(
                sequence=last_decision(session) + 1,
                agreement_id=review.run.agreement_id,
                run_id=run_id,
                vintage=review.run.vintage,
                pair=pair,
                verdict=verdict.value,
                decided_by=actor.name,
                decided_at=datetime.now(UTC),
            )
        )
        append(
            session,
            Action.REVIEW_UNDO if verdict == Verdict.UNDONE else Action.REVIEW_DECIDE,
            actor=actor.name,
            agreement_id=review.run.agreement_id,
            obj=run_id,
            details={"pair": pair, "verdict": verdict.value, "vintage": review.run.vintage},
        )


def _check(session: Session, review: Review, verdicts: dict[int, Verdict]) -> None:
    """Refuse a decision (the last one) that the next computation would set aside."""
    agreement = get_agreement(session, review.run.agreement_id).agreement
    one = {terms.name for terms in agreement.registers if terms.rows_per_person == "one"}
    decided, single = [], {}
    for number, verdict in verdicts.items():
        pair = review.sheet.get(number)
        if pair is None:
            continue
        decided.append(Decided(number, pair["a"], pair["b"], verdict == Verdict.SAME))
        for end, side in zip((pair["a"], pair["b"]), pair["sides"], strict=True):
            if side["register"] in one:
                single[end] = side["register"]
    if set_aside(decided, single)[-1]:
        raise ContradictionError("This contradicts another decision, or joins two records of a one-record register.")


def history(unit: Unit, review: Review, pairs: Iterable[int]) -> list[DecisionView]:
    """Return all that was ever decided on pairs, the newest first."""
    with unit.database.read() as session:
        rows = session.scalars(
            select(ReviewDecision)
            .where(
                ReviewDecision.agreement_id.in_(lineage(session, review.run.agreement_id)),
                ReviewDecision.pair.in_(sorted(pairs)),
            )
            .order_by(ReviewDecision.sequence.desc())
        )
        return [DecisionView(row.pair, row.verdict, row.decided_by, row.decided_at) for row in rows]


def last_of(unit: Unit, actor: Actor, review: Review) -> int | None:
    """Return the pair that an actor decided last and that is still decided, to undo it."""
    with unit.database.read() as session:
        rows = session.execute(
            select(ReviewDecision.pair, ReviewDecision.verdict)
            .where(
                ReviewDecision.agreement_id.in_(lineage(session, review.run.agreement_id)),
                ReviewDecision.decided_by == actor.name,
            )
            .order_by(ReviewDecision.sequence.desc())
        )
        return next((pair for pair, verdict in rows if review.verdicts.get(pair) == verdict), None)
