"""Append-only log of a unit: no audit record, no action.

- `append` writes into the caller's own transaction: the action and its record commit together or
  not at all. The one writer of `Database.write` makes the numbers gapless.
- Entries hold names of parties, identifiers and counts; never an identity, a key or a value.
- Before a checkpoint is signed, the log must continue the last one: a database that was edited or
  cut behind the unit's back is never signed again.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Literal

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from contract import merkle
from contract.agreement import Agreement
from contract.audit_log import (
    CHECKPOINT_CONTEXT,
    COSIGNATURE_CONTEXT,
    Checkpoint,
    SignedCheckpoint,
    parse_entry,
    verify_checkpoint,
)
from contract.canonical import canonical_json
from contract.errors import ConflictError, InputError, IntegrityError
from contract.signing import sign, verify
from service.audit.actions import Action
from service.audit.models import AuditCheckpoint, AuditCosignature, AuditEntry
from service.keys import UnitKeys

Outcome = Literal["done", "refused", "failed"]
_MAX_DETAIL_CHARACTERS = 200  # a detail is a name, an identifier or a count, not a document


def append(
    session: Session,
    action: Action,
    *,
    actor: str,
    agreement_id: str | None = None,
    obj: str = "",
    outcome: Outcome = "done",
    details: dict[str, Any] | None = None,
) -> int:
    """Add an entry within a `Database.write` transaction and return its number.

    Args:
        session: The transaction of the action itself.
        action: What is done.
        actor: Who, as ``kind:name``, such as ``institution:cnss``, ``operator:local`` or ``anonymous``.
        agreement_id: Under which agreement.
        obj: What it is done to: an identifier.
        outcome: ``done``, ``refused`` or ``failed``.
        details: Short texts, numbers, flags, or lists of them. Never an identity.

    Raises:
        ValueError: A detail is of another type, or long enough to be a document.
    """
    for name, value in (details or {}).items():
        for part in value if isinstance(value, list) else [value]:
            if not isinstance(part, str | int | float | bool | None) or len(str(part)) > _MAX_DETAIL_CHARACTERS:
                raise ValueError(f"the audit detail {name} is not a short text, number or flag")
    last = session.scalar(select(func.max(AuditEntry.sequence)))
    sequence = 0 if last is None else last + 1
    document = canonical_json(
        {
            "sequence": sequence,
            "at": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "actor": actor,
            "action": action.value,
            "agreement_id": agreement_id,
            "object": obj,
            "outcome": outcome,
            "details": details or {},
        }
    )
    session.add(
        AuditEntry(
            sequence=sequence,
            action=action.value,
            agreement_id=agreement_id,
            document=document.decode(),
            leaf=merkle.leaf_hash(document),
        )
    )
    session.flush()
    return sequence


def leaves(session: Session, size: int | None = None) -> list[bytes]:
    """Return the leaf hashes of the first `size` entries, all by default.

    Raises:
        IntegrityError: A number is missing.
        InputError: The log is shorter.
    """
    query = select(AuditEntry.sequence, AuditEntry.leaf).order_by(AuditEntry.sequence)
    rows = session.execute(query if size is None else query.limit(size)).all()
    if size is not None and len(rows) < size:
        raise InputError("The audit log is shorter than that.")
    if any(row.sequence != place for place, row in enumerate(rows)):
        raise IntegrityError("An entry of the audit log is missing.")
    return [row.leaf for row in rows]


def last_checkpoint(session: Session) -> SignedCheckpoint | None:
    """Return the newest checkpoint that was signed."""
    row = session.scalars(select(AuditCheckpoint).order_by(AuditCheckpoint.size.desc()).limit(1)).first()
    return None if row is None else SignedCheckpoint.model_validate_json(row.document)


def checkpoint(session: Session, keys: UnitKeys, unit: str) -> SignedCheckpoint:
    """Return a checkpoint of the log as it is, signing a new one if it has grown.

    Raises:
        IntegrityError: The log does not continue the last checkpoint: it was edited or cut.
    """
    hashes = leaves(session)
    last = last_checkpoint(session)
    if last is not None:
        verify_checkpoint(last, hashes, keys.signing_public)
        if last.checkpoint.size == len(hashes):
            return last
    made = Checkpoint.model_validate(
        {"unit": unit, "size": len(hashes), "root": merkle.root(hashes).hex(), "at": datetime.now(UTC)}
    )
    signed = SignedCheckpoint(checkpoint=made, signature=sign(CHECKPOINT_CONTEXT, made, keys.signing))
    session.add(AuditCheckpoint(size=made.size, root=made.root, at=made.at, document=canonical_json(signed).decode()))
    return signed


def consistency(session: Session, old_size: int, new_size: int) -> list[str]:
    """Return the proof (hexadecimal) that the log of `new_size` continues that of `old_size`.

    Raises:
        InputError: The sizes are not 0 < old <= new <= the log's.
    """
    if not 0 < old_size <= new_size:
        raise InputError("The sizes must be 0 < from <= to.")
    return [node.hex() for node in merkle.consistency_proof(leaves(session, new_size), old_size)]


def inclusion(session: Session, sequence: int, size: int) -> list[str]:
    """Return the proof (hexadecimal) that an entry is part of the log of `size`.

    Raises:
        InputError: There is no such entry in it.
    """
    if not 0 <= sequence < size:
        raise InputError("There is no such entry in a log of this size.")
    return [node.hex() for node in merkle.inclusion_proof(leaves(session, size), sequence)]


def cosign(session: Session, agreement: Agreement, party: str, given: SignedCheckpoint, signature: str) -> None:
    """Keep a party's cosignature on a checkpoint of ours.

    Raises:
        ConflictError: The checkpoint is none of ours: somebody shows the party another log.
        SignatureError: The party did not sign it.
    """
    row = session.get(AuditCheckpoint, given.checkpoint.size)
    if row is None or SignedCheckpoint.model_validate_json(row.document) != given:
        raise ConflictError(
            "This checkpoint is not one of this unit's.",
            advice="Keep it as evidence and tell the privacy officer: two logs may be in circulation.",
        )
    verify(COSIGNATURE_CONTEXT, given.checkpoint, signature, agreement.party(party).signing_key)
    key = (given.checkpoint.size, agreement.id, party)
    if session.get(AuditCosignature, key) is None:
        session.add(
            AuditCosignature(size=key[0], agreement_id=key[1], party=party, signature=signature, at=datetime.now(UTC))
        )
        append(session, Action.CHECKPOINT_COSIGN, actor=f"party:{party}", agreement_id=agreement.id, obj=str(key[0]))


def verify_log(session: Session, keys: UnitKeys) -> int:
    """Verify the unit's own log from its documents up and return its size.

    Raises:
        IntegrityError: It was edited, cut or reordered.
    """
    hashes: list[bytes] = []
    for row in session.scalars(select(AuditEntry).order_by(AuditEntry.sequence)).yield_per(1000):
        entry = parse_entry(row.document, len(hashes))
        hashes.append(merkle.leaf_hash(row.document.encode()))
        if (row.sequence, row.leaf, row.action, row.agreement_id) != (
            entry["sequence"],
            hashes[-1],
            entry["action"],
            entry["agreement_id"],
        ):
            raise IntegrityError("An entry of the audit log was altered.", where={"entry": row.sequence})
    for signed in session.scalars(select(AuditCheckpoint.document)).all():
        verify_checkpoint(SignedCheckpoint.model_validate_json(signed), hashes, keys.signing_public)
    return len(hashes)
