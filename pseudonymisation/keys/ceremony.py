"""The key ceremony: how institutions make one epoch key that nobody else can know and nobody can steer.

Three rounds through a blind relay, all messages signed (`contract.relay`):

1. *commitment*, to all: SHA-256 of a random share under a random opening, bound to agreement, epoch and sender. It
   keeps the last to speak from choosing a share that steers the key.
2. *share*, to each other institution, once every commitment is there: share and opening, HPKE-sealed to the
   recipient and bound to the transcript (the hash of all commitments).
3. *confirmation*, to all: a MAC under the derived key. A split view of round 1 or 2 shows here at the latest.

A pure state machine: no clock, no network, no file. Keep `Ceremony.state()` in the key store *before* sending what
`outgoing` returns; `Ceremony.resume` goes on from it and sends the very same messages again. With one institution
(evaluation of a single register) the key is there at once.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Callable, Iterable
from typing import Annotated, Literal

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from contract.agreement import Agreement
from contract.canonical import digest
from contract.errors import KeyCustodyError
from contract.relay import RELAY_CONTEXT, RelayKind, RelayMessage, SignedRelayMessage
from contract.sealing import SealError, seal, unseal
from contract.signing import decode_bytes, encode_bytes, sign, verify
from pseudonymisation.keys.tree import KEY_BYTES, derive, epoch_key

BROADCAST = "*"
_ROUNDS: tuple[RelayKind, ...] = ("commitment", "share", "confirmation")
Phase = Literal["committing", "sharing", "confirming", "complete"]


class CeremonyError(KeyCustodyError):
    """A message of the ceremony is false: the ceremony stops, and the parties ask each other why."""

    code = "ceremony.refused"
    default_advice = "Compare fingerprints with the sender over another channel, then begin a new epoch."


class CeremonyOrderError(CeremonyError):
    """A message came before what it builds on; offer it again after the missing ones."""

    code = "ceremony.early"
    default_advice = "Fetch the commitments of all institutions first, then this message again."


class EquivocationError(CeremonyError):
    """A party sent two different messages where there can be one."""

    code = "ceremony.equivocation"


class _State(BaseModel):
    model_config = ConfigDict(hide_input_in_errors=True)

    agreement_id: str
    epoch: int
    me: str
    share: Annotated[str, Field(repr=False)]
    opening: Annotated[str, Field(repr=False)]
    commitments: dict[str, str] = {}
    shares: Annotated[dict[str, str], Field(repr=False)] = {}
    confirmed: dict[str, str] = {}
    sent: list[SignedRelayMessage] = []


def commitment(agreement_id: str, epoch: int, sender: str, opening: bytes, share: bytes) -> str:
    """Return the hiding commitment to a share: 64 hexadecimal digits."""
    head = f"wasl/commitment/v1|{agreement_id}|{epoch}|{sender}|".encode()
    return digest(head + len(opening).to_bytes(2, "big") + opening + share)


def share_info(agreement_id: str, epoch: int, sender: str, recipient: str, transcript: str) -> bytes:
    """Return what a sealed share is bound to: it opens for no other sender, recipient, epoch or transcript."""
    return f"wasl/share/v1|{agreement_id}|{epoch}|{sender}|{recipient}|{transcript}".encode()


class Ceremony:
    """One institution's side of the ceremony of one agreement and epoch."""

    def __init__(
        self, agreement: Agreement, state: _State, signing: Ed25519PrivateKey, sealing: X25519PrivateKey
    ) -> None:
        self._agreement, self._state, self._signing, self._sealing = agreement, state, signing, sealing
        self.institutions = tuple(party.name for party in agreement.with_role("institution"))
        if state.me not in self.institutions:
            raise CeremonyError(f"{state.me} is not an institution of this agreement.")

    @classmethod
    def begin(
        cls,
        agreement: Agreement,
        me: str,
        signing: Ed25519PrivateKey,
        sealing: X25519PrivateKey,
        random_bytes: Callable[[int], bytes] = os.urandom,
    ) -> Ceremony:
        """Draw a share and an opening.

        Raises:
            CeremonyError: `me` is not an institution of the agreement.
        """
        share, opening = random_bytes(KEY_BYTES), random_bytes(KEY_BYTES)
        state = _State(
            agreement_id=agreement.id,
            epoch=agreement.epoch,
            me=me,
            share=encode_bytes(share),
            opening=encode_bytes(opening),
        )
        state.commitments[me] = commitment(agreement.id, agreement.epoch, me, opening, share)
        state.shares[me] = state.share
        return cls(agreement, state, signing, sealing)

    @classmethod
    def resume(
        cls, agreement: Agreement, state: str, signing: Ed25519PrivateKey, sealing: X25519PrivateKey
    ) -> Ceremony:
        """Go on from what `state` returned.

        Raises:
            CeremonyError: It is the state of another agreement or epoch, or damaged.
        """
        try:
            kept = _State.model_validate_json(state)
        except ValidationError:
            raise CeremonyError("The kept state of the ceremony is damaged.") from None
        if (kept.agreement_id, kept.epoch) != (agreement.id, agreement.epoch):
            raise CeremonyError("The kept state belongs to another agreement or epoch.")
        return cls(agreement, kept, signing, sealing)

    def state(self) -> str:
        """Return everything needed to resume. Secret: it goes into the key store and nowhere else."""
        return self._state.model_dump_json()

    @property
    def phase(self) -> Phase:
        """Where the ceremony stands, seen from here."""
        if set(self._state.commitments) != set(self.institutions):
            return "committing"
        if set(self._state.shares) != set(self.institutions):
            return "sharing"
        return "confirming" if self.waiting_for() else "complete"

    def waiting_for(self) -> tuple[str, ...]:
        """Return the institutions whose message of the present round is missing."""
        others = [name for name in self.institutions if name != self._state.me]
        for held in (self._state.commitments, self._state.shares, self._state.confirmed):
            missing = tuple(name for name in others if name not in held)
            if missing:
                return missing
        return ()

    @property
    def own_commitment(self) -> str:
        """Return the commitment to the own share: 64 hexadecimal digits."""
        return self._state.commitments[self._state.me]

    @property
    def transcript(self) -> str:
        """Return the SHA-256 of all commitments, bound to agreement and epoch.

        Raises:
            CeremonyOrderError: A commitment is missing.
        """
        if set(self._state.commitments) != set(self.institutions):
            raise CeremonyOrderError("A commitment is missing.")
        text = f"wasl/transcript/v1|{self._state.agreement_id}|{self._state.epoch}|"
        text += "|".join(f"{name}={self._state.commitments[name]}" for name in sorted(self.institutions))
        return hashlib.sha256(text.encode()).hexdigest()

    def epoch_key(self) -> bytes:
        """Return K, once every institution confirmed it.

        Raises:
            CeremonyOrderError: The ceremony is not complete.
        """
        if self.phase != "complete":
            raise CeremonyOrderError(
                f"The key ceremony waits for {', '.join(self.waiting_for())}.", advice=KeyCustodyError.default_advice
            )
        return self._key()

    def outgoing(self) -> tuple[SignedRelayMessage, ...]:
        """Return every message due so far, the earlier ones unchanged: sending one twice does no harm."""
        made = {(sent.message.kind, sent.message.recipient) for sent in self._state.sent}
        others = [name for name in self.institutions if name != self._state.me]
        due: list[tuple[RelayKind, str]] = [("commitment", BROADCAST)]
        if self.phase != "committing":
            due += [("share", name) for name in others]
        if self.phase in {"confirming", "complete"}:
            due.append(("confirmation", BROADCAST))
        self._state.sent += [self._message(*one) for one in due if one not in made]
        return tuple(self._state.sent)

    def receive_all(self, messages: Iterable[SignedRelayMessage]) -> None:
        """Take messages in any order: commitments first, then shares, then confirmations. Errors as `receive`."""
        known = [signed for signed in messages if signed.message.kind in _ROUNDS]
        for signed in sorted(known, key=lambda one: _ROUNDS.index(one.message.kind)):
            self.receive(signed)

    def receive(self, signed: SignedRelayMessage) -> None:
        """Verify one message and take it in; the same message again changes nothing.

        Raises:
            SignatureError: Its sender did not sign it.
            CeremonyError: Another agreement, epoch, recipient or transcript; an opening that is not the committed
                share; a key that is not ours.
            CeremonyOrderError: It came before what it builds on.
            EquivocationError: It contradicts an earlier message of its sender.
        """
        message = signed.message
        if message.kind not in _ROUNDS:
            raise CeremonyError("The message belongs to no key ceremony.")
        if (message.agreement_id, message.epoch) != (self._state.agreement_id, self._state.epoch):
            raise CeremonyError("The message belongs to another agreement or epoch.")
        if message.sender not in self.institutions:
            raise CeremonyError("The sender is not an institution of this agreement.")
        verify(RELAY_CONTEXT, message, signed.signature, self._agreement.party(message.sender).signing_key)
        if message.recipient != (self._state.me if message.kind == "share" else BROADCAST):
            raise CeremonyError("The message is for somebody else.")
        if message.kind != "commitment" and message.transcript != self.transcript:
            raise CeremonyError("The sender saw other commitments: the relay, or a sender, shows two faces.")
        if message.kind == "commitment":
            self._take(self._state.commitments, message.sender, _hexadecimal(message.body))
        elif message.kind == "share":
            self._take(self._state.shares, message.sender, self._opened(message))
        else:
            self._take_confirmation(message)

    def _take(self, held: dict[str, str], sender: str, value: str) -> None:
        if held.get(sender, value) != value:
            raise EquivocationError(f"{sender} sent two different messages.")
        held[sender] = value

    def _opened(self, message: RelayMessage) -> str:
        info = share_info(message.agreement_id, message.epoch, message.sender, message.recipient, message.transcript)
        try:
            plain = unseal(self._sealing, decode_bytes(message.body), info)
        except SealError as error:
            raise CeremonyError(f"The share of {message.sender} does not open.") from error
        share, opening = plain[:KEY_BYTES], plain[KEY_BYTES:]
        made = commitment(message.agreement_id, message.epoch, message.sender, opening, share)
        if len(plain) != 2 * KEY_BYTES or not hmac.compare_digest(made, self._state.commitments[message.sender]):
            raise CeremonyError(f"{message.sender} opened another share than the one committed to.")
        return encode_bytes(share)

    def _take_confirmation(self, message: RelayMessage) -> None:
        if self.phase not in {"confirming", "complete"}:
            raise CeremonyOrderError("A confirmation came before all shares.")
        if not hmac.compare_digest(decode_bytes(message.body), self._confirmation(message.sender)):
            raise CeremonyError(f"{message.sender} holds another key.")
        self._take(self._state.confirmed, message.sender, message.body)

    def _key(self) -> bytes:
        shares = {name: decode_bytes(share) for name, share in self._state.shares.items()}
        return epoch_key(shares, self._state.agreement_id, self._state.epoch)

    def _confirmation(self, sender: str) -> bytes:
        return derive(derive(self._key(), "confirmation"), "confirm", sender, self.transcript)

    def _message(self, kind: RelayKind, recipient: str) -> SignedRelayMessage:
        state = self._state
        transcript = "" if kind == "commitment" else self.transcript
        if kind == "commitment":
            body = bytes.fromhex(state.commitments[state.me])
        elif kind == "share":
            info = share_info(state.agreement_id, state.epoch, state.me, recipient, transcript)
            plain = decode_bytes(state.share) + decode_bytes(state.opening)
            body = seal(self._agreement.party(recipient).sealing_key, plain, info)
        else:
            body = self._confirmation(state.me)
        message = RelayMessage(
            agreement_id=state.agreement_id,
            epoch=state.epoch,
            kind=kind,
            sender=state.me,
            recipient=recipient,
            transcript=transcript,
            body=encode_bytes(body),
        )
        return SignedRelayMessage(message=message, signature=sign(RELAY_CONTEXT, message, self._signing))


def _hexadecimal(body: str) -> str:
    raw = decode_bytes(body)
    if len(raw) != hashlib.sha256().digest_size:
        raise CeremonyError("A commitment has 32 bytes.")
    return raw.hex()
