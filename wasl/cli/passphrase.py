"""Where commands get a passphrase or a password: from a file that a variable names, or by asking. Never an argument."""

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
    return _from_file_or_terminal("passphrase", "WASL_PASSPHRASE_FILE", prompt)


def read_account_password(*, again: bool = False) -> str:
    """Return the password of an account; `again` asks twice on a terminal, for a new one.

    Raises:
        ConfigurationError: The file cannot be read, nobody can be asked, or the two differ.
    """
    variable = "WASL_ACCOUNT_PASSWORD_FILE"
    try:
        first = _from_file_or_terminal("password", variable, "Password: ").decode()
    except UnicodeDecodeError:
        raise ConfigurationError("The password file is not text in UTF-8.") from None
    if again and not os.environ.get(variable) and getpass.getpass("Again: ") != first:
        raise ConfigurationError("The two passwords differ.", advice="Type the same password twice.")
    return first


def _from_file_or_terminal(what: str, variable: str, prompt: str) -> bytes:
    named = os.environ.get(variable)
    if named:
        try:
            return Path(named).read_bytes().strip()
        except OSError as error:
            raise ConfigurationError(f"The {what} file cannot be read.", where={"file": Path(named).name}) from error
    if not sys.stdin.isatty():
        raise ConfigurationError(
            f"No {what}: there is no terminal to ask on.",
            advice=f"Put it in a file that only you can read and set {variable} to its path.",
        )
    return getpass.getpass(prompt).encode()
