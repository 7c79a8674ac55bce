"""A unit's own keys: Ed25519 to sign receipts, edges and checkpoints, X25519 to open what is sealed for it.

They lie in one file encrypted under the unit's passphrase (`contract.keyfile`), never in the database.
A unit holds no key of an institution.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from contract.errors import ConflictError
from contract.keyfile import KeyFileError, read_encrypted, write_encrypted
from contract.sealing import sealing_public_text
from contract.signing import decode_bytes, encode_bytes, public_text


@dataclass(frozen=True)
class UnitKeys:
    """The two private keys of a unit."""

    signing: Ed25519PrivateKey
    sealing: X25519PrivateKey

    def __repr__(self) -> str:
        return "UnitKeys(…)"

    @property
    def signing_public(self) -> str:
        """Public signing key in its text form."""
        return public_text(self.signing)

    @property
    def sealing_public(self) -> str:
        """Public sealing key in its text form."""
        return sealing_public_text(self.sealing)

    @classmethod
    def generate(cls) -> UnitKeys:
        """Return fresh keys."""
        return cls(Ed25519PrivateKey.generate(), X25519PrivateKey.generate())

    @classmethod
    def create(cls, path: Path, passphrase: bytes) -> UnitKeys:
        """Make fresh keys and keep them in a new file.

        Raises:
            ConflictError: The file exists: keys are never overwritten.
            KeyFileError: The passphrase is too short.
            StorageError: The file cannot be written.
        """
        if path.exists():
            raise ConflictError(
                "This unit has its keys already.", advice="Use them; a new pair needs a successor agreement."
            )
        keys = cls.generate()
        path.parent.mkdir(parents=True, exist_ok=True)
        plain = {"signing": keys.signing.private_bytes_raw(), "sealing": keys.sealing.private_bytes_raw()}
        document = json.dumps({name: encode_bytes(raw) for name, raw in plain.items()})
        write_encrypted(path, document.encode(), passphrase)
        return keys

    @classmethod
    def load(cls, path: Path, passphrase: bytes) -> UnitKeys:
        """Read the keys that `create` made.

        Raises:
            KeyFileError: No such file, another passphrase, or damage.
        """
        try:
            document = json.loads(read_encrypted(path, passphrase))
            return cls(
                Ed25519PrivateKey.from_private_bytes(decode_bytes(document["signing"])),
                X25519PrivateKey.from_private_bytes(decode_bytes(document["sealing"])),
            )
        except (ValueError, KeyError, TypeError) as error:
            raise KeyFileError("The key file holds something else.", where={"file": path.name}) from error
