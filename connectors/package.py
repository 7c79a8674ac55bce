"""Write a submission's folder: pass tables, the sealed statistics half and the signed manifest.

The folder is made under a temporary name in the outbox and renamed when it is whole, so that a submission is there
completely or not at all. No file of it holds anything in the clear.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import BinaryIO, Self

import pyarrow as pa
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
from pseudonymisation.encoding.profile import EncodedPass
from pseudonymisation.encoding.stored import write_pass_table

MANIFEST_FILE = "manifest.json"
#: A submission that was not delivered within this time is encoded again.
LIFETIME = timedelta(days=30)
_PIECE = 1 << 20


class SubmissionFolder:
    """A submission's folder while it is made: pass tables one by one, then the statistics half, then the manifest.

    A context: what is not finished when it ends is removed.

    Args:
        outbox: Folder of submissions.
        agreement: The live agreement.
        terms: The register's terms.
        vintage: The delivery's name, such as ``2024-12``.

    Raises:
        StorageError: The disk does not take the submission; nothing is left behind.
    """

    def __init__(self, outbox: Path, agreement: Agreement, terms: RegisterTerms, vintage: str) -> None:
        self._agreement, self._terms, self._vintage = agreement, terms, vintage
        self._id = random_id()
        self._partial = outbox / f".partial-{self._id}"
        self._folder = outbox / f"{terms.name}-{vintage}-{self._id[:8]}"

    def __enter__(self) -> Self:
        with _storing():
            self._partial.mkdir(parents=True)
        return self

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self._partial, ignore_errors=True)

    def add_pass(self, name: str, made: EncodedPass) -> EncodedPass:
        """Write a pass and return it with its file in place of its table, so that the table can be let go."""
        path = self._partial / pass_file(name)
        with _storing():
            write_pass_table(made.table, path)
        return replace(made, source=path)

    def add_statistics(self, statistics: BinaryIO) -> None:
        """Seal the statistics half, a stream in the clear and in memory, for the statistics unit."""
        info = seal_info(self._agreement.id, self._terms.name, self._vintage, self._id)
        with _storing(), (self._partial / STATISTICS_FILE).open("wb") as target:
            seal_stream(self._agreement.with_role("statistics_unit")[0].sealing_key, statistics, target, info)

    def finish(self, signing_key: Ed25519PrivateKey) -> tuple[SignedManifest, Path]:
        """Sign the manifest with the institution's key and put the folder in place.

        Returns:
            The signed manifest and the submission's folder.

        Raises:
            ConflictError: The vintage's name is not allowed.
        """
        now = datetime.now(UTC).replace(microsecond=0)
        with _storing():
            try:
                manifest = Manifest(
                    submission_id=self._id,
                    agreement_id=self._agreement.id,
                    epoch=self._agreement.epoch,
                    vintage=self._vintage,
                    institution=self._terms.holder,
                    register_name=self._terms.name,
                    created_at=now,
                    expires_at=min(now + LIFETIME, datetime.combine(self._agreement.expires_on, time(), UTC)),
                    files=tuple(
                        _entry(path, "statistics" if path.name == STATISTICS_FILE else "linkage")
                        for path in sorted(self._partial.iterdir())
                    ),
                )
            except ValidationError:
                raise ConflictError(
                    "A vintage's name has 1 to 32 letters, digits, points, hyphens and underscores.",
                    advice="Name it like 2024-12.",
                ) from None
            signed = SignedManifest(manifest=manifest, signature=sign(MANIFEST_CONTEXT, manifest, signing_key))
            (self._partial / MANIFEST_FILE).write_text(signed.model_dump_json(indent=1), encoding="utf-8")
            self._partial.rename(self._folder)
        return signed, self._folder

    def in_place(self, made: EncodedPass) -> EncodedPass:
        """Return a pass that `add_pass` returned, pointing to its file in the finished folder."""
        return replace(made, source=self._folder / made.source.name) if isinstance(made.source, Path) else made


@contextmanager
def _storing() -> Iterator[None]:
    try:
        yield
    except (OSError, pa.ArrowException) as error:
        raise StorageError(f"The submission cannot be written: {type(error).__name__}.") from None


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
