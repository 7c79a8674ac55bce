"""Deliver a submission: to both units in resumable chunks, or into a folder that somebody carries over."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from connectors.client import UnitClient
from connectors.errors import UnitRefusedError
from connectors.gate import AUDIT_FILE, read_dossier
from connectors.package import MANIFEST_FILE, read_manifest
from contract.agreement import Agreement
from contract.audit_override import AccompaniedManifest
from contract.errors import StorageError
from contract.receipt import SignedReceipt
from contract.submission import Manifest, SignedManifest

HALF_OF_UNIT = {"linkage_unit": "linkage", "statistics_unit": "statistics"}
#: Called after each chunk with the file's name, the bytes delivered and the file's size.
Progress = Callable[[str, int, int], None]
_OFFSET_REFUSED = 409


@dataclass(frozen=True)
class Delivery:
    """What a unit said to a delivered half."""

    unit: str
    receipt: SignedReceipt
    sent_bytes: int


def push_half(
    folder: Path, agreement: Agreement, unit: str, client: UnitClient, progress: Progress | None = None
) -> Delivery:
    """Deliver one unit's half; what arrived before is not sent again.

    Args:
        folder: The submission's folder.
        agreement: The live agreement.
        unit: ``linkage_unit`` or ``statistics_unit``.
        client: The unit's.
        progress: Told of every chunk.

    Raises:
        SubmissionError: A file was altered since it was encoded.
        UnitRefusedError: The unit refused manifest, file or contents.
        UnitUnreachableError: It does not answer; repeating resumes.
        SignatureError: The receipt is not signed by the unit.
    """
    signed = read_manifest(folder)
    manifest = signed.manifest
    # the audit goes first, with the manifest: a unit takes no file of a submission that it would refuse
    opening = AccompaniedManifest(manifest=manifest, signature=signed.signature, audit=read_dossier(folder))
    answer = client.post("/api/v1/submissions", opening.model_dump_json())
    try:
        if answer.get("receipt") is not None:
            return Delivery(unit, _checked(answer["receipt"], manifest, agreement, unit), 0)
        offsets = {one["name"]: int(one["offset"]) for one in answer["files"]}
        chunk_bytes = int(answer["chunk_bytes"])
    except (KeyError, TypeError, ValueError, AttributeError):
        raise UnitRefusedError("The unit's answer is not readable.", where={"unit": client.base_url}) from None
    sent = 0
    for entry in manifest.half(HALF_OF_UNIT[unit]):
        start = offsets.get(entry.name, 0)
        sent += _send_file(client, manifest, folder / entry.name, start, entry.size, max(1, chunk_bytes), progress)
    receipt = client.post(f"/api/v1/submissions/{manifest.id}/complete")
    return Delivery(unit, _checked(receipt, manifest, agreement, unit), sent)


def _send_file(
    client: UnitClient,
    manifest: Manifest,
    path: Path,
    offset: int,
    size: int,
    chunk_bytes: int,
    progress: Progress | None,
) -> int:
    sent, place = 0, f"/api/v1/submissions/{manifest.id}/files/{path.name}"
    corrections = 0
    with path.open("rb") as stream:
        while offset < size:
            stream.seek(offset)
            chunk = stream.read(chunk_bytes)
            headers = {"upload-offset": str(offset), "content-type": "application/octet-stream"}
            answer = client.request("PATCH", place, chunk, headers, accept=frozenset({_OFFSET_REFUSED}))
            following = _offset(answer.json(), answer.status_code)
            if following is None or not 0 <= following <= size:
                raise UnitRefusedError(
                    "The unit does not take the file.", where={"unit": client.base_url, "file": path.name}
                )
            if following <= offset:  # the unit lost a part, or another push of ours is under way
                corrections += 1
                if corrections > 3:
                    raise UnitRefusedError("The unit's offset does not advance.", where={"file": path.name})
            sent += len(chunk)
            offset = following
            if progress is not None:
                progress(path.name, offset, size)
    return sent


def _offset(answer: Any, status: int) -> int | None:
    try:
        return int(answer["where"]["offset"] if status == _OFFSET_REFUSED else answer["offset"])
    except (KeyError, TypeError, ValueError):
        return None


def _checked(document: Any, manifest: Manifest, agreement: Agreement, unit: str) -> SignedReceipt:
    try:
        signed = SignedReceipt.model_validate(document)
    except ValidationError:
        raise UnitRefusedError("The unit's receipt is not readable.") from None
    if (signed.receipt.manifest_id, signed.receipt.unit) != (manifest.id, unit):
        raise UnitRefusedError("The unit's receipt is for another submission or by another unit.")
    signed.check(agreement)
    return signed


def drop(folder: Path, target: Path) -> list[Path]:
    """Copy a submission for a carrier: a folder for each unit with manifest, audit report and that unit's half.

    Args:
        folder: The submission's folder.
        target: Where the two folders go.

    Returns:
        The two folders, the linkage unit's first.

    Raises:
        SubmissionError: A file was altered since it was encoded.
        StorageError: The target cannot be written.
    """
    signed: SignedManifest = read_manifest(folder)
    made = []
    try:
        for unit, half in HALF_OF_UNIT.items():
            place = target / unit / folder.name
            place.mkdir(parents=True, exist_ok=True)
            for entry in signed.manifest.half(half):
                shutil.copyfile(folder / entry.name, place / entry.name)
            if (folder / AUDIT_FILE).is_file():
                shutil.copyfile(folder / AUDIT_FILE, place / AUDIT_FILE)
            # the manifest last: a folder with a manifest is whole
            shutil.copyfile(folder / MANIFEST_FILE, place / MANIFEST_FILE)
            made.append(place)
    except OSError as error:
        raise StorageError(f"The folder cannot be written: {error.strerror}.") from None
    return made
