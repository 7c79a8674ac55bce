"""Audit reports of a submission: one that passes, and what changes make of it."""

from __future__ import annotations

from datetime import UTC, datetime

from contract.audit_override import OVERRIDE_CONTEXT, AuditDossier, NamedSignature, Override, OverrideStatement
from contract.audit_report import (
    REPORT_CONTEXT,
    AuditedFile,
    AuditReport,
    ControlFigures,
    Hits,
    KnownPairs,
    LeakageFigures,
    PassFigures,
    PayloadFigures,
    SignedAuditReport,
    StructureFigure,
)
from contract.audit_verdict import judge
from contract.signing import sign
from contract.submission import pass_names

NOW = datetime(2026, 3, 1, tzinfo=UTC)
SUBJECTS, ATTACKED = 20_000, 3000
WRONG_KEYS = tuple(ControlFigures(name=name, found=Hits(hits=0, total=2900)) for name in ("wrong_key", "wrong_epoch"))


def hits(share: float, total: int = ATTACKED) -> Hits:
    return Hits(hits=round(share * total), total=total)


def report_of(manifest, agreement, *, union=0.01, of_pass=0.002, known=0.001, joined=0.0, **changes) -> AuditReport:
    """Return a report on a submission whose verdict is what its figures say."""
    passes = tuple(
        PassFigures(name=name, rows=SUBJECTS, named=hits(of_pass), confident=hits(0, 10), baseline=1 / SUBJECTS)
        for name in pass_names(agreement)
    )
    leakage = LeakageFigures(overlap=1.0, passes=passes, union=hits(union), union_confident=hits(0))
    draft = AuditReport(
        **{
            "made_at": NOW,
            "agreement_id": manifest.agreement_id,
            "institution": manifest.institution,
            "register_name": manifest.register_name,
            "vintage": manifest.vintage,
            "manifest_id": manifest.id,
            "files": tuple(AuditedFile(name=one.name, sha256=one.sha256) for one in manifest.half("linkage")),
            "profile": agreement.profile.name,
            "subjects": SUBJECTS,
            "attacked": ATTACKED,
            "seed": 1,
            "leakage": (leakage,),
            "known_pairs": KnownPairs(pairs=2000, named=hits(known)),
            "controls": (
                ControlFigures(name="bloom_blocks", found=Hits(hits=90, total=100)),
                ControlFigures(name="uncapped_sketches", found=Hits(hits=60, total=150)),
                ControlFigures(name="random_bits", found=Hits(hits=0, total=150), baseline=1 / SUBJECTS),
                *WRONG_KEYS,
            ),
            "structure": (StructureFigure(check="mean weight", where="birth/given", found=64, least=62, most=66),),
            "payload": PayloadFigures(rows=SUBJECTS, unique=hits(0.9, SUBJECTS), joined=hits(joined, SUBJECTS)),
            "verdict": "PASS",
            **changes,
        }
    )
    if "verdict" in changes:
        return draft
    judgement = judge(draft, agreement)
    return draft.model_copy(update={"verdict": judgement.verdict, "reasons": judgement.reasons})


def sign_report(report, key) -> SignedAuditReport:
    return SignedAuditReport(report=report, signature=sign(REPORT_CONTEXT, report, key))


def override_of(
    signed,
    operator_key,
    officer_key,
    *,
    reason="Only synthetic people are in it.",
    officer="cndp",
    officer_name="Officer B",
) -> Override:
    """Return an override that both have signed."""
    report = signed.report
    statement = OverrideStatement(
        agreement_id=report.agreement_id,
        manifest_id=report.manifest_id,
        report_id=report.id,
        reason=reason,
        made_at=NOW,
    )
    override = Override(statement=statement)

    def named(party, name, key):
        return NamedSignature(
            party=party, name=name, signature=sign(OVERRIDE_CONTEXT, override.to_sign(party, name), key)
        )

    return Override(
        statement=statement,
        operator=named(report.institution, "Operator A", operator_key),
        officer=named(officer, officer_name, officer_key),
    )


def dossier_of(manifest, agreement, keys, **figures) -> AuditDossier:
    """Return a signed report without an override."""
    return AuditDossier(
        report=sign_report(report_of(manifest, agreement, **figures), keys[manifest.institution].signing)
    )
