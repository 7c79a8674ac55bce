"""The gate: nothing leaves the institution without an audit of these very files that the agreement's bounds allow.

It looks at the files itself (structure), checks that the report is signed and about them, and derives the verdict from
the report's figures, never from its word. What it refuses for a bound may leave under two named signatures
(`contract.audit_override`); what it refuses for the structure, the agreement or an invalid audit may not.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from connectors.package import read_manifest
from connectors.structure import structure_figures
from contract.agreement import Agreement
from contract.audit_override import AuditDossier, GateRefusedError, Override, check_dossier
from contract.audit_report import Reason, SignedAuditReport, StructureFigure
from contract.audit_verdict import Judgement, birth_date_alone, judge, structure_reasons
from contract.errors import NotFoundError, StorageError, SubmissionError
from contract.submission import Manifest, pass_file, pass_names
from pseudonymisation.encoding.stored import PassTables

#: The dossier's file beside the manifest; it accompanies both halves.
AUDIT_FILE: Final = "audit.json"


def check_gate(folder: Path, agreement: Agreement) -> Judgement:
    """Let a submission pass, or refuse it.

    Args:
        folder: The submission's folder in the outbox.
        agreement: The live agreement.

    Returns:
        The judgement; FAIL where a valid override lets it pass.

    Raises:
        GateRefusedError: Structure or agreement are unsafe, the audit is missing, invalid, or passes a bound.
        SubmissionError: A file was altered since it was encoded, or the report is about other files.
        SignatureError: A signature on the report or the override does not verify.
    """
    manifest = read_manifest(folder).manifest
    broken = unsafe(agreement, structure_figures(stored_passes(folder, agreement)))
    if broken:
        raise GateRefusedError(
            "The encodings do not leave: " + words(broken),
            advice="No signature overrides this: change the agreement or its profile, and encode again.",
        )
    return check_dossier(read_dossier(folder), manifest, agreement)


def unsafe(agreement: Agreement, figures: Iterable[StructureFigure]) -> tuple[Reason, ...]:
    """Return why encodings must not leave whatever an audit says."""
    return (*birth_date_alone(agreement), *structure_reasons(figures))


def words(reasons: Iterable[Reason], most: int = 5) -> str:
    """Return reasons in words, the first few of them."""
    told = [reason.words() for reason in reasons]
    more = f" And {len(told) - most} more." if len(told) > most else ""
    return " ".join(told[:most]) + more


def stored_passes(folder: Path, agreement: Agreement) -> PassTables:
    """Return a submission's pass tables by pass, each read when it is looked at (`PassTables`)."""
    return PassTables({name: folder / pass_file(name) for name in pass_names(agreement)})


def read_dossier(folder: Path) -> AuditDossier | None:
    """Return the dossier beside a manifest, None where there is none.

    Raises:
        SubmissionError: The file is no dossier.
    """
    path = folder / AUDIT_FILE
    if not path.is_file():
        return None
    try:
        return AuditDossier.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        raise SubmissionError(
            "The audit report is not readable.",
            advice="Audit the submission again: `wasl audit encodings`.",
            where={"file": AUDIT_FILE},
        ) from None


def write_dossier(folder: Path, dossier: AuditDossier) -> Path:
    """Keep a dossier beside its manifest.

    Raises:
        StorageError: The disk does not take it.
    """
    path = folder / AUDIT_FILE
    partial = path.with_suffix(".partial")
    try:
        partial.write_text(dossier.model_dump_json(indent=1), encoding="utf-8")
        partial.replace(path)
    except OSError as error:
        raise StorageError(f"The audit report cannot be written: {error.strerror}.") from None
    return path


def need_dossier(folder: Path) -> AuditDossier:
    """Return the dossier beside a manifest.

    Raises:
        NotFoundError: The submission was not audited.
        SubmissionError: The file is no dossier.
    """
    dossier = read_dossier(folder)
    if dossier is None:
        raise NotFoundError("The submission has not been audited.", advice="Run `wasl audit encodings` first.")
    return dossier


def may_override(report: SignedAuditReport, manifest: Manifest, agreement: Agreement) -> Judgement:
    """Return the judgement that an override would be about.

    Raises:
        GateRefusedError: There is nothing to override, or nothing that may be.
        SubmissionError: The report is about another submission.
    """
    report.check(agreement, manifest)
    judgement = judge(report.report, agreement)
    if judgement.verdict == "PASS":
        raise GateRefusedError("The audit passes: there is nothing to override.", advice="Push the submission.")
    if not judgement.overridable:
        raise GateRefusedError(
            "This cannot be overridden: " + words(judgement.reasons),
            advice="Change the agreement, or audit again with all attacks and enough persons.",
        )
    return judgement


def with_override(dossier: AuditDossier, override: Override, agreement: Agreement) -> AuditDossier:
    """Return the dossier with an override that both have signed. Raises as `Override.check`."""
    override.check(agreement, dossier.report)
    return AuditDossier(report=dossier.report, override=override)
