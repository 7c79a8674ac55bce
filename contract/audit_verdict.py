"""The verdict: from the figures of an audit report and the bounds of the agreement, never from its own word.

The connector's gate and both units call the same `judge`. PASS leaves; FAIL leaves only under an override of two named
signatures; INVALID (a control misbehaved, something is missing or too little was attacked) and a breach of structure
never leave: there is nothing to weigh up where nothing was proved.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from contract.agreement import Agreement, PassTerms
from contract.audit_report import (
    AUDIT_VERSION,
    AuditReport,
    ControlFigures,
    Hits,
    Reason,
    ReasonCode,
    StructureFigure,
    Verdict,
)
from contract.submission import pass_names

#: Least share that an attack must name of each positive control, by its name.
POSITIVE_CONTROLS: Final = {"bloom_blocks": 0.5, "uncapped_sketches": 0.3, "plain_filters": 0.9}
#: Rows of synthetic people that a control attacks at least, and what a blind guess may be right at most on many rows.
LEAST_CONTROL_ROWS: Final = 20
MOST_CHANCE: Final = 0.01
#: Persons above which some row must have been read from known pairs.
LEAST_KNOWN: Final = 100
#: A negative control misbehaves if so many hits are less probable than this by chance.
CHANCE_LEVEL: Final = 0.001
#: What each profile's audit must have run.
CONTROLS_OF: Final = {
    "blind_blocks": ("bloom_blocks", "uncapped_sketches", "random_bits", "wrong_key", "wrong_epoch"),
    "record": ("plain_filters", "random_records", "wrong_key", "wrong_epoch"),
}
#: Controls that run on the submission itself; the others run on synthetic people.
ON_OWN_ROWS: Final = frozenset({"wrong_key", "wrong_epoch"})
INVALIDATING: Final = frozenset[ReasonCode]({"control", "incomplete", "too_few"})
#: Never overridden: not a matter of degree.
ABSOLUTE: Final = INVALIDATING | frozenset[ReasonCode]({"structure", "birth_date_alone"})


@dataclass(frozen=True)
class Judgement:
    """A verdict with its reasons; `overridable` if two signatures may let the submission leave all the same."""

    verdict: Verdict
    reasons: tuple[Reason, ...]

    @property
    def overridable(self) -> bool:
        """Whether every reason is a bound that was passed, and no breach of method or structure."""
        return self.verdict == "FAIL" and not any(reason.code in ABSOLUTE for reason in self.reasons)


def judge(report: AuditReport, agreement: Agreement) -> Judgement:
    """Return the verdict on a report's figures under an agreement's bounds."""
    reasons = (
        *_missing(report, agreement),
        *_controls(report),
        *birth_date_alone(agreement),
        *structure_reasons(report.structure),
        *_leakage(report, agreement),
        *_payload(report, agreement),
    )
    if any(reason.code in INVALIDATING for reason in reasons):
        return Judgement("INVALID", reasons)
    return Judgement("FAIL" if reasons else "PASS", reasons)


def behaved(control: ControlFigures) -> bool:
    """Tell whether a control did as it must: broken if positive, no better than chance if negative."""
    least = POSITIVE_CONTROLS.get(control.name)
    if least is not None:
        return control.found.total > 0 and control.found.share >= least
    return control.found.total > 0 and by_chance(control.found, control.baseline) >= CHANCE_LEVEL


def by_chance(found: Hits, share: float) -> float:
    """Return the probability of so many hits or more if each is a hit with probability `share` (binomial tail)."""
    if found.hits == 0 or share >= 1:
        return 1.0
    if share <= 0:
        return 0.0
    from scipy.special import bdtrc  # a closed form: a report may name any total

    return float(bdtrc(found.hits - 1, found.total, share))


def birth_date_alone(agreement: Agreement) -> tuple[Reason, ...]:
    """Return a reason for each pass whose every key is a birth date or part of one: blocks a calendar can list."""
    if agreement.profile.name != "blind_blocks":
        return ()
    return tuple(Reason(code="birth_date_alone", where=terms.name) for terms in agreement.passes if _only_dates(terms))


def _only_dates(terms: PassTerms) -> bool:
    return terms.touched == {"birth_date"}


def _missing(report: AuditReport, agreement: Agreement) -> Iterator[Reason]:
    terms = agreement.register(report.register_name)
    least = min(agreement.gate.audit_persons, report.subjects)
    if report.attacked < least:
        yield Reason(code="too_few", where="persons", found=report.attacked, bound=least)
    full = report.at_overlap(1.0)
    if agreement.profile.name == "clear":
        yield Reason(code="incomplete", where="any encoding: the profile clear hides nothing")
    elif full is None:
        yield Reason(code="incomplete", where="the attack at full overlap")
    elif {one.name for one in full.passes} != set(pass_names(agreement)):
        yield Reason(code="incomplete", where="a pass")
    elif full.union.total < least:
        yield Reason(code="too_few", where="persons at full overlap", found=full.union.total, bound=least)
    elif report.subjects == 0 and any(one.rows for one in full.passes):
        yield Reason(code="too_few", where="persons", found=0, bound=1)  # rows of nobody: nothing was attacked
    elif report.attacked and any(one.rows for one in full.passes) and not any(one.named.total for one in full.passes):
        yield Reason(code="too_few", where="rows of the passes", found=0, bound=1)
    if report.audit_version != AUDIT_VERSION:
        yield Reason(code="incomplete", where="an attack of this version")
    if report.known_pairs is None:
        yield Reason(code="incomplete", where="the attack with known pairs")
    elif report.subjects >= LEAST_KNOWN and report.known_pairs.named.total == 0:
        yield Reason(code="too_few", where="rows with known pairs", found=0, bound=1)
    if not report.structure:
        yield Reason(code="incomplete", where="the structure of the tables")
    if (terms.attributes or terms.events) and report.payload is None:
        yield Reason(code="incomplete", where="the payload")


def _controls(report: AuditReport) -> Iterator[Reason]:
    for name in CONTROLS_OF.get(report.profile, ()):
        if not any(control.name == name for control in report.controls):
            yield Reason(code="incomplete", where=f"the control {name}")
    for control in report.controls:
        if control.name in ON_OWN_ROWS and report.subjects == 0:
            continue  # an empty register has nothing to read
        rows = control.found.total
        if control.name not in ON_OWN_ROWS and rows < LEAST_CONTROL_ROWS:
            yield Reason(code="too_few", where=f"the control {control.name}", found=rows, bound=LEAST_CONTROL_ROWS)
        most = max(MOST_CHANCE, 1 / max(report.attacked, 1))
        if control.baseline > most:  # a guess that is mostly right would excuse any hit
            yield Reason(code="control", where=control.name, found=control.baseline, bound=most)
        elif not behaved(control):
            bound = POSITIVE_CONTROLS.get(control.name, control.baseline)
            yield Reason(code="control", where=control.name, found=control.found.share, bound=bound)


def structure_reasons(figures: Iterable[StructureFigure]) -> Iterator[Reason]:
    """Yield a reason for each figure that lies outside its limits."""
    for figure in figures:
        if not figure.held:
            bound = figure.least if figure.found < figure.least else figure.most
            yield Reason(code="structure", where=f"{figure.check}, {figure.where}", found=figure.found, bound=bound)


def _leakage(report: AuditReport, agreement: Agreement) -> Iterator[Reason]:
    gate, full = agreement.gate, report.at_overlap(1.0)
    if full is None:
        return
    if report.profile == "record":
        if full.union.share > gate.record_leakage:
            yield Reason(code="record_leakage", found=full.union.share, bound=gate.record_leakage)
        yield from _known_pairs(report, agreement)
        return
    # where nobody was left out, nothing was estimated: the share is the figure itself
    union = full.union.share if full.union.total >= report.subjects else full.union.high
    if union > gate.union_leakage:
        yield Reason(code="union_leakage", found=union, bound=gate.union_leakage)
    for one in full.passes:
        if one.named.share > gate.pass_leakage:
            yield Reason(code="pass_leakage", where=one.name, found=one.named.share, bound=gate.pass_leakage)
    yield from _known_pairs(report, agreement)


def _known_pairs(report: AuditReport, agreement: Agreement) -> Iterator[Reason]:
    bound = agreement.gate.known_pairs_leakage
    if report.known_pairs is not None and report.known_pairs.named.share > bound:
        yield Reason(code="known_pairs_leakage", found=report.known_pairs.named.share, bound=bound)


def _payload(report: AuditReport, agreement: Agreement) -> Iterator[Reason]:
    payload, gate = report.payload, agreement.gate
    if payload is None:
        return
    if payload.unique.share > gate.payload_unique:
        yield Reason(code="payload_unique", found=payload.unique.share, bound=gate.payload_unique)
    if payload.joined is not None and payload.joined.high > gate.payload_joined:
        yield Reason(code="payload_joined", found=payload.joined.high, bound=gate.payload_joined)
