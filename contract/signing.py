"""Ed25519 signatures (RFC 8032) over domain-separated documents.

A signature always covers a *context* (what kind of document this is) and the document's canonical
digest, so that a signature given for one purpose can never serve another.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from pydantic import BaseModel

from contract.canonical import document_id
from contract.errors import SignatureError


def encode_bytes(raw: bytes) -> str:
    """Return bytes as unpadded URL-safe base64, the text form of keys and signatures."""
    return base64.urlsafe_b64encode(raw).decode("ascii").rstrip("=")


def decode_bytes(text: str) -> bytes:
    """Return the bytes behind `encode_bytes`.

    Raises:
        SignatureError: The text is not base64.
    """
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (ValueError, binascii.Error) as error:
        raise SignatureError("A key or signature is not valid base64.") from error


def public_text(key: Ed25519PrivateKey) -> str:
    """Return the public half of a signing key in its text form (32 bytes, base64)."""
    return encode_bytes(key.public_key().public_bytes_raw())


def fingerprint(public_key: str) -> str:
    """Return a fingerprint people can compare by telephone: 8 groups of 4 hexadecimal digits."""
    hexadecimal = hashlib.sha256(decode_bytes(public_key)).hexdigest()[:32]
    return " ".join(hexadecimal[start : start + 4] for start in range(0, 32, 4))


def _message(context: str, document: BaseModel | dict[str, Any]) -> bytes:
    return b"wasl/" + context.encode("ascii") + b"\x00" + document_id(document).encode("ascii")


def sign(context: str, document: BaseModel | dict[str, Any], key: Ed25519PrivateKey) -> str:
    """Sign a document for one purpose.

    Args:
        context: The purpose, such as ``agreement/v1``.
        document: What is signed, by its canonical digest.
        key: The signer's Ed25519 key.
    """
    return encode_bytes(key.sign(_message(context, document)))


def verify(context: str, document: BaseModel | dict[str, Any], signature: str, public_key: str) -> None:
    """Check a signature made by `sign`.

    Raises:
        SignatureError: It does not verify under this public key for this purpose and document.
    """
    try:
        key = Ed25519PublicKey.from_public_bytes(decode_bytes(public_key))
        key.verify(decode_bytes(signature), _message(context, document))
    except (InvalidSignature, ValueError) as error:
        raise SignatureError(f"The signature on this {context.split('/', maxsplit=1)[0]} does not verify.") from error
