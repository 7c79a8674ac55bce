"""Where commands get a passphrase: from the file named by `WASL_PASSPHRASE_FILE`, or by asking. Never an argument."""

from __future__ import annotations

import getpass
import os
import sys
from pathlib import Path

from contract.errors import ConfigurationError


def read_passphrase(prompt: str = "Passphrase of the key store: ") -> bytes:
    """Return the passphrase, once the process is guarded: from here on it holds keys.

    Raises:
        ConfigurationError: The file cannot be read, or nobody can be asked.
        ProcessGuardError: The system does not let the process forbid core files.
    """
    from pseudonymisation.keys.process import guard_process

    guard_process()
    named = os.environ.get("WASL_PASSPHRASE_FILE")
    if named:
        try:
            return Path(named).read_bytes().strip()
        except OSError as error:
            raise ConfigurationError("The passphrase file cannot be read.", where={"file": Path(named).name}) from error
    if not sys.stdin.isatty():
        raise ConfigurationError(
            "No passphrase: there is no terminal to ask on.",
            advice="Put it in a file that only you can read and set WASL_PASSPHRASE_FILE to its path.",
        )
    return getpass.getpass(prompt).encode()
