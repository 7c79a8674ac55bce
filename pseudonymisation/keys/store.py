"""The key store: one encrypted file with all private keys of a party.

Institutions keep epoch keys and ceremonies in it; the privacy officer and the units keep only their own two keys.
The file's encryption is `contract.keyfile`'s (Argon2id, AES-256-GCM, mode 0600, atomic replacement). The passphrase
comes from the caller as bytes, never from a command-line argument or an environment variable; it is used once, to
derive the file's key, and not kept.

Connectors of one institution share a store. Every change is made on what the file holds at that moment, under a lock
that other processes wait for (`KeyStore.exclusive`).
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from pydantic import ConfigDict, Field, ValidationError

from contract.agreement import Frozen
from contract.errors import ConflictError, KeyCustodyError, StorageError
from contract.keyfile import FileKey, KeyFileError, unlock
from contract.sealing import sealing_public_text
from contract.signing import decode_bytes, encode_bytes, public_text
from pseudonymisation.keys.tree import KEY_BYTES, WeakKeyError, derive

_Text = Annotated[str, Field(repr=False)]


class _Contents(Frozen):
    """What the file holds once opened."""

    model_config = ConfigDict(hide_input_in_errors=True)

    format: str = "wasl-keystore/1"
    party: str
    signing_key: _Text
    sealing_key: _Text
    local_key: _Text
    epoch_keys: dict[str, str] = Field(default_factory=dict, repr=False)
    ceremonies: dict[str, str] = Field(default_factory=dict, repr=False)
    destroyed: dict[str, str] = Field(default_factory=dict)  # slot to the moment (ISO 8601) of destruction


class MissingEpochKeyError(KeyCustodyError):
    """The ceremony of this agreement and epoch is not complete, so there is no key to encode with."""

    code = "key.missing"


class KeyDestroyedError(KeyCustodyError):
    """The epoch key was destroyed on purpose; it never comes back."""

    code = "key.destroyed"
    default_advice = "Nothing can be encoded under this agreement any more: conclude a successor with a new epoch."


def _slot(agreement_id: str, epoch: int) -> str:
    return f"{agreement_id}/{epoch}"


@dataclass
class KeyStore:
    """An opened key store. Every change is written at once; the file's key stays in this process only."""

    path: Path
    _file_key: FileKey = field(repr=False)
    _contents: _Contents = field(repr=False)
    _held: int = field(default=0, repr=False)

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
        store = cls(path, FileKey.make(passphrase), contents)
        store._write(contents)
        return store

    @classmethod
    def open(cls, path: Path, passphrase: bytes) -> KeyStore:
        """Open a store; one written at another cost than the present is written anew.

        Raises:
            KeyFileError: No file, a damaged one, or another passphrase.
        """
        plain, key = unlock(path, passphrase)
        store = cls(path, key, _parsed(plain, path))
        if not key.current:
            store.change_passphrase(passphrase)
        return store

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Hold the store for a change of several steps: other processes wait, and what they wrote is read first.

        Raises:
            KeyFileError: The file is gone, damaged, or under another passphrase meanwhile.
            StorageError: Its folder cannot be locked.
        """
        if self._held:
            self._held += 1
            try:
                yield
            finally:
                self._held -= 1
            return
        try:
            folder = os.open(self.path.parent, os.O_RDONLY)
        except OSError as error:
            raise StorageError("The key store's folder cannot be opened.", where={"file": self.path.name}) from error
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)  # released with the descriptor, also by a kill
            self._contents = _parsed(self._file_key.read(self.path), self.path)
            self._held = 1
            yield
        finally:
            self._held = 0
            os.close(folder)

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
            KeyDestroyedError: It was destroyed.
        """
        self.check_not_destroyed(agreement_id, epoch)
        held = self._contents.epoch_keys.get(_slot(agreement_id, epoch))
        if held is None:
            raise MissingEpochKeyError("There is no key of this agreement and epoch in the key store.")
        return decode_bytes(held)

    def has_epoch_key(self, agreement_id: str, epoch: int) -> bool:
        """Return whether K of an agreement and epoch is here."""
        return _slot(agreement_id, epoch) in self._contents.epoch_keys

    def destroyed_at(self, agreement_id: str, epoch: int) -> str | None:
        """Return when K was destroyed here (ISO 8601), None if it was not."""
        return self._contents.destroyed.get(_slot(agreement_id, epoch))

    def check_not_destroyed(self, agreement_id: str, epoch: int) -> None:
        """Refuse to go on with a key that was destroyed.

        Raises:
            KeyDestroyedError: It was.
        """
        if (at := self.destroyed_at(agreement_id, epoch)) is not None:
            raise KeyDestroyedError(f"The key of this agreement and epoch was destroyed on {at[:10]}.")

    def put_epoch_key(self, agreement_id: str, epoch: int, key: bytes) -> None:
        """Keep K and forget the ceremony that made it: its shares are of no more use.

        Raises:
            WeakKeyError: The key is shorter than 32 bytes.
            ConflictError: Another key of this epoch is here already.
            KeyDestroyedError: It was destroyed before.
        """
        if len(key) < KEY_BYTES:
            raise WeakKeyError(f"An epoch key has at least {KEY_BYTES} bytes.")
        slot = _slot(agreement_id, epoch)
        with self.exclusive():
            self.check_not_destroyed(agreement_id, epoch)
            if self._contents.epoch_keys.get(slot, encode_bytes(key)) != encode_bytes(key):
                raise ConflictError("Another key of this agreement and epoch is in the store.")
            self._write(
                self._without(slot).model_copy(
                    update={"epoch_keys": {**self._contents.epoch_keys, slot: encode_bytes(key)}}
                )
            )

    def forget_epoch_key(self, agreement_id: str, epoch: int) -> None:
        """Delete K and any ceremony of an agreement and epoch, without a trace; `destroy_epoch_key` leaves one."""
        with self.exclusive():
            self._write(self._without(_slot(agreement_id, epoch)))

    def destroy_epoch_key(self, agreement_id: str, epoch: int, at: str) -> bool:
        """Delete K and any ceremony for good, overwrite the file that held them, and remember when.

        Doing it again changes nothing, the moment included.

        Args:
            agreement_id: The agreement.
            epoch: Its key epoch.
            at: ISO 8601.

        Returns:
            Whether the key, or a ceremony for it, was here.
        """
        slot = _slot(agreement_id, epoch)
        with self.exclusive():
            there = slot in self._contents.epoch_keys or slot in self._contents.ceremonies
            destroyed = {slot: at, **self._contents.destroyed}
            self._write(self._without(slot).model_copy(update={"destroyed": destroyed}), wipe=True)
        return there

    def ceremony(self, agreement_id: str, epoch: int) -> str | None:
        """Return the kept state of a ceremony, if there is one."""
        return self._contents.ceremonies.get(_slot(agreement_id, epoch))

    def put_ceremony(self, agreement_id: str, epoch: int, state: str) -> None:
        """Keep the state of a ceremony, so that it resumes after a stop.

        Raises:
            KeyDestroyedError: Its key was destroyed before.
        """
        with self.exclusive():
            self.check_not_destroyed(agreement_id, epoch)
            ceremonies = {**self._contents.ceremonies, _slot(agreement_id, epoch): state}
            self._write(self._contents.model_copy(update={"ceremonies": ceremonies}))

    def change_passphrase(self, passphrase: bytes) -> None:
        """Encrypt the store under another passphrase, and overwrite the file that was under the old one.

        Raises:
            KeyFileError: It is too short.
        """
        with self.exclusive():
            key = FileKey.make(passphrase)
            key.write(self.path, self._contents.model_dump_json().encode(), wipe=True)
            self._file_key = key

    def _without(self, slot: str) -> _Contents:
        """Return the contents without the key and the ceremony of a slot."""
        kept = {
            name: {key: value for key, value in getattr(self._contents, name).items() if key != slot}
            for name in ("epoch_keys", "ceremonies")
        }
        return self._contents.model_copy(update=kept)

    def _write(self, contents: _Contents, *, wipe: bool = False) -> None:
        self._file_key.write(self.path, contents.model_dump_json().encode(), wipe=wipe)
        self._contents = contents


def _parsed(plain: bytes, path: Path) -> _Contents:
    try:
        return _Contents.model_validate_json(plain)
    except ValidationError:
        # `from None`: the cause would quote the file's contents, which are keys
        raise KeyFileError("The key store holds something else.", where={"file": path.name}) from None
