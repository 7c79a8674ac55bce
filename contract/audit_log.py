"""The audit log as everybody outside the unit sees it: checkpoints, cosignatures, the exported bundle.

Pure verification, needing nothing but the bundle: an institution or the privacy officer runs it on
an own machine. What it detects: an entry edited, removed, added or moved before a signed checkpoint;
a log cut shorter than a checkpoint; a log that does not continue a checkpoint seen earlier (a fork).
"""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError

from contract import merkle
from contract.agreement import Frozen, SignedAgreement, Slug
from contract.canonical import canonical_json
from contract.errors import IntegrityError
from contract.signing import verify

CHECKPOINT_CONTEXT = "audit-checkpoint/v1"
COSIGNATURE_CONTEXT = "audit-cosignature/v1"
_Hex64 = Field(pattern=r"^[0-9a-f]{64}$")


class Checkpoint(Frozen):
    """What a log was at a moment: its size and the root of its Merkle tree (hexadecimal)."""

    format: Literal["wasl-checkpoint/1"] = "wasl-checkpoint/1"
    unit: Literal["linkage_unit", "statistics_unit"]
    size: int = Field(ge=0)
    root: str = _Hex64
    at: datetime


class SignedCheckpoint(Frozen):
    """A checkpoint with the unit's signature under `CHECKPOINT_CONTEXT`."""

    checkpoint: Checkpoint
    signature: str


class Cosignature(Frozen):
    """A party's signature on a checkpoint, under `COSIGNATURE_CONTEXT`: "it continues what I saw"."""

    agreement_id: str = _Hex64
    party: Slug
    size: int = Field(ge=0)
    signature: str


class AuditBundle(Frozen):
    """A whole log with all that is needed to verify it. `entries` are canonical JSON texts."""

    format: Literal["wasl-audit-bundle/1"] = "wasl-audit-bundle/1"
    unit: Literal["linkage_unit", "statistics_unit"]
    signing_key: str
    entries: tuple[str, ...]
    checkpoints: tuple[SignedCheckpoint, ...]
    cosignatures: tuple[Cosignature, ...] = ()
    agreements: tuple[SignedAgreement, ...] = ()


class BundleReport(Frozen):
    """What was verified. `witnesses` are the parties that cosigned the last cosigned checkpoint."""

    unit: str
    entries: int
    checkpoints: int
    root: str
    witnessed_size: int
    witnesses: tuple[str, ...]


def parse_entry(document: str, sequence: int) -> dict[str, Any]:
    """Return one entry, checked for its form and its place in the log.

    Raises:
        IntegrityError: It is not canonical JSON, or bears another number.
    """
    broken = IntegrityError("An entry of the audit log is damaged.", where={"entry": sequence})
    try:
        entry = json.loads(document)
    except ValueError as error:
        raise broken from error
    if not isinstance(entry, dict) or canonical_json(entry) != document.encode() or entry.get("sequence") != sequence:
        raise broken
    return entry


def verify_checkpoint(signed: SignedCheckpoint, leaves: list[bytes], signing_key: str) -> None:
    """Check that a log's first entries are those a checkpoint was signed for.

    Raises:
        SignatureError: The unit did not sign it.
        IntegrityError: The log is shorter, or other entries stand in it.
    """
    checkpoint = signed.checkpoint
    verify(CHECKPOINT_CONTEXT, checkpoint, signed.signature, signing_key)
    if checkpoint.size > len(leaves):
        raise IntegrityError("The audit log was cut: it is shorter than a checkpoint that was signed.")
    if merkle.root(leaves[: checkpoint.size]).hex() != checkpoint.root:
        raise IntegrityError(
            "The audit log was rewritten: entries differ from those a checkpoint was signed for.",
            where={"checkpoint": checkpoint.size},
        )


def check_bundle(
    bundle: AuditBundle, *, signing_key: str | None = None, seen: SignedCheckpoint | None = None
) -> BundleReport:
    """Verify a bundle as `verify_bundle` does.

    Raises:
        IntegrityError: The log was altered, cut or forked, or is another unit's.
        SignatureError: A checkpoint or cosignature does not verify.
    """
    if signing_key is not None and signing_key != bundle.signing_key:
        raise IntegrityError("The audit log was signed with another key than the unit's.")
    leaves = []
    for sequence, document in enumerate(bundle.entries):
        parse_entry(document, sequence)
        leaves.append(merkle.leaf_hash(document.encode()))
    if not bundle.checkpoints or max(signed.checkpoint.size for signed in bundle.checkpoints) != len(leaves):
        raise IntegrityError("The last entries of the audit log are covered by no checkpoint.")
    for signed in (*bundle.checkpoints, *([seen] if seen else [])):
        verify_checkpoint(signed, leaves, bundle.signing_key)
    by_size = {signed.checkpoint.size: signed.checkpoint for signed in bundle.checkpoints}
    agreements = {signed.agreement.id: signed.agreement for signed in bundle.agreements}
    witnessed: dict[int, set[str]] = {}
    for given in bundle.cosignatures:
        if given.size not in by_size or given.agreement_id not in agreements:
            raise IntegrityError("A cosignature belongs to no checkpoint or agreement of this bundle.")
        party = agreements[given.agreement_id].party(given.party)
        verify(COSIGNATURE_CONTEXT, by_size[given.size], given.signature, party.signing_key)
        witnessed.setdefault(given.size, set()).add(given.party)
    last = max(witnessed, default=0)
    return BundleReport(
        unit=bundle.unit,
        entries=len(leaves),
        checkpoints=len(bundle.checkpoints),
        root=merkle.root(leaves).hex(),
        witnessed_size=last,
        witnesses=tuple(sorted(witnessed.get(last, ()))),
    )


def verify_bundle(path: Path, *, signing_key: str | None = None, seen: SignedCheckpoint | None = None) -> BundleReport:
    """Verify an exported audit log offline.

    Args:
        path: The bundle's file.
        signing_key: The unit's public key as the agreement has it; without it the bundle only proves
            that it agrees with itself.
        seen: A checkpoint kept from before: the log must continue it.

    Raises:
        IntegrityError: The file is no bundle, or the log was altered, cut or forked.
        SignatureError: A checkpoint or cosignature does not verify.
    """
    return check_bundle(read_bundle(path), signing_key=signing_key, seen=seen)


def read_bundle(path: Path) -> AuditBundle:
    """Read an exported audit log without verifying it.

    Raises:
        IntegrityError: The file is no bundle.
    """
    try:
        return AuditBundle.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise IntegrityError("This is not an audit bundle, or it is damaged.", where={"file": path.name}) from error
