"""What an audit is given, and how its report comes to lie beside the submission.

The attacks live outside the connector (`evaluation.audit`); whoever composes the program hands them in as an `Auditor`.
The connector knows the truth: which handle is whose. It keeps it beside the submission, sealed for the institution
itself, so that a submission can be audited again on any day until it has left.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

import numpy as np
import polars as pl
import pyarrow.parquet as pq
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from connectors.encode import Prepared
from connectors.identities import distinct_identities
from connectors.package import read_manifest
from contract.agreement import Agreement
from contract.audit_override import AuditDossier
from contract.audit_report import REPORT_CONTEXT, AuditReport, SignedAuditReport
from contract.audit_verdict import judge
from contract.errors import ConflictError, NotFoundError, StorageError
from contract.sealing import seal_stream, unseal_stream
from contract.signing import sign
from contract.submission import Manifest, SignedManifest, pass_file, pass_names
from pseudonymisation.encoding.profile import EncodedPass, PassReport
from pseudonymisation.encoding.stored import read_pass_table

#: Which handle is whose, sealed for the institution's own key; it never leaves.
TRUTH_FILE: Final = "truth.sealed"
_DIGEST: Final = b"identities"


@dataclass(frozen=True)
class AuditSubject:
    """A submission as its institution sees it: what leaves, and the truth.

    Attributes:
        manifest: Which submission.
        prepared: The register in clear, normalised and grouped; its payload can be made from it again.
        identities: The distinct identities that were encoded: normalised columns, `subject` and `identity`.
        passes: The passes, their tables in the submission's files, with their real rows' handles, subjects and
            identities.
        epoch_key: The key they were made with, to show what hangs on it.
    """

    manifest: Manifest
    prepared: Prepared
    identities: pl.DataFrame
    passes: Mapping[str, EncodedPass]
    epoch_key: bytes = field(repr=False)

    @property
    def agreement(self) -> Agreement:
        """The agreement it was encoded under."""
        return self.prepared.agreement


class Auditor(Protocol):
    """Attacks a submission."""

    def __call__(self, subject: AuditSubject) -> AuditReport:
        """Return the figures; the verdict in them is the auditor's own word."""
        ...


def just_encoded(
    manifest: Manifest, prepared: Prepared, passes: Mapping[str, EncodedPass], epoch_key: bytes
) -> AuditSubject:
    """Return the subject of a submission that was just encoded."""
    identities = distinct_identities(prepared.records.linkage, prepared.subjects)
    return AuditSubject(manifest, prepared, identities, passes, epoch_key)


def sign_report(report: AuditReport, key: Ed25519PrivateKey) -> SignedAuditReport:
    """Sign a report with the institution's key."""
    return SignedAuditReport(report=report, signature=sign(REPORT_CONTEXT, report, key))


def dossier_of(report: SignedAuditReport, agreement: Agreement) -> AuditDossier:
    """Return the dossier of a fresh report, whose own word must be what its figures say.

    Raises:
        ConflictError: The auditor claims another verdict than the figures give.
    """
    if report.report.verdict != judge(report.report, agreement).verdict:
        raise ConflictError("The auditor's verdict is not what its figures say.")
    return AuditDossier(report=report)


def keep_truth(folder: Path, subject: AuditSubject, handles: pl.DataFrame, sealing_key: str) -> None:
    """Seal which handle is whose for the institution itself, with a digest of what was encoded.

    Args:
        folder: The submission's folder.
        subject: The submission.
        handles: `pass`, `handle`, `subject_ref`, `identity`.
        sealing_key: The institution's public sealing key.

    Raises:
        StorageError: The disk does not take it.
    """
    plain = io.BytesIO()
    table = handles.to_arrow().replace_schema_metadata({_DIGEST: _digest(subject.identities, subject.prepared)})
    pq.write_table(table, plain)
    plain.seek(0)
    try:
        with (folder / TRUTH_FILE).open("wb") as target:
            seal_stream(sealing_key, plain, target, _info(subject.manifest))
    except OSError as error:
        raise StorageError(f"The truth of the handles cannot be kept: {error.strerror}.") from None


def from_folder(
    folder: Path,
    prepared: Prepared,
    record_refs: Mapping[str, str],
    sealing_key: X25519PrivateKey,
    epoch_key: bytes,
) -> AuditSubject:
    """Return the subject of a submission in the outbox, from its files and the register as it is now.

    Args:
        folder: The submission's folder.
        prepared: The register, read again and grouped as it was for the submission.
        record_refs: Record id to subject reference, from the local state.
        sealing_key: The institution's own.
        epoch_key: K.

    Raises:
        SubmissionError: A file is missing, altered, or not readable.
        NotFoundError: The truth of the handles was not kept.
        ConflictError: The register is not the one that was encoded.
    """
    signed = read_manifest(folder)
    truth, digest = _truth(folder, signed, sealing_key)
    identities = distinct_identities(prepared.records.linkage, prepared.subjects)
    numbers = truth.join(_subjects(prepared, record_refs), on="subject_ref", how="left")
    if numbers.get_column("subject").null_count() or _digest(identities, prepared) != digest:
        raise ConflictError(
            "The register is not the one that was encoded: it has changed since.",
            advice="Encode the vintage again: `wasl connector encode`.",
        )
    passes = {}
    of_pass = {str(name): own for (name,), own in numbers.partition_by("pass", as_dict=True).items()}
    for name in pass_names(prepared.agreement):
        path = folder / pass_file(name)
        own = of_pass.pop(name, numbers.clear()).select("handle", "subject", "identity").sort("handle")
        every = read_pass_table(path, ["handle"]).column("handle").to_numpy()
        rest = np.setdiff1d(every, own.get_column("handle").to_numpy())
        report = PassReport(rows=own.height, dummies=len(rest), keyless=0, withheld=0, levels=())
        passes[name] = EncodedPass(path, own, rest, report)
    return AuditSubject(signed.manifest, prepared, identities, passes, epoch_key)


def _subjects(prepared: Prepared, record_refs: Mapping[str, str]) -> pl.DataFrame:
    ids = prepared.records.mapped.frame.get_column("record_id").to_list()
    references = [record_refs.get(record_id) for record_id in ids]
    frame = pl.DataFrame(
        {"subject_ref": pl.Series(references, dtype=pl.String), "subject": pl.Series(prepared.subjects, dtype=pl.Int64)}
    )
    return frame.drop_nulls().unique("subject_ref", keep="first", maintain_order=True)


def _truth(folder: Path, signed: SignedManifest, sealing_key: X25519PrivateKey) -> tuple[pl.DataFrame, bytes]:
    path, plain = folder / TRUTH_FILE, io.BytesIO()
    if not path.is_file():
        raise NotFoundError(
            "The submission's folder does not say which handle is whose: it cannot be audited.",
            advice="Encode the vintage again: `wasl connector encode`.",
        )
    with path.open("rb") as sealed:
        unseal_stream(sealing_key, sealed, plain, _info(signed.manifest))
    table = pq.read_table(io.BytesIO(plain.getvalue()))
    frame = pl.DataFrame(pl.from_arrow(table))
    digest = (table.schema.metadata or {}).get(_DIGEST, b"")
    return frame.with_columns(pl.col("pass").cast(pl.String), pl.col("subject_ref").cast(pl.String)), digest


def _digest(identities: pl.DataFrame, prepared: Prepared) -> bytes:
    """Return a digest of all that an audit attacks: the identities, and what the payload is made of."""
    parts = [identities.sort("subject", "identity"), prepared.records.mapped.frame.sort("record_id")]
    if prepared.events is not None:
        parts.append(prepared.events.frame)
    digest = hashlib.sha256()
    for frame in parts:
        for rows in frame.select(sorted(frame.columns)).iter_slices(100_000):  # a register may have 10^7 rows
            digest.update(rows.write_csv(include_header=False).encode())
        digest.update(b"\x00")
    return digest.hexdigest().encode()


def _info(manifest: Manifest) -> bytes:
    return f"wasl/truth/v1|{manifest.id}".encode()
