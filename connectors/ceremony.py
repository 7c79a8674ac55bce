"""Drive the key ceremony: send what is due, take in what came, keep the state in the key store in between.

Killed between any two messages, the next `step` goes on: the state is in the key store before a message leaves, and
the very same messages leave again. A share that is lost with its key store cannot be made again: the ceremony is then
restarted under a successor agreement with a new epoch (`LostShareError`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from connectors.client import UnitClient
from connectors.errors import UnitRefusedError
from connectors.relay import fetch, post
from contract.agreement import Agreement
from contract.errors import SignatureError
from contract.relay import RELAY_CONTEXT, SignedRelayMessage
from contract.signing import encode_bytes, verify
from pseudonymisation.keys.ceremony import Ceremony, CeremonyError, CeremonyOrderError
from pseudonymisation.keys.store import KeyStore

_KINDS = ("commitment", "share", "confirmation")
_CONFLICT = 409


class LostShareError(CeremonyError):
    """This institution took part in the ceremony before, and its key store no longer holds its share."""

    code = "ceremony.lost"
    default_advice = (
        "Restore the key store from its backup and run the ceremony again. Without a backup, conclude a successor "
        "agreement with a new epoch: `wasl agreement succeed`."
    )


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

    Another process of this institution that steps at the same time waits until this one is done.

    Raises:
        CeremonyError: A message is false; the ceremony stops.
        LostShareError: The share that this institution committed to is not in the key store.
        KeyDestroyedError: The key that the ceremony made was destroyed.
        SignatureError: A message is not signed by its sender.
        UnitUnreachableError: The relay does not answer.
    """
    with store.exclusive():
        store.check_not_destroyed(agreement.id, agreement.epoch)
        if has_epoch_key(agreement, store):
            return CeremonyProgress("complete", ())
        return _step(agreement, store, client)


def _step(agreement: Agreement, store: KeyStore, client: UnitClient) -> CeremonyProgress:
    kept = store.ceremony(agreement.id, agreement.epoch)
    keys = store.signing_key, store.sealing_key
    ceremony = Ceremony.resume(agreement, kept, *keys) if kept else Ceremony.begin(agreement, store.party, *keys)
    _check_share(ceremony, agreement, store.party, fetch(client, agreement.id, "commitment"))
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
    return store.has_epoch_key(agreement.id, agreement.epoch)


def _check_share(ceremony: Ceremony, agreement: Agreement, me: str, commitments: Sequence[SignedRelayMessage]) -> None:
    """Refuse to go on beside an own commitment of before whose share is gone; a forged one is no reason to stop."""
    key = agreement.party(me).signing_key
    for signed in commitments:
        message = signed.message
        if (message.sender, message.agreement_id, message.epoch) != (me, agreement.id, agreement.epoch):
            continue
        try:
            verify(RELAY_CONTEXT, message, signed.signature, key)
        except SignatureError:
            continue
        if message.body != encode_bytes(bytes.fromhex(ceremony.own_commitment)):
            raise LostShareError("This institution committed to a share that its key store does not hold.")


def _send(agreement: Agreement, store: KeyStore, client: UnitClient, ceremony: Ceremony, sent: set[str]) -> None:
    """Send what is due and was not sent in this step; each step begins with everything, after a stop too."""
    due = ceremony.outgoing()
    # kept before it is sent: after a stop the very same messages go out again
    if store.ceremony(agreement.id, agreement.epoch) != ceremony.state():
        store.put_ceremony(agreement.id, agreement.epoch, ceremony.state())
    for message in due:
        if message.signature not in sent:
            _post(client, agreement.id, message)
    sent.update(message.signature for message in due)


def _post(client: UnitClient, agreement_id: str, message: SignedRelayMessage) -> None:
    """Leave one message. A share sealed before a key store was restored from a backup stands for the same share.

    Sealing is random, so that the restored store seals it anew, and the relay keeps the first. Its recipient checks
    it against the commitment, which is of the share that this store still has.
    """
    try:
        post(client, agreement_id, [message])
    except UnitRefusedError as error:
        if message.message.kind != "share" or error.where.get("status") != _CONFLICT:
            raise
