"""Drive the key ceremony: send what is due, take in what came, keep the state in the key store in between."""

from __future__ import annotations

from dataclasses import dataclass

from connectors.client import UnitClient
from connectors.relay import fetch, post
from contract.agreement import Agreement
from pseudonymisation.keys.ceremony import Ceremony, CeremonyOrderError
from pseudonymisation.keys.store import KeyStore, MissingEpochKeyError

_KINDS = ("commitment", "share", "confirmation")


@dataclass(frozen=True)
class CeremonyProgress:
    """Where the ceremony stands: its phase, and the institutions whose part is missing."""

    phase: str
    waiting_for: tuple[str, ...]

    @property
    def complete(self) -> bool:
        """Whether the epoch key is in the key store."""
        return self.phase == "complete"


def step(agreement: Agreement, store: KeyStore, client: UnitClient) -> CeremonyProgress:
    """Do everything that can be done now, and say what is missing. Repeating it resumes.

    Raises:
        CeremonyError: A message is false; the ceremony stops.
        SignatureError: A message is not signed by its sender.
        UnitUnreachableError: The relay does not answer.
    """
    if has_epoch_key(agreement, store):
        return CeremonyProgress("complete", ())
    kept = store.ceremony(agreement.id, agreement.epoch)
    keys = store.signing_key, store.sealing_key
    ceremony = Ceremony.resume(agreement, kept, *keys) if kept else Ceremony.begin(agreement, store.party, *keys)
    sent: set[str] = set()
    _send(agreement, store, client, ceremony, sent)
    while True:
        before = ceremony.phase
        for kind in _KINDS:
            for message in fetch(client, agreement.id, kind):
                if message.message.sender == store.party:
                    continue
                try:
                    ceremony.receive(message)
                except CeremonyOrderError:
                    continue  # what it builds on is still on its way; the relay hands it out again
        _send(agreement, store, client, ceremony, sent)
        if ceremony.phase == "complete":
            store.put_epoch_key(agreement.id, agreement.epoch, ceremony.epoch_key())
            return CeremonyProgress("complete", ())
        if ceremony.phase == before:
            return CeremonyProgress(ceremony.phase, ceremony.waiting_for())


def has_epoch_key(agreement: Agreement, store: KeyStore) -> bool:
    """Return whether the key store holds the agreement's epoch key."""
    try:
        store.epoch_key(agreement.id, agreement.epoch)
    except MissingEpochKeyError:
        return False
    return True


def _send(agreement: Agreement, store: KeyStore, client: UnitClient, ceremony: Ceremony, sent: set[str]) -> None:
    """Send what is due and was not sent in this step; each step begins with everything, after a stop too."""
    due = ceremony.outgoing()
    # kept before it is sent: after a stop the very same messages go out again
    if store.ceremony(agreement.id, agreement.epoch) != ceremony.state():
        store.put_ceremony(agreement.id, agreement.epoch, ceremony.state())
    post(client, agreement.id, [message for message in due if message.signature not in sent])
    sent.update(message.signature for message in due)
