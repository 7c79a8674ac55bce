"""The exchange of crowded key values among key holders, through the linkage unit that cannot read them."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable

import numpy as np
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from contract.agreement import Agreement
from contract.errors import SubmissionError
from contract.relay import RELAY_CONTEXT, RelayMessage, SignedRelayMessage
from contract.signing import decode_bytes, encode_bytes, sign, verify
from pseudonymisation.blocking.caps import CrowdedKeys
from pseudonymisation.keys.tree import derive

_NONCE_BYTES = 12


class CrowdedKeysError(SubmissionError):
    """A list of crowded key values is missing, false, doubled, or of another agreement, epoch or vintage."""

    code = "crowded_keys.refused"
    default_advice = "Ask the register's holder to send its list of this vintage again, then encode."


def topic(register: str, vintage: str) -> str:
    """Return the relay topic of a register's list for a vintage."""
    return f"{register}/{vintage}"


def _key(epoch_key: bytes, vintage: str) -> bytes:
    return derive(epoch_key, "crowded_keys", vintage)


def _binding(agreement: Agreement, register: str, vintage: str, sender: str) -> bytes:
    return f"wasl/crowded/v1|{agreement.id}|{agreement.epoch}|{sender}|{register}|{vintage}".encode()


def _pack(crowded: CrowdedKeys) -> bytes:
    sizes = [[name, len(crowded.tokens[name])] for name in sorted(crowded.tokens)]
    header = json.dumps({"persons": crowded.persons, "passes": sizes}, sort_keys=True).encode()
    arrays = b"".join(crowded.tokens[name].astype("<u8").tobytes() for name in sorted(crowded.tokens))
    return len(header).to_bytes(4, "big") + header + arrays


def _unpack(content: bytes) -> CrowdedKeys:
    length = int.from_bytes(content[:4], "big")
    header = json.loads(content[4 : 4 + length])
    arrays = np.frombuffer(content[4 + length :], dtype="<u8").astype(np.uint64)
    ends = np.cumsum([size for _, size in header["passes"]], dtype=np.int64)
    if (ends[-1] if len(ends) else 0) != len(arrays):
        raise ValueError("sizes")
    parts = np.split(arrays, ends[:-1]) if len(ends) else []
    named = {name: np.unique(part) for (name, _), part in zip(header["passes"], parts, strict=True)}
    return CrowdedKeys(named, int(header["persons"]))


def crowded_message(
    crowded: CrowdedKeys,
    agreement: Agreement,
    register: str,
    vintage: str,
    *,
    epoch_key: bytes,
    signing: Ed25519PrivateKey,
) -> SignedRelayMessage:
    """Seal a register's list under a key of K and sign it, for all institutions.

    Raises:
        AgreementError: The register is not part of the agreement.
    """
    sender = agreement.register(register).holder
    nonce = os.urandom(_NONCE_BYTES)
    binding = _binding(agreement, register, vintage, sender)
    sealed = AESGCM(_key(epoch_key, vintage)).encrypt(nonce, _pack(crowded), binding)
    message = RelayMessage(
        agreement_id=agreement.id,
        epoch=agreement.epoch,
        kind="crowded_keys",
        topic=topic(register, vintage),
        sender=sender,
        recipient="*",
        body=encode_bytes(nonce + sealed),
    )
    return SignedRelayMessage(message=message, signature=sign(RELAY_CONTEXT, message, signing))


def merge_crowded(
    messages: Iterable[SignedRelayMessage], agreement: Agreement, vintage: str, *, epoch_key: bytes
) -> CrowdedKeys:
    """Verify and open the lists of all registers and return their union.

    Lists of other vintages are passed over.

    Raises:
        SignatureError: A list is not signed by its register's holder.
        CrowdedKeysError: A register's list is missing, given twice with different contents, of another agreement
            or epoch, or does not open.
    """
    wanted = {topic(register.name, vintage): register for register in agreement.registers}
    bodies: dict[str, str] = {}
    merged = CrowdedKeys()
    for signed in messages:
        message = signed.message
        terms = wanted.get(message.topic)
        if message.kind != "crowded_keys" or terms is None:
            continue
        where = {"register": terms.name}
        if (message.agreement_id, message.epoch, message.sender) != (agreement.id, agreement.epoch, terms.holder):
            raise CrowdedKeysError("A list of crowded keys belongs to another agreement or sender.", where=where)
        verify(RELAY_CONTEXT, message, signed.signature, agreement.party(terms.holder).signing_key)
        if bodies.setdefault(message.topic, message.body) != message.body:
            raise CrowdedKeysError("A register gave two different lists of crowded keys.", where=where)
        raw = decode_bytes(message.body)
        binding = _binding(agreement, terms.name, vintage, terms.holder)
        try:
            plain = AESGCM(_key(epoch_key, vintage)).decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], binding)
            merged = merged.union(_unpack(plain))
        except (InvalidTag, ValueError, KeyError, TypeError) as error:
            raise CrowdedKeysError("A list of crowded keys does not open.", where=where) from error
    missing = [terms.name for name, terms in sorted(wanted.items()) if name not in bodies]
    if missing:
        raise CrowdedKeysError(f"The lists of crowded keys of {', '.join(missing)} are missing.")
    return merged
