"""Passwords as Argon2id hashes in PHC form.

Parameters are the second recommended option of RFC 9106, section 4: 64 MiB, 3 passes, 4 lanes. A few
hashes at a time, so that many sign-ins at once do not take the machine's memory.
"""

from __future__ import annotations

import secrets
import threading
import unicodedata
from functools import lru_cache

from cryptography.exceptions import InvalidKey
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from contract.errors import InputError

MIN_CHARACTERS = 12  # NIST SP 800-63B asks for 8 at least, 15 where nothing else protects the account
MAX_CHARACTERS = 256
_MEMORY_KIB, _ITERATIONS, _LANES = 64 * 1024, 3, 4
_at_once = threading.BoundedSemaphore(2)


class PasswordError(InputError):
    """A new password is too short, too long, or names the account."""

    code = "account.password"
    default_advice = f"Choose {MIN_CHARACTERS} characters or more: some words that do not belong together."


def check_password(name: str, password: str) -> None:
    """Refuse a new password that is easily guessed.

    Raises:
        PasswordError: It is too short, too long, holds the account's name, or repeats a few characters.
    """
    if not MIN_CHARACTERS <= len(password) <= MAX_CHARACTERS:
        raise PasswordError(f"A password has {MIN_CHARACTERS} to {MAX_CHARACTERS} characters.")
    if name in password.lower() or len(set(password)) < MIN_CHARACTERS // 2:
        raise PasswordError("The password is too easily guessed.")


def hash_password(password: str) -> str:
    """Return a password's PHC string, with a fresh salt."""
    kdf = Argon2id(
        salt=secrets.token_bytes(16), length=32, iterations=_ITERATIONS, lanes=_LANES, memory_cost=_MEMORY_KIB
    )
    with _at_once:
        return kdf.derive_phc_encoded(_bytes(password))


def is_password(password: str, phc: str | None) -> bool:
    """Return whether a password is the one of a PHC string; without one, False after the same work."""
    if len(password) > MAX_CHARACTERS:
        return False
    try:
        with _at_once:
            Argon2id.verify_phc_encoded(_bytes(password), phc or _nobody())
    except InvalidKey:
        return False
    return phc is not None


def _bytes(password: str) -> bytes:
    return unicodedata.normalize("NFC", password).encode()  # keyboards differ in how they compose letters


@lru_cache(maxsize=1)
def _nobody() -> str:
    kdf = Argon2id(
        salt=secrets.token_bytes(16), length=32, iterations=_ITERATIONS, lanes=_LANES, memory_cost=_MEMORY_KIB
    )
    return kdf.derive_phc_encoded(secrets.token_bytes(16))
