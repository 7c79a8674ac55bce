"""The auditor that the command line hands to a connector: every attack on a submission, and a verdict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from connectors.auditing import AuditSubject
from contract.audit_report import OVERLAPS, AuditedFile, AuditReport
from contract.audit_verdict import judge
from contract.errors import InputError
from evaluation.attacks.blocks.controls import CONTROL_PERSONS, CONTROL_ROWS
from evaluation.audit.attacks import block_findings, shape_figures
from evaluation.audit.controls import record_controls
from evaluation.audit.encodings import Encodings
from evaluation.audit.records import audit_records
from evaluation.payload_audit.audit import audit_prepared

KNOWN_PAIRS: Final = 2000


@dataclass(frozen=True)
class SubmissionAuditor:
    """Attacks a submission; see `connectors.auditing.Auditor`.

    Attributes:
        rows: Persons attacked, drawn at random; what the agreement asks for (`gate.audit_persons`) by default.
        overlaps: Shares of the persons whom the attacker holds in clear; full overlap must be among them.
        pairs: Known pairs of handle and person.
        seed: Of every draw: same submission and seed, same figures.
        control_persons: Size of the synthetic population on which the controls run.
        control_rows: Rows attacked in each control.
    """

    rows: int | None = None
    overlaps: Sequence[float] = OVERLAPS
    pairs: int = KNOWN_PAIRS
    seed: int = 1
    control_persons: int = CONTROL_PERSONS
    control_rows: int = CONTROL_ROWS

    def __post_init__(self) -> None:
        if self.rows is not None and self.rows < 1:
            raise InputError("An audit attacks at least one person.")
        if 1.0 not in self.overlaps or not all(0 < overlap <= 1 for overlap in self.overlaps):
            raise InputError("The overlaps lie above 0, and full overlap is one of them.")

    def __call__(self, subject: AuditSubject) -> AuditReport:
        """Attack a submission and judge what was found.

        Raises:
            InputError: The profile is `clear`, which hides nothing.
        """
        agreement, manifest = subject.agreement, subject.manifest
        if agreement.profile.name == "clear":
            raise InputError("The profile clear hides nothing: there is nothing to audit.")
        rows = self.rows or agreement.gate.audit_persons
        encodings = Encodings.of(subject)
        found = self._records(encodings, rows) if agreement.profile.name == "record" else self._blocks(encodings, rows)
        payload = audit_prepared(subject.prepared, seed=self.seed, persons=min(rows, 2000))
        shape = (*shape_figures(encodings), *found.pop("structure", ()))
        draft = AuditReport(
            made_at=datetime.now(UTC).replace(microsecond=0),
            agreement_id=agreement.id,
            institution=manifest.institution,
            register_name=manifest.register_name,
            vintage=manifest.vintage,
            manifest_id=manifest.id,
            files=tuple(AuditedFile(name=entry.name, sha256=entry.sha256) for entry in manifest.half("linkage")),
            profile=agreement.profile.name,
            seed=self.seed,
            structure=shape,
            payload=payload.figures() if payload is not None else None,
            verdict="INVALID",
            **found,
        )
        judgement = judge(draft, agreement)
        return draft.model_copy(update={"verdict": judgement.verdict, "reasons": judgement.reasons})

    def _blocks(self, encodings: Encodings, rows: int) -> dict[str, Any]:
        return block_findings(
            encodings,
            rows=rows,
            overlaps=self.overlaps,
            pairs=self.pairs,
            seed=self.seed,
            control_persons=self.control_persons,
            control_rows=self.control_rows,
        )

    def _records(self, encodings: Encodings, rows: int) -> dict[str, Any]:
        found = audit_records(encodings, rows=rows, overlaps=self.overlaps, pairs=self.pairs, seed=self.seed)
        return {
            "subjects": found.persons,
            "attacked": found.attacked,
            "leakage": found.leakage,
            "known_pairs": found.known_pairs,
            "attacks": found.attacks,
            "structure": found.structure,
            "controls": (*record_controls(seed=self.seed), *found.keys),
        }
