"""A signed audit report with every kind of figure, and its agreement."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

from connectors.drafting import canonical_proposal
from contract.agreement import Agreement, GateTerms, RegisterTerms
from contract.audit_report import (
    REPORT_CONTEXT,
    AttackFigures,
    AuditedFile,
    AuditReport,
    ControlFigures,
    Hits,
    KnownPairs,
    LeakageFigures,
    PassFigures,
    PayloadFigures,
    Reason,
    SignedAuditReport,
    StructureFigure,
)
from contract.audit_verdict import judge
from contract.signing import sign
from tests.contract.builders import Keys, make_agreement

PASS = PassFigures(
    name="birth", rows=3600, named=Hits(hits=9, total=2900), confident=Hits(hits=1, total=2), baseline=0.0003
)
MOMENT = datetime(2026, 3, 4, 5, 6, tzinfo=UTC)


def scene(**changes: object) -> tuple[Agreement, dict[str, Keys], AuditReport]:
    """Return an agreement with canonical terms, all keys, and a report about the social-security register."""
    made = date(2026, 1, 1)
    proposals = {
        "cnss": canonical_proposal("social_security", persons=50_000, created_on=made),
        "dgsn": canonical_proposal("border_crossing", persons=50_000, created_on=made),
    }
    agreement, keys = make_agreement(
        registers=tuple(
            RegisterTerms(name=one.name, holder=holder, fields=one.fields, attributes=one.attributes, events=one.events)
            for holder, one in proposals.items()
        ),
        gate=GateTerms(),
    )
    figures = {
        "made_at": MOMENT,
        "agreement_id": agreement.id,
        "institution": "cnss",
        "register_name": "social_security",
        "vintage": "2025-12",
        "manifest_id": "b" * 64,
        "files": (AuditedFile(name="pass-birth.parquet", sha256="c" * 64),),
        "profile": "blind_blocks",
        "subjects": 3000,
        "attacked": 3000,
        "seed": 1,
        "leakage": tuple(
            LeakageFigures(
                overlap=overlap,
                passes=(PASS,),
                union=Hits(hits=30, total=3000),
                union_confident=Hits(hits=2, total=3000),
            )
            for overlap in (1.0, 0.5, 0.2)
        ),
        "known_pairs": KnownPairs(pairs=1000, named=Hits(hits=12, total=1900)),
        "controls": (
            ControlFigures(name="bloom_blocks", found=Hits(hits=800, total=1000)),
            ControlFigures(name="uncapped_sketches", found=Hits(hits=500, total=1000)),
            ControlFigures(name="random_bits", found=Hits(hits=0, total=1000), baseline=0.001),
            ControlFigures(name="wrong_key", found=Hits(hits=0, total=1000)),
            ControlFigures(name="wrong_epoch", found=Hits(hits=0, total=1000)),
        ),
        "structure": (StructureFigure(check="mean of handles", where="birth", found=0.5, least=0.45, most=0.55),),
        "attacks": (AttackFigures(name="known pairs, ridge", named=Hits(hits=3, total=900), baseline=0.001),),
        "payload": PayloadFigures(
            rows=40000,
            unique=Hits(hits=39000, total=40000),
            joined=Hits(hits=30, total=2400),
            differenced=Hits(hits=4, total=40),
            details={
                "alone/birth_date+sex+nationality/hits": 300.0,
                "alone/birth_date+sex+nationality/total": 3000.0,
                "joined/nationality/hits": 500.0,
                "joined/nationality/total": 2400.0,
                "joined/history/hits": 2900.0,
                "joined/history/total": 3000.0,
                "points/4/hits": 700.0,
                "points/4/total": 1000.0,
                "points_described/4/hits": 990.0,
                "points_described/4/total": 1000.0,
                "alone_before/hits": 5.0,
                "alone_before/total": 40.0,
            },
        ),
        "verdict": "INVALID",
        **changes,
    }  # fmt: skip
    draft = AuditReport.model_validate(figures)
    judged = judge(draft, agreement)
    return agreement, keys, draft.model_copy(update={"verdict": judged.verdict, "reasons": judged.reasons})


def every_reason() -> tuple[Reason, ...]:
    """Return one reason of each kind."""
    from contract.audit_report import _WORDS

    return tuple(Reason(code=code, where="birth", found=0.061, bound=0.05) for code in _WORDS)


def signed_file(path: Path, report: AuditReport, keys: dict[str, Keys]) -> Path:
    """Write a report as its institution signs it."""
    signed = SignedAuditReport(report=report, signature=sign(REPORT_CONTEXT, report, keys["cnss"].signing))
    path.write_text(signed.model_dump_json(), encoding="utf-8")
    return path
