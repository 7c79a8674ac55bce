"""Signed HTTP requests between parties (RFC 9421, Ed25519, RFC 9530 digests).

Covered: method, authority, path, query and the body's SHA-256. A request is valid for 300 seconds
and once: the receiver stores each nonce until it expires. The key id is
``<agreement id>:<party>``, so that the receiver knows under which agreement somebody speaks.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from http_message_signatures import (
    HTTPMessageSigner,
    HTTPMessageVerifier,
    HTTPSignatureKeyResolver,
    algorithms,
)
from http_message_signatures.exceptions import HTTPMessageSignaturesException

from contract.errors import SignatureError
from contract.signing import decode_bytes

TAG = "wasl"
MAX_AGE_SECONDS = 300
COVERED = ("@method", "@authority", "@path", "@query")


@dataclass(frozen=True)
class Caller:
    """Who signed a request: their key id's two halves, the nonce, and when."""

    agreement_id: str
    party: str
    nonce: str
    created: datetime


@dataclass
class _Message:
    method: str
    url: str
    headers: dict[str, str]


class _Resolver(HTTPSignatureKeyResolver):
    def __init__(self, private: Ed25519PrivateKey | None, public: Callable[[str], str | None] | None) -> None:
        self._private, self._public = private, public

    def resolve_public_key(self, key_id: str) -> Ed25519PublicKey | None:
        text = self._public(key_id) if self._public else None
        return Ed25519PublicKey.from_public_bytes(decode_bytes(text)) if text else None

    def resolve_private_key(self, key_id: str) -> Ed25519PrivateKey:
        assert self._private is not None
        return self._private


def key_id(agreement_id: str, party: str) -> str:
    """Return the key id under which a party signs its requests."""
    return f"{agreement_id}:{party}"


def sign_request(
    method: str, url: str, body: bytes, *, key: Ed25519PrivateKey, keyid: str, created: datetime | None = None
) -> dict[str, str]:
    """Return the headers (content-digest, signature-input, signature) to send with a request.

    Args:
        method: Upper-case method.
        url: Absolute URL as it will be sent.
        body: The exact bytes of the body (empty for none).
        key: The caller's Ed25519 key.
        keyid: From `key_id`.
        created: For tests; now by default.
    """
    message = _Message(method, url, {})
    signer = HTTPMessageSigner(signature_algorithm=algorithms.ED25519, key_resolver=_Resolver(key, None))
    signer.sign(
        message,
        key_id=keyid,
        created=created or datetime.now(UTC),
        nonce=secrets.token_urlsafe(18),
        label=TAG,
        tag=TAG,
        covered_component_ids=COVERED,
        body=body,
    )
    return message.headers


def verify_request(
    method: str,
    url: str,
    headers: Iterable[tuple[str, str]],
    body: bytes,
    public_key: Callable[[str, str], str | None],
) -> Caller:
    """Check a signed request and say who sent it. The caller must still refuse a nonce seen before.

    Args:
        method: As received.
        url: Absolute URL as the sender saw it.
        headers: All header lines.
        body: The body's bytes.
        public_key: Gives the public signing key of (agreement id, party), or None.

    Raises:
        SignatureError: Unsigned, expired, altered, or signed by somebody unknown.
    """

    def resolve(keyid: str) -> str | None:
        agreement_id, _, party = keyid.partition(":")
        return public_key(agreement_id, party)

    verifier = HTTPMessageVerifier(signature_algorithm=algorithms.ED25519, key_resolver=_Resolver(None, resolve))
    message = _Message(method, url, dict(headers))
    try:
        result = verifier.verify(
            message,
            max_age=timedelta(seconds=MAX_AGE_SECONDS),
            expect_tag=TAG,
            require_components=COVERED,
            body=body,
        )[0]
        parameters = result.parameters
        agreement_id, _, party = str(parameters["keyid"]).partition(":")
        return Caller(
            agreement_id,
            party,
            str(parameters["nonce"]),
            datetime.fromtimestamp(int(parameters["created"]), UTC),
        )
    except (HTTPMessageSignaturesException, KeyError, ValueError) as error:
        raise SignatureError(
            "The request's signature is missing, expired or does not verify.",
            advice="Sign it with the key in the agreement and check this machine's clock.",
        ) from error
