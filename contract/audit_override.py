"""The override of a failed audit: two people who answer for it by name, and what accompanies a manifest.

The institution's operator signs with the institution's key, the privacy officer of the agreement with the officer's.
Both sign the same statement (which report, why) and their own name. The override travels with the manifest, and both
units write it into their audit logs. It covers bounds that were passed, nothing else (`Judgement.overridable`).
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field

from contract.agreement import Agreement, Frozen, Slug
from contract.audit_report import REPORT_CONTEXT, PlainText, Reason, SignedAuditReport
from contract.audit_verdict import Judgement, judge
from contract.canonical import document_id
from contract.errors import ConflictError, SignatureError
from contract.signing import verify
from contract.submission import Hex64, Manifest, SignedManifest

OVERRIDE_CONTEXT = "audit-override/v1"
Name = Field(min_length=2, max_length=120)


class GateRefusedError(ConflictError):
    """The audit gate does not let a submission pass."""

    code = "audit.refused"
    exit_code = 45
    http_status = 422
    default_advice = (
        "Read the audit (`wasl audit encodings`), change the agreement or its coarsening, and encode again. Where a "
        "bound was passed, two named signatures can let it leave all the same: `wasl audit override`."
    )


class OverrideStatement(Frozen):
    """What both sign: the report, the submission, and why it may leave all the same (no person's data in it)."""

    format: Literal["wasl-audit-override/1"] = "wasl-audit-override/1"
    agreement_id: Hex64
    manifest_id: Hex64
    report_id: Hex64
    reason: PlainText = Field(min_length=10, max_length=400)
    made_at: datetime


class SignedName(Frozen):
    """What one of the two signs: the statement's id with the own name and party."""

    statement_id: Hex64
    party: Slug
    name: PlainText = Name


class NamedSignature(Frozen):
    """A person's signature under `OVERRIDE_CONTEXT`, given with a party's key."""

    party: Slug
    name: PlainText = Name
    signature: str


class Override(Frozen):
    """An override with the signatures gathered so far."""

    statement: OverrideStatement
    operator: NamedSignature | None = None
    officer: NamedSignature | None = None

    def to_sign(self, party: str, name: str) -> SignedName:
        """Return the document that a person signs."""
        return SignedName(statement_id=document_id(self.statement), party=party, name=name)

    def signers(self) -> tuple[tuple[str, NamedSignature], ...]:
        """Return who has signed so far, ``operator`` and ``officer``."""
        both = (("operator", self.operator), ("officer", self.officer))
        return tuple((who, given) for who, given in both if given is not None)

    def check(self, agreement: Agreement, signed: SignedAuditReport) -> None:
        """Refuse an override that is not about this report, or lacks one of both signatures.

        Raises:
            GateRefusedError: It is about another report, or not signed by both.
            SignatureError: A signature does not verify.
        """
        statement, report = self.statement, signed.report
        if (statement.agreement_id, statement.manifest_id, statement.report_id) != (
            report.agreement_id,
            report.manifest_id,
            report.id,
        ):
            raise GateRefusedError("The override is about another audit report.")
        officer = agreement.with_role("privacy_officer")[0].name
        for given, party, who in (
            (self.operator, report.institution, "institution's operator"),
            (self.officer, officer, "privacy officer"),
        ):
            if given is None:
                raise GateRefusedError(f"The override lacks the signature of the {who}.")
            if given.party != party:
                raise SignatureError(f"The override is not signed with the key of the {who}.")
            key = agreement.party(party).signing_key
            verify(OVERRIDE_CONTEXT, self.to_sign(party, given.name), given.signature, key)
        names = {" ".join(given.name.split()).casefold() for _, given in self.signers()}
        keys = {agreement.party(given.party).signing_key for _, given in self.signers()}
        if len(names) < 2 or len(keys) < 2:
            raise GateRefusedError("The override is signed twice by one person.", advice="It takes two people.")


class AuditDossier(Frozen):
    """What accompanies a manifest: the signed report and, where it fails, the override."""

    report: SignedAuditReport
    override: Override | None = None

    def standing(self, agreement: Agreement) -> tuple[str, tuple[Reason, ...]]:
        """Return what holds under the agreement, whatever the report says of itself: PASS, FAIL, INVALID, OVERRIDDEN.

        Raises:
            GateRefusedError: It is about another agreement, or the override does not hold.
            SignatureError: The report, or the override, is not signed by whom it must.
        """
        signed, report = self.report, self.report.report
        if report.agreement_id != agreement.id:
            raise GateRefusedError("The audit report is about another agreement.")
        verify(REPORT_CONTEXT, report, signed.signature, agreement.party(report.institution).signing_key)
        judgement = judge(report, agreement)
        if judgement.overridable and self.override is not None and len(self.override.signers()) == 2:
            self.override.check(agreement, signed)
            return "OVERRIDDEN", judgement.reasons
        return judgement.verdict, judgement.reasons


class AccompaniedManifest(SignedManifest):
    """A signed manifest with its dossier: what a connector sends first. The manifest itself stays as it was."""

    audit: AuditDossier | None = None


def check_dossier(dossier: AuditDossier | None, manifest: Manifest, agreement: Agreement) -> Judgement:
    """Refuse a submission whose audit is missing, about something else, or failed without a valid override.

    Returns:
        The judgement; its verdict is FAIL where the override lets it pass.

    Raises:
        GateRefusedError: There is no report, or its figures pass a bound.
        SubmissionError: The report is about another submission or other files.
        SignatureError: A signature does not verify.
    """
    if dossier is None:
        raise GateRefusedError(
            "The submission has no audit report.", advice="Audit it: `wasl audit encodings`; then push it."
        )
    dossier.report.check(agreement, manifest)
    judgement = judge(dossier.report.report, agreement)
    if judgement.verdict == "PASS":
        return judgement
    if dossier.override is None or not judgement.overridable:
        raise GateRefusedError(
            f"The audit's verdict is {judgement.verdict}: " + " ".join(reason.words() for reason in judgement.reasons),
            where={"register": manifest.register_name, "vintage": manifest.vintage},
            advice=None if judgement.overridable or judgement.verdict == "FAIL" else _ADVICE_INVALID,
        )
    dossier.override.check(agreement, dossier.report)
    return judgement


_ADVICE_INVALID = "The audit proves nothing as it stands: run it again, whole (`wasl audit encodings`)."
