"""Where the demo puts each party: a folder, keys, passphrase and database of its own."""

from __future__ import annotations

import os
import secrets
import socket
from dataclasses import dataclass
from pathlib import Path

from contract.registers import REGISTERS

VINTAGE = "2024-12"
OFFICER = "cndp"


@dataclass(frozen=True)
class Layout:
    """The demo's folder and its parts."""

    root: Path

    @property
    def registers(self) -> Path:
        """Where the synthetic registers and their truth are written."""
        return self.root / "registers"

    @property
    def agreement(self) -> Path:
        """The drafted agreement, as everybody reads it."""
        return self.root / "agreement.json"

    def connector(self, register: str) -> Path:
        """Folder of a register's connector."""
        return self.root / "connectors" / register

    def unit(self, role: str) -> Path:
        """Data folder of a unit."""
        return self.root / f"{role}-unit"

    @property
    def officer(self) -> Path:
        """The privacy officer's folder."""
        return self.root / "privacy-officer"

    def passphrase(self, folder: Path) -> Path:
        """Return the party's passphrase file (mode 0600), made where it is missing."""
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / "passphrase"
        if not path.exists():
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                file.write(secrets.token_urlsafe(24))
        return path


def holder_of(register: str) -> str:
    """Return the institution that holds a register. Each register has a connector with keys of its own."""
    return REGISTERS[register].holder


def free_port() -> int:
    """Return a port of the loopback interface that is free now."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])
