"""Messages to and from the other institutions, through the linkage unit that cannot read them."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import ValidationError

from connectors.client import UnitClient
from connectors.errors import UnitRefusedError
from contract.relay import SignedRelayMessage


def post(client: UnitClient, agreement_id: str, messages: Sequence[SignedRelayMessage]) -> None:
    """Leave messages; the same message again is harmless. Raises as `UnitClient.request`."""
    for message in messages:
        client.post(f"/api/v1/agreements/{agreement_id}/relay", message.model_dump_json())


def fetch(client: UnitClient, agreement_id: str, kind: str, topic: str | None = None) -> list[SignedRelayMessage]:
    """Return all messages of a kind that are for this institution or for all.

    Raises:
        UnitRefusedError: The answer is not what the interface says.
    """
    found: list[SignedRelayMessage] = []
    after = 0
    while True:
        params = {"kind": kind, "after": str(after)} | ({"topic": topic} if topic is not None else {})
        answer = client.get(f"/api/v1/agreements/{agreement_id}/relay", params)
        try:
            found += [SignedRelayMessage.model_validate(one) for one in answer["messages"]]
            following = answer["next"]
        except (ValidationError, KeyError, TypeError):
            raise UnitRefusedError("The relay's answer is not readable.", where={"unit": client.base_url}) from None
        if following is None:
            return found
        if int(following) <= after:
            raise UnitRefusedError("The relay's pages go backwards.", where={"unit": client.base_url})
        after = int(following)
