"""Making an override: the operator asks and signs with the institution's key, the privacy officer signs with his.

The file that goes between the two is the dossier itself, so that the officer signs what he has read.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import ValidationError

from connectors.gate import words
from contract.agreement import Agreement
from contract.audit_override import (
    OVERRIDE_CONTEXT,
    AuditDossier,
    GateRefusedError,
    NamedSignature,
    Override,
    OverrideStatement,
)
from contract.audit_report import REPORT_CONTEXT, SignedAuditReport
from contract.audit_verdict import Judgement, judge
from contract.errors import AgreementError, InputError
from contract.signing import sign, verify


def ask(report: SignedAuditReport, *, reason: str, name: str, key: Ed25519PrivateKey) -> AuditDossier:
    """Return a dossier with an override that the operator has signed.

    Args:
        report: The report of the submission that is to leave all the same.
        reason: Why; it goes into both units' audit logs and must name nobody.
        name: The operator's name.
        key: The institution's signing key.

    Raises:
        InputError: Reason or name are too short, too long, or hold control characters.
    """
    about = report.report
    try:
        statement = OverrideStatement(
            agreement_id=about.agreement_id,
            manifest_id=about.manifest_id,
            report_id=about.id,
            reason=reason,
            made_at=datetime.now(UTC).replace(microsecond=0),
        )
        override = Override(statement=statement)
        return AuditDossier(
            report=report,
            override=Override(statement=statement, operator=_sign(override, about.institution, name, key)),
        )
    except ValidationError:
        raise InputError(
            "An override needs a reason of 10 to 400 characters and a name of 2 to 120, in one line each."
        ) from None


def countersign(
    dossier: AuditDossier, agreement: Agreement, *, party: str, name: str, key: Ed25519PrivateKey
) -> AuditDossier:
    """Return the dossier with the privacy officer's signature on its override.

    Raises:
        AgreementError: The report is about another agreement, or the party is not its privacy officer.
        GateRefusedError: There is nothing to override, or nothing that may be; or the operator has not signed.
        SignatureError: The report or the operator's signature does not verify.
        InputError: The name is not as it must be.
    """
    report = dossier.report
    if report.report.agreement_id != agreement.id:
        raise AgreementError("The audit report is about another agreement.")
    if party != agreement.with_role("privacy_officer")[0].name:
        raise AgreementError("Only the agreement's privacy officer countersigns an override.")
    verify(REPORT_CONTEXT, report.report, report.signature, agreement.party(report.report.institution).signing_key)
    judgement = explained(dossier, agreement)
    if dossier.override is None or not judgement.overridable:
        raise GateRefusedError("There is no override to sign here. " + words(judgement.reasons))
    try:
        signed = dossier.override.model_copy(update={"officer": _sign(dossier.override, party, name, key)})
    except ValidationError:
        raise InputError("A name has 2 to 120 characters, in one line.") from None
    signed.check(agreement, report)
    return AuditDossier(report=report, override=signed)


def explained(dossier: AuditDossier, agreement: Agreement) -> Judgement:
    """Return what the report's figures come to under the agreement."""
    return judge(dossier.report.report, agreement)


def read_override(path: Path) -> AuditDossier:
    """Read the file that goes between the two.

    Raises:
        InputError: It is no such file.
    """
    try:
        return AuditDossier.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        raise InputError("This is not an audit report with an override.", where={"file": path.name}) from None


def _sign(override: Override, party: str, name: str, key: Ed25519PrivateKey) -> NamedSignature:
    return NamedSignature(party=party, name=name, signature=sign(OVERRIDE_CONTEXT, override.to_sign(party, name), key))
