"""Destroy an agreement's epoch key at the institution, with what was encoded under it, and sign evidence of it.

After it nothing can be encoded under the agreement, and every copy of its encodings, backups of the units included,
is as good as random to whoever lacks the key. The order is: key, outbox, evidence; each step may be repeated, so that
a killed process goes on.

What stays at the institution: its signing and sealing keys, which other agreements use, and the subject references,
which are random, never stood in an encoding, and carry its persons into a successor.
"""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path

from connectors.configuration import Configuration
from connectors.state import LocalState, LocalSubmission
from contract.agreement import Agreement
from contract.canonical import canonical_json
from contract.errors import AgreementError, ConflictError, StorageError
from contract.evidence import EVIDENCE_CONTEXT, Deleted, DeletionEvidence, Kept, SignedEvidence, read_evidence
from contract.signing import sign
from pseudonymisation.keys.store import KeyStore

EVIDENCE_FOLDER = "evidence"


def destroy_keys(
    configuration: Configuration,
    agreement: Agreement,
    store: KeyStore,
    state: LocalState,
    *,
    early: bool = False,
    now: datetime | None = None,
) -> tuple[SignedEvidence, Path]:
    """Destroy the epoch key and the encoded submissions of an agreement; return the evidence and its file.

    Args:
        configuration: The connector's.
        agreement: The agreement whose key goes: the present one or a predecessor.
        store: The key store.
        state: The connector's local state.
        early: Destroy before the end of retention, as on leaving or after a leak.
        now: For tests.

    Raises:
        AgreementError: The institution is no party of it.
        ConflictError: Retention has not ended, and `early` does not say so.
        StorageError: The disk refuses; repeat it.
    """
    if agreement.party(store.party).role != "institution":
        raise AgreementError("Only institutions hold an epoch key.")
    moment = now or datetime.now(UTC)
    ended = moment.date() >= agreement.retention_until
    if not ended and not early:
        raise ConflictError(
            f"The agreement's data may be kept until {agreement.retention_until}: its key is still in use.",
            advice="To leave, or after a leak, say so: `wasl connector destroy-keys --early`.",
        )
    path = configuration.folder / EVIDENCE_FOLDER / f"keys-{agreement.id}.json"
    if path.exists() and store.destroyed_at(agreement.id, agreement.epoch) is not None:
        return read_evidence(path), path
    store.destroy_epoch_key(agreement.id, agreement.epoch, moment.isoformat(timespec="seconds"))
    began = datetime.fromisoformat(str(store.destroyed_at(agreement.id, agreement.epoch)))
    submissions = [one for one in state.submissions() if one.agreement_id == agreement.id]
    for submission in submissions:
        _remove(configuration.outbox / submission.folder)
        if submission.state != "destroyed":
            state.move(submission.manifest_id, "destroyed", {})
    evidence = DeletionEvidence(
        agreement_id=agreement.id,
        epoch=agreement.epoch,
        party=store.party,
        role="institution",
        reason="retention" if began.date() >= agreement.retention_until else "order",
        began_at=began,
        finished_at=max(moment, began),
        deleted=_deleted(submissions),
        kept=(
            Kept(
                kind="subject_references",
                items=state.count_records(),
                why="random, never in an encoding; they carry persons into a successor agreement",
            ),
            Kept(kind="party_keys", items=2, why="signing and sealing keys of the institution, not of this agreement"),
        ),
    )
    signature = sign(EVIDENCE_CONTEXT, evidence, store.signing_key)
    signed = SignedEvidence(evidence=evidence, signature=signature, agreement=agreement)
    _write(path, signed)
    return signed, path


def _deleted(submissions: list[LocalSubmission]) -> tuple[Deleted, ...]:
    """Count the key and the outbox; a submission's digest is that of its manifest."""
    folders = tuple(sorted(one.manifest_id for one in submissions))
    return (
        Deleted(kind="epoch_key", items=1),
        *([Deleted(kind="encoded_submissions", items=len(folders), digests=folders)] if folders else []),
    )


def _remove(folder: Path) -> None:
    try:
        shutil.rmtree(folder)
    except FileNotFoundError:
        return
    except OSError as error:
        raise StorageError("An encoded submission cannot be deleted.", where={"folder": folder.name}) from error


def _write(path: Path, signed: SignedEvidence) -> None:
    partial = path.with_suffix(".partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_bytes(canonical_json(signed))
        partial.replace(path)
    except OSError as error:
        raise StorageError("The evidence cannot be written.", where={"file": path.name}) from error
