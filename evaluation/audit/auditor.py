"""The auditor that the command line hands to a connector: every attack on a submission, and a verdict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import polars as pl

from connectors.auditing import AuditSubject
from connectors.structure import structure_figures
from contract.agreement import Agreement
from contract.audit_report import OVERLAPS, AuditedFile, AuditReport
from contract.audit_verdict import judge
from contract.errors import InputError
from evaluation.attacks.blocks.attacker import attacker_of
from evaluation.attacks.blocks.audit import audit_blocks
from evaluation.attacks.blocks.controls import CONTROL_PERSONS, CONTROL_ROWS
from evaluation.attacks.blocks.joint import one_row_a_person
from evaluation.attacks.blocks.leakage import Leakage, attack_passes, draw_persons
from evaluation.audit.blocks import attack_figures, figures_of
from evaluation.audit.controls import block_controls, record_controls
from evaluation.audit.keys import key_figures
from evaluation.audit.linkability import linkability_figures
from evaluation.audit.persons import by_person
from evaluation.audit.records import audit_records
from evaluation.payload_audit.audit import audit_prepared
from pseudonymisation.encoding.profile import EncodedPass

KNOWN_PAIRS: Final = 2000
#: Persons attacked with the register itself in hand: enough to tell, and no bound hangs on it.
OWN_FILE_ROWS: Final = 500


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
        found = self._records(subject, rows) if agreement.profile.name == "record" else self._blocks(subject, rows)
        payload = audit_prepared(subject.prepared, seed=self.seed, persons=min(rows, 2000))
        tables = {name: made.table for name, made in subject.passes.items()}
        shape = (*structure_figures(tables), *linkability_figures(subject.passes), *found.pop("structure", ()))
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

    def _blocks(self, subject: AuditSubject, rows: int) -> dict[str, Any]:
        identities, passes = by_person(subject)
        persons = identities.get_column("subject").n_unique()
        people = one_row_a_person(identities)
        audit = audit_blocks(
            passes,
            identities,
            subject.agreement,
            attacker=people,
            rows=rows,
            overlaps=self.overlaps,
            known_pairs=(self.pairs,),
            seed=self.seed,
            controls=False,
        )
        own_file = self._own_file(identities, passes, subject.agreement, rows)
        found = figures_of(audit, {name: made.table.num_rows for name, made in passes.items()})
        drawn = draw_persons(identities.get_column("subject").to_numpy(), rows, self.seed).drawn
        with_key, without = key_figures(subject, passes, people, drawn, seed=self.seed)
        controls = block_controls(
            subject.agreement, seed=self.seed, persons=self.control_persons, rows=self.control_rows
        )
        return {
            **found,
            "subjects": persons,
            "attacked": min(rows, persons),
            "attacks": (*found["attacks"], attack_figures("own file", own_file), with_key),
            "controls": (*controls, *without),
        }

    def _own_file(
        self, identities: pl.DataFrame, passes: Mapping[str, EncodedPass], agreement: Agreement, rows: int
    ) -> Leakage:
        """Attack as one who holds this very register, with every spelling and error: a what-if beside the bounds."""
        clear = identities.rename({"subject": "person"}).drop("identity")
        sample = draw_persons(identities.get_column("subject").to_numpy(), min(rows, OWN_FILE_ROWS), self.seed)
        return attack_passes(passes, attacker_of(clear, agreement, seed=self.seed), sample, seed=self.seed)

    def _records(self, subject: AuditSubject, rows: int) -> dict[str, Any]:
        found = audit_records(subject, rows=rows, overlaps=self.overlaps, pairs=self.pairs, seed=self.seed)
        return {
            "subjects": subject.identities.get_column("subject").n_unique(),
            "attacked": found.attacked,
            "leakage": found.leakage,
            "known_pairs": found.known_pairs,
            "attacks": found.attacks,
            "structure": found.structure,
            "controls": (*record_controls(seed=self.seed), *found.keys),
        }
