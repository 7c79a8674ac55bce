"""The relay: checks who signed a message for whom, keeps it, hands it out; it cannot read what is sealed."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from contract.agreement import Agreement
from contract.canonical import canonical_json, digest
from contract.errors import ConflictError, ForbiddenError, InputError
from contract.relay import RELAY_CONTEXT, SignedRelayMessage
from contract.signing import verify
from service.audit.actions import Action
from service.audit.log import append
from service.relay.models import RelayRow

EVERYBODY = "*"
_MAX_TOPIC = 128
_PAGE_CHARACTERS = 32 * 1024 * 1024  # an answer ends after the message that passes this
_PAGE_ROWS = 200


def post_message(session: Session, agreement: Agreement, sender: str, signed: SignedRelayMessage) -> int:
    """Keep a message and return its number; the same message again is harmless.

    Args:
        session: A writing transaction.
        agreement: The live agreement.
        sender: The party that sent the request.
        signed: The message.

    Raises:
        InputError: It is of another agreement or epoch, or has no proper recipient.
        ForbiddenError: The sender is somebody else.
        SignatureError: The sender did not sign it.
        ConflictError: Another message stands in its place.
    """
    message = signed.message
    institutions = {party.name for party in agreement.with_role("institution")}
    if message.agreement_id != agreement.id or message.epoch != agreement.epoch:
        raise InputError("The message belongs to another agreement or key epoch.")
    if message.sender != sender or sender not in institutions:
        raise ForbiddenError("An institution sends its own messages only.")
    if message.recipient not in institutions and (message.recipient != EVERYBODY or message.kind == "share"):
        raise InputError("The message has no proper recipient.", advice="A share goes to one institution.")
    if len(message.topic) > _MAX_TOPIC:
        raise InputError("The message's topic is too long.")
    verify(RELAY_CONTEXT, message, signed.signature, agreement.party(sender).signing_key)
    content = digest(canonical_json(message))
    place = select(RelayRow.id, RelayRow.digest).where(
        RelayRow.agreement_id == agreement.id,
        RelayRow.kind == message.kind,
        RelayRow.topic == message.topic,
        RelayRow.sender == sender,
        RelayRow.recipient == message.recipient,
    )
    if (known := session.execute(place).first()) is not None:
        if known.digest != content:
            raise ConflictError(
                "Another message of this kind, topic and recipient was sent before.",
                advice="A ceremony is never repeated under one agreement: conclude a successor with a new epoch.",
            )
        return int(known.id)
    document = signed.model_dump_json()
    row = RelayRow(
        agreement_id=agreement.id,
        kind=message.kind,
        topic=message.topic,
        sender=sender,
        recipient=message.recipient,
        digest=content,
        size=len(document),
        document=document,
        at=datetime.now(UTC),
    )
    session.add(row)
    session.flush()
    append(
        session,
        Action.RELAY_POST,
        actor=f"institution:{sender}",
        agreement_id=agreement.id,
        obj=content,
        details={"kind": message.kind, "recipient": message.recipient, "characters": len(message.body)},
    )
    return row.id


def read_messages(
    session: Session, agreement_id: str, reader: str, *, kind: str | None, topic: str | None, after: int
) -> tuple[list[SignedRelayMessage], int | None]:
    """Return messages to `reader` or to all, in the order they came, and the number to go on after.

    The number is None when nothing is left.
    """
    query = select(RelayRow.id, RelayRow.size).where(
        RelayRow.agreement_id == agreement_id,
        or_(RelayRow.recipient == reader, RelayRow.recipient == EVERYBODY),
        RelayRow.id > after,
    )
    if kind is not None:
        query = query.where(RelayRow.kind == kind)
    if topic is not None:
        query = query.where(RelayRow.topic == topic)
    rows = session.execute(query.order_by(RelayRow.id).limit(_PAGE_ROWS + 1)).all()
    page: list[int] = []
    total = 0
    for row in rows[:_PAGE_ROWS]:
        page.append(row.id)
        total += row.size
        if total > _PAGE_CHARACTERS:
            break
    documents = session.scalars(select(RelayRow.document).where(RelayRow.id.in_(page)).order_by(RelayRow.id)).all()
    messages = [SignedRelayMessage.model_validate_json(document) for document in documents]
    return messages, page[-1] if len(page) < len(rows) else None
