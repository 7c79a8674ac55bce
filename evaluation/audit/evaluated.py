"""The audit inside an evaluation: leakage of the very submissions whose links are scored."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connectors.agent import ConnectorAgent
from contract.audit_report import AuditReport, Hits
from evaluation.audit.auditor import SubmissionAuditor


def audit_all(agents: Mapping[str, ConnectorAgent], manifests: Mapping[str, str]) -> dict[str, AuditReport]:
    """Audit each register's submission at full overlap, where the bounds are."""
    auditor = SubmissionAuditor(overlaps=(1.0,))
    return {name: agents[name].audits.run(manifest, auditor).report.report for name, manifest in manifests.items()}


def released(audits: Mapping[str, AuditReport]) -> dict[str, Any]:
    """Return the keys `leakage` and `gate` of an evaluation's report; null without an audit.

    `leakage` has for each register the persons named over all passes, each pass, and known pairs; `gate` whether all
    registers would be let out, and each one's verdict with its reasons.
    """
    if not audits:
        return {"leakage": None, "gate": None}
    return {
        "leakage": {name: _leakage(report) for name, report in audits.items()},
        "gate": {
            "released": all(report.verdict == "PASS" for report in audits.values()),
            "registers": {
                name: {"verdict": report.verdict, "reasons": [reason.words() for reason in report.reasons]}
                for name, report in audits.items()
            },
        },
    }


def _leakage(report: AuditReport) -> dict[str, Any]:
    full = report.at_overlap(1.0)
    return {
        "persons": report.subjects,
        "attacked": report.attacked,
        "union": _share(full.union) if full else None,
        "union_confident": _share(full.union_confident) if full else None,
        "passes": {one.name: _share(one.named) for one in full.passes} if full else {},
        "known_pairs": _share(report.known_pairs.named) if report.known_pairs else None,
        "payload_joined": _share(report.payload.joined) if report.payload and report.payload.joined else None,
        "controls": {control.name: _share(control.found) for control in report.controls},
    }


def _share(found: Hits) -> dict[str, float]:
    return {"hits": found.hits, "total": found.total, "share": found.share, "low": found.low, "high": found.high}
