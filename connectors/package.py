"""Write a submission's folder: pass tables, the sealed statistics half and the signed manifest.

The folder is made under a temporary name in the outbox and renamed when it is whole, so that a submission is there
completely or not at all. No file of it holds anything in the clear.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Mapping
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import ValidationError

from contract.agreement import Agreement, RegisterTerms
from contract.errors import ConflictError, StorageError, SubmissionError
from contract.sealing import random_id, seal_stream
from contract.signing import sign
from contract.submission import (
    MANIFEST_CONTEXT,
    STATISTICS_FILE,
    FileEntry,
    Manifest,
    SignedManifest,
    pass_file,
    seal_info,
)

MANIFEST_FILE = "manifest.json"
#: A submission that was not delivered within this time is encoded again.
LIFETIME = timedelta(days=30)
_PIECE = 1 << 20


def write_submission(
    outbox: Path,
    agreement: Agreement,
    terms: RegisterTerms,
    vintage: str,
    passes: Mapping[str, pa.Table],
    statistics: BinaryIO,
    signing_key: Ed25519PrivateKey,
) -> tuple[SignedManifest, Path]:
    """Seal, sign and write one submission.

    Args:
        outbox: Folder of submissions.
        agreement: The live agreement.
        terms: The register's terms.
        vintage: The delivery's name, such as ``2024-12``.
        passes: Pass name to pass table (`contract.submission`).
        statistics: The statistics half in the clear (a stream in memory).
        signing_key: The institution's.

    Returns:
        The signed manifest and the submission's folder.

    Raises:
        StorageError: The disk does not take it; nothing is left behind.
        ConflictError: The vintage's name is not allowed.
    """
    submission_id = random_id()
    folder = outbox / f"{terms.name}-{vintage}-{submission_id[:8]}"
    partial = outbox / f".partial-{submission_id}"
    try:
        partial.mkdir(parents=True)
        for name in sorted(passes):
            pq.write_table(passes[name], partial / pass_file(name), compression="zstd", write_statistics=False)
        info = seal_info(agreement.id, terms.name, vintage, submission_id)
        with (partial / STATISTICS_FILE).open("wb") as target:
            seal_stream(agreement.with_role("statistics_unit")[0].sealing_key, statistics, target, info)
        now = datetime.now(UTC).replace(microsecond=0)
        try:
            manifest = Manifest(
                submission_id=submission_id,
                agreement_id=agreement.id,
                epoch=agreement.epoch,
                vintage=vintage,
                institution=terms.holder,
                register_name=terms.name,
                created_at=now,
                expires_at=min(now + LIFETIME, datetime.combine(agreement.expires_on, time(), UTC)),
                files=tuple(
                    _entry(path, "statistics" if path.name == STATISTICS_FILE else "linkage")
                    for path in sorted(partial.iterdir())
                ),
            )
        except ValidationError:
            raise ConflictError(
                "A vintage's name has 1 to 32 letters, digits, points, hyphens and underscores.",
                advice="Name it like 2024-12.",
            ) from None
        signed = SignedManifest(manifest=manifest, signature=sign(MANIFEST_CONTEXT, manifest, signing_key))
        (partial / MANIFEST_FILE).write_text(signed.model_dump_json(indent=1), encoding="utf-8")
        partial.rename(folder)
    except (OSError, pa.ArrowException) as error:
        raise StorageError(f"The submission cannot be written: {type(error).__name__}.") from None
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return signed, folder


def read_manifest(folder: Path) -> SignedManifest:
    """Read the manifest of a submission's folder and check that its files are those it names.

    Raises:
        SubmissionError: A file is missing or was altered since, or the manifest is not readable.
    """
    try:
        signed = SignedManifest.model_validate_json((folder / MANIFEST_FILE).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, ValidationError):
        raise SubmissionError("The submission's folder has no readable manifest.") from None
    for entry in signed.manifest.files:
        path = folder / entry.name
        if not path.is_file() or path.stat().st_size != entry.size or _sha256(path) != entry.sha256:
            raise SubmissionError("A file of the submission is missing or was altered.", where={"file": entry.name})
    return signed


def _entry(path: Path, half: str) -> FileEntry:
    return FileEntry.model_validate(
        {"name": path.name, "half": half, "sha256": _sha256(path), "size": path.stat().st_size}
    )


def _sha256(path: Path) -> str:
    found = hashlib.sha256()
    with path.open("rb") as stream:
        while piece := stream.read(_PIECE):
            found.update(piece)
    return found.hexdigest()
