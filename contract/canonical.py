"""Canonical JSON (RFC 8785) and SHA-256: the name of every document the parties sign."""

from __future__ import annotations

import hashlib
from typing import Any

import rfc8785
from pydantic import BaseModel

from contract.errors import InputError


def canonical_json(document: BaseModel | dict[str, Any] | list[Any]) -> bytes:
    """Return the one byte form of a document (RFC 8785, JSON Canonicalization Scheme).

    Raises:
        InputError: The document holds something JSON has no canonical form for.
    """
    plain = document.model_dump(mode="json") if isinstance(document, BaseModel) else document
    try:
        return rfc8785.dumps(plain)
    except rfc8785.CanonicalizationError as error:
        raise InputError("The document has no canonical JSON form.") from error


def digest(content: bytes) -> str:
    """Return the SHA-256 of bytes as 64 lower-case hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


def document_id(document: BaseModel | dict[str, Any]) -> str:
    """Return the identifier of a document: the SHA-256 of its canonical JSON."""
    return digest(canonical_json(document))
