"""The key store: one encrypted file with all private keys of a party.

Institutions keep epoch keys and ceremonies in it; the privacy officer and the units keep only their own two keys.
The file's encryption is `contract.keyfile`'s (Argon2id, AES-256-GCM, mode 0600, atomic replacement). The passphrase
comes from the caller as bytes, never from a command-line argument or an environment variable.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from pydantic import Field, ValidationError

from contract.agreement import Frozen
from contract.errors import ConflictError, KeyCustodyError
from contract.keyfile import KeyFileError, read_encrypted, write_encrypted
from contract.sealing import sealing_public_text
from contract.signing import decode_bytes, encode_bytes, public_text
from pseudonymisation.keys.tree import KEY_BYTES, WeakKeyError, derive

_Text = Annotated[str, Field(repr=False)]


class _Contents(Frozen):
    """What the file holds once opened."""

    format: str = "wasl-keystore/1"
    party: str
    signing_key: _Text
    sealing_key: _Text
    local_key: _Text
    epoch_keys: dict[str, str] = Field(default_factory=dict, repr=False)
    ceremonies: dict[str, str] = Field(default_factory=dict, repr=False)


class MissingEpochKeyError(KeyCustodyError):
    """The ceremony of this agreement and epoch is not complete, so there is no key to encode with."""

    code = "key.missing"


def _slot(agreement_id: str, epoch: int) -> str:
    return f"{agreement_id}/{epoch}"


@dataclass
class KeyStore:
    """An opened key store. Every change is written at once; the passphrase stays in this process only."""

    path: Path
    _passphrase: bytes = field(repr=False)
    _contents: _Contents = field(repr=False)

    @classmethod
    def create(cls, path: Path, party: str, passphrase: bytes) -> KeyStore:
        """Make a store with fresh signing, sealing and local keys.

        Raises:
            ConflictError: There is a store at `path` already; keys are never overwritten.
            KeyFileError: The passphrase is too short.
            StorageError: The file cannot be written.
        """
        if path.exists():
            raise ConflictError("There is a key store here already.", advice="Open it, or choose another folder.")
        contents = _Contents(
            party=party,
            signing_key=encode_bytes(Ed25519PrivateKey.generate().private_bytes_raw()),
            sealing_key=encode_bytes(X25519PrivateKey.generate().private_bytes_raw()),
            local_key=encode_bytes(os.urandom(KEY_BYTES)),
        )
        store = cls(path, passphrase, contents)
        store._write(contents)
        return store

    @classmethod
    def open(cls, path: Path, passphrase: bytes) -> KeyStore:
        """Open a store.

        Raises:
            KeyFileError: No file, a damaged one, or another passphrase.
        """
        try:
            contents = _Contents.model_validate_json(read_encrypted(path, passphrase))
        except ValidationError:
            # `from None`: the cause would quote the file's contents, which are keys
            raise KeyFileError("The key store holds something else.", where={"file": path.name}) from None
        return cls(path, passphrase, contents)

    @property
    def party(self) -> str:
        """Name of the party whose keys these are."""
        return self._contents.party

    @property
    def signing_key(self) -> Ed25519PrivateKey:
        """The party's signing key."""
        return Ed25519PrivateKey.from_private_bytes(decode_bytes(self._contents.signing_key))

    @property
    def sealing_key(self) -> X25519PrivateKey:
        """The party's sealing (HPKE) key."""
        return X25519PrivateKey.from_private_bytes(decode_bytes(self._contents.sealing_key))

    @property
    def public_keys(self) -> tuple[str, str]:
        """Public signing and sealing key in text form, as an agreement lists them."""
        return public_text(self.signing_key), sealing_public_text(self.sealing_key)

    def local_key(self, purpose: str) -> bytes:
        """Return a 32-byte key for data that never leave this party, such as its local state."""
        return derive(decode_bytes(self._contents.local_key), "local", purpose)

    def epoch_key(self, agreement_id: str, epoch: int) -> bytes:
        """Return K of an agreement and epoch.

        Raises:
            MissingEpochKeyError: The ceremony is not complete here.
        """
        held = self._contents.epoch_keys.get(_slot(agreement_id, epoch))
        if held is None:
            raise MissingEpochKeyError("There is no key of this agreement and epoch in the key store.")
        return decode_bytes(held)

    def put_epoch_key(self, agreement_id: str, epoch: int, key: bytes) -> None:
        """Keep K and forget the ceremony that made it: its shares are of no more use.

        Raises:
            WeakKeyError: The key is shorter than 32 bytes.
            ConflictError: Another key of this epoch is here already.
        """
        if len(key) < KEY_BYTES:
            raise WeakKeyError(f"An epoch key has at least {KEY_BYTES} bytes.")
        slot = _slot(agreement_id, epoch)
        if self._contents.epoch_keys.get(slot, encode_bytes(key)) != encode_bytes(key):
            raise ConflictError("Another key of this agreement and epoch is in the store.")
        ceremonies = {name: state for name, state in self._contents.ceremonies.items() if name != slot}
        keys = {**self._contents.epoch_keys, slot: encode_bytes(key)}
        self._write(self._contents.model_copy(update={"epoch_keys": keys, "ceremonies": ceremonies}))

    def forget_epoch_key(self, agreement_id: str, epoch: int) -> None:
        """Delete K and any ceremony of an agreement and epoch, as at the end of retention."""
        slot = _slot(agreement_id, epoch)
        self._write(
            self._contents.model_copy(
                update={
                    name: {key: value for key, value in getattr(self._contents, name).items() if key != slot}
                    for name in ("epoch_keys", "ceremonies")
                }
            )
        )

    def ceremony(self, agreement_id: str, epoch: int) -> str | None:
        """Return the kept state of a ceremony, if there is one."""
        return self._contents.ceremonies.get(_slot(agreement_id, epoch))

    def put_ceremony(self, agreement_id: str, epoch: int, state: str) -> None:
        """Keep the state of a ceremony, so that it resumes after a stop."""
        ceremonies = {**self._contents.ceremonies, _slot(agreement_id, epoch): state}
        self._write(self._contents.model_copy(update={"ceremonies": ceremonies}))

    def change_passphrase(self, passphrase: bytes) -> None:
        """Encrypt the store under another passphrase."""
        write_encrypted(self.path, self._contents.model_dump_json().encode(), passphrase)
        self._passphrase = passphrase

    def _write(self, contents: _Contents) -> None:
        write_encrypted(self.path, contents.model_dump_json().encode(), self._passphrase)
        self._contents = contents
