"""Signed evidence of deletion: what a party destroyed under an agreement, how much, when, and what it kept.

A unit writes it when an agreement's retention ends, an institution when it destroys an epoch key. It holds counts and
digests, never an identity or a key. It verifies offline: the file carries the agreement, whose SHA-256 is the
agreement's id and which has the signer's public key; compare the id with your own copy.

What it proves: who signed, what was said, and (with an exported audit log) that the unit logged it. That bytes are gone
from a disk or a backup no signature can prove; a unit's backups become unreadable only with the institutions' keys.
"""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError

from contract.agreement import Agreement, Frozen, Slug
from contract.audit_log import AuditBundle, check_bundle
from contract.canonical import document_id
from contract.errors import IntegrityError
from contract.signing import verify

EVIDENCE_CONTEXT = "deletion-evidence/v1"
ERASE_ACTION = "retention:erase"  # the audit log's entry names the evidence's id as its object
_Hex64 = Field(pattern=r"^[0-9a-f]{64}$")


class EvidenceError(IntegrityError):
    """A file of deletion evidence is damaged, false, or of another agreement."""

    code = "evidence.broken"
    default_advice = "Ask the party that signed it for the file again, and tell the privacy officer."


class Deleted(Frozen):
    """One kind of thing that was deleted: how many, their bytes, and the SHA-256 of those that had one (sorted)."""

    kind: str = Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")
    items: int = Field(ge=0)
    size: int = Field(default=0, ge=0)
    digests: tuple[str, ...] = ()


class Kept(Frozen):
    """Something that remains, and why."""

    kind: str = Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")
    items: int = Field(ge=0)
    why: str


class DeletionEvidence(Frozen):
    """What a party deleted under an agreement. `reason` is ``retention`` (its end has passed) or ``order``."""

    format: Literal["wasl-deletion-evidence/1"] = "wasl-deletion-evidence/1"
    agreement_id: str = _Hex64
    epoch: int = Field(ge=1)
    party: Slug
    role: Literal["institution", "linkage_unit", "statistics_unit"]
    reason: Literal["retention", "order"]
    began_at: datetime
    finished_at: datetime
    deleted: tuple[Deleted, ...]
    kept: tuple[Kept, ...] = ()

    @property
    def id(self) -> str:
        """SHA-256 of the canonical document."""
        return document_id(self)


class SignedEvidence(Frozen):
    """Evidence with its party's signature under `EVIDENCE_CONTEXT`, and the agreement that has the party's key."""

    evidence: DeletionEvidence
    signature: str
    agreement: Agreement

    def check(self) -> None:
        """Verify that a party of this very agreement, in this role, signed it, and that its times make sense.

        Raises:
            EvidenceError: It is of another agreement, epoch or role, or claims the end of retention before that day.
            AgreementError: The signer is no party.
            SignatureError: The party did not sign it.
        """
        evidence = self.evidence
        if (evidence.agreement_id, evidence.epoch) != (self.agreement.id, self.agreement.epoch):
            raise EvidenceError("The evidence is of another agreement than the one it carries.")
        party = self.agreement.party(evidence.party)
        if party.role != evidence.role:
            raise EvidenceError("The evidence's signer has another role in the agreement.")
        verify(EVIDENCE_CONTEXT, evidence, self.signature, party.signing_key)
        if evidence.finished_at < evidence.began_at:
            raise EvidenceError("The evidence ends before it begins.")
        if evidence.reason == "retention" and evidence.began_at.date() < self.agreement.retention_until:
            raise EvidenceError("The evidence claims the end of retention before that day.")


def read_evidence(path: Path) -> SignedEvidence:
    """Read and verify a file of deletion evidence. Nothing but the file is needed.

    Raises:
        EvidenceError: No such file, or not evidence. Otherwise as `SignedEvidence.check`.
    """
    try:
        signed = SignedEvidence.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        raise EvidenceError("This is no readable file of deletion evidence.", where={"file": path.name}) from None
    signed.check()
    return signed


def check_logged(signed: SignedEvidence, bundle: AuditBundle) -> int:
    """Return the number of the audit log's entry that records a unit's evidence, the log itself verified.

    Raises:
        EvidenceError: The log is another unit's, or does not name this evidence.
        IntegrityError: The log was altered. Otherwise as `contract.audit_log.check_bundle`.
    """
    evidence = signed.evidence
    party = signed.agreement.party(evidence.party)
    if bundle.unit != evidence.role:
        raise EvidenceError("The audit log is another unit's than the evidence.")
    check_bundle(bundle, signing_key=party.signing_key)
    for document in bundle.entries:
        entry = json.loads(document)
        if (entry["action"], entry["object"], entry["agreement_id"]) == (
            ERASE_ACTION,
            evidence.id,
            evidence.agreement_id,
        ):
            return int(entry["sequence"])
    raise EvidenceError("The audit log does not name this evidence.")
