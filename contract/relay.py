"""Messages that institutions exchange through the linkage unit, which relays them blindly.

Two kinds: the shares of a key ceremony and the lists of crowded key values. Both are sealed, so
that the relay reads nothing, and signed over recipient, epoch and transcript, so that it can
neither swap, replay nor invent one.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from contract.agreement import Frozen, Slug

RELAY_CONTEXT = "relay/v1"
MAX_BODY_CHARACTERS = 64 * 1024 * 1024  # a list of crowded key values of a whole register

RelayKind = Literal["commitment", "share", "confirmation", "crowded_keys"]


class RelayMessage(Frozen):
    """One message. `body` is base64: clear for commitments and confirmations, sealed otherwise.

    `recipient` is a party, or ``*`` for all institutions. `topic` tells apart messages of one kind
    and sender, such as the register and vintage of a list of crowded keys.
    """

    format: Literal["wasl-relay/1"] = "wasl-relay/1"
    agreement_id: str
    epoch: int = Field(ge=1)
    kind: RelayKind
    topic: str = ""
    sender: Slug
    recipient: str
    transcript: str = ""
    body: str = Field(max_length=MAX_BODY_CHARACTERS)


class SignedRelayMessage(Frozen):
    """A relay message with its sender's Ed25519 signature under `RELAY_CONTEXT`."""

    message: RelayMessage
    signature: str
