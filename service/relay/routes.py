"""HTTP interface of the relay, at the linkage unit only."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel

from contract.relay import RelayKind, SignedRelayMessage
from service.agreements.service import live_agreement
from service.relay.service import post_message, read_messages
from service.requests import SignedCaller, UnitOf

router = APIRouter(prefix="/api/v1/agreements/{agreement_id}/relay", tags=["relay"])


class Posted(BaseModel):
    """The number under which a message is kept."""

    number: int


class Messages(BaseModel):
    """Messages in the order they came; `next` goes into `after` to read on, null at the end."""

    messages: list[SignedRelayMessage]
    next: int | None


@router.post("")
def post(agreement_id: str, signed: SignedRelayMessage, unit: UnitOf, caller: SignedCaller) -> Posted:
    """Leave a message for one institution or all."""
    caller.require_agreement(agreement_id)
    caller.require("institution")
    with unit.database.write() as session:
        agreement = live_agreement(session, agreement_id)
        return Posted(number=post_message(session, agreement, caller.party.name, signed))


@router.get("")
def read(
    agreement_id: str,
    unit: UnitOf,
    caller: SignedCaller,
    kind: RelayKind | None = None,
    topic: Annotated[str | None, Query(max_length=128)] = None,
    after: Annotated[int, Query(ge=0, le=2**31 - 1)] = 0,
) -> Messages:
    """Give the messages to the calling institution or to all."""
    caller.require_agreement(agreement_id)
    caller.require("institution")
    with unit.database.read() as session:
        messages, following = read_messages(
            session, agreement_id, caller.party.name, kind=kind, topic=topic, after=after
        )
    return Messages(messages=messages, next=following)
