"""The audits of a connector's submissions: made, kept beside the files, made again, overridden."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from connectors import gate
from connectors.auditing import Auditor, AuditSubject, dossier_of, from_folder, just_encoded, keep_truth, sign_report
from connectors.configuration import Configuration
from connectors.encode import Encoded, Grouping, Prepared, Submitted, prepare
from connectors.package import read_manifest
from connectors.state import LocalState, LocalSubmission
from contract.agreement import SignedAgreement
from contract.audit_override import AuditDossier
from contract.audit_report import SignedAuditReport
from contract.errors import ConflictError
from pseudonymisation.keys.store import KeyStore


class Audits:
    """The audits of one register's submissions.

    Args:
        configuration: The connector's.
        store: The opened key store: reports are signed with the institution's key.
        state: Where the connector notes what happened to a submission.
        agreement: Reads the agreement kept in the connector's folder.
    """

    def __init__(
        self,
        configuration: Configuration,
        store: KeyStore,
        state: LocalState,
        agreement: Callable[[], SignedAgreement],
    ) -> None:
        self._configuration, self._store, self._state, self._agreement = configuration, store, state, agreement

    def begin(self, prepared: Prepared, made: Encoded, submitted: Submitted, group: Grouping) -> AuditSubject:
        """Keep what a later audit needs of a fresh submission, and return what an audit of it is given.

        Raises:
            StorageError: The disk does not take it.
        """
        manifest = submitted.signed.manifest
        subject = just_encoded(manifest, prepared, made.passes, self._epoch_key())
        keep_truth(submitted.folder, subject, made.handles, self._store.public_keys[1])
        self._state.note(manifest.id, "grouped", {"group": group})
        return subject

    def first(self, submitted: Submitted, subject: AuditSubject, auditor: Auditor) -> AuditDossier:
        """Audit a fresh submission.

        Raises:
            WaslError: As the auditor; the submission then lies in the outbox without an audit.
        """
        return self._keep(submitted.folder, subject, auditor)

    def subject(self, manifest_id: str) -> AuditSubject:
        """Return what an audit of a submission in the outbox is given; the register is read again.

        Raises:
            NotFoundError: There is no such submission, or the truth of its handles was not kept.
            SubmissionError: A file was altered since it was encoded.
            ConflictError: The register has changed since.
        """
        submission = self._state.submission(manifest_id)
        grouped = [event for event in self._state.events(submission.manifest_id) if event["kind"] == "grouped"]
        group: Grouping = "none" if grouped and grouped[-1]["group"] == "none" else "local"
        prepared = prepare(self._configuration, self._agreement(), self._store.public_keys, group=group)
        folder, references = self._folder(submission), self._state.record_refs()
        return from_folder(folder, prepared, references, self._store.sealing_key, self._epoch_key())

    def run(self, manifest_id: str, auditor: Auditor) -> AuditDossier:
        """Audit a submission in the outbox; an override of an earlier report lapses. Raises as `subject`."""
        subject = self.subject(manifest_id)
        return self._keep(self._folder(self._state.submission(manifest_id)), subject, auditor)

    def dossier(self, manifest_id: str) -> AuditDossier:
        """Return the report and override beside a submission.

        Raises:
            NotFoundError: There is no such submission, or it was not audited.
        """
        return gate.need_dossier(self._folder(self._state.submission(manifest_id)))

    def verdict(self, submission: LocalSubmission) -> str | None:
        """Return the verdict that stands beside a submission, ``OVERRIDDEN`` under an override, None without audit."""
        dossier = gate.read_dossier(self._folder(submission))
        if dossier is None:
            return None
        return "OVERRIDDEN" if dossier.override is not None else dossier.report.report.verdict

    def overridable(self, manifest_id: str) -> SignedAuditReport:
        """Return the report of a submission that two signatures could let leave. Raises as `gate.may_override`."""
        submission = self._state.submission(manifest_id)
        report = self.dossier(submission.manifest_id).report
        manifest = read_manifest(self._folder(submission)).manifest
        gate.may_override(report, manifest, self._agreement().agreement)
        return report

    def accept(self, manifest_id: str, signed: AuditDossier) -> None:
        """Keep an override that both have signed beside the submission whose report it is about.

        Raises:
            ConflictError: There is no override in it.
            GateRefusedError: It is about another report, or lacks a signature.
            SignatureError: A signature does not verify.
        """
        submission = self._state.submission(manifest_id)
        kept = self.dossier(submission.manifest_id)
        if signed.override is None:
            raise ConflictError("The file holds no override.", advice="Make one: `wasl audit override`.")
        dossier = gate.with_override(kept, signed.override, self._agreement().agreement)
        gate.write_dossier(self._folder(submission), dossier)
        names = {who: given.name for who, given in signed.override.signers()}
        self._state.note(submission.manifest_id, "overridden", {"report": kept.report.report.id, **names})

    def _epoch_key(self) -> bytes:
        agreement = self._agreement().agreement
        return self._store.epoch_key(agreement.id, agreement.epoch)

    def _keep(self, folder: Path, subject: AuditSubject, auditor: Auditor) -> AuditDossier:
        signed = sign_report(auditor(subject), self._store.signing_key)
        dossier = dossier_of(signed, subject.agreement)
        gate.write_dossier(folder, dossier)
        details = {"report": signed.report.id, "verdict": signed.report.verdict}
        self._state.note(subject.manifest.id, "audited", details)
        return dossier

    def _folder(self, submission: LocalSubmission) -> Path:
        return self._configuration.outbox / submission.folder
