"""Keep a process that holds keys from leaving them behind: no core file, no reading by other processes.

Called before a passphrase is read (`wasl.cli.passphrase`), so that it holds for every command that opens a key store.
"""

from __future__ import annotations

import ctypes
import resource
import sys
from typing import Final

from contract.errors import KeyCustodyError

_PR_GET_DUMPABLE: Final = 3
_PR_SET_DUMPABLE: Final = 4


class ProcessGuardError(KeyCustodyError):
    """The system does not let the process forbid core files, so that a crash might write keys to disk."""

    code = "key.process"
    default_advice = "Run the command where `ulimit -c 0` is allowed, or ask the machine's administrator."


def guard_process() -> None:
    """Forbid core files and, on Linux, reading of this process's memory by others of the same user (prctl(2)).

    Children inherit the first. Doing it again is harmless.

    Raises:
        ProcessGuardError: The system refuses.
    """
    try:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    except (OSError, ValueError) as error:
        raise ProcessGuardError("Core files cannot be forbidden.") from error
    if sys.platform == "linux" and _prctl(_PR_SET_DUMPABLE, 0) != 0:
        raise ProcessGuardError("Reading of this process's memory cannot be forbidden.")


def guarded() -> bool:
    """Return whether `guard_process` is in force."""
    no_core = resource.getrlimit(resource.RLIMIT_CORE) == (0, 0)
    return no_core and (sys.platform != "linux" or _prctl(_PR_GET_DUMPABLE, 0) == 0)


def _prctl(option: int, value: int) -> int:
    return int(ctypes.CDLL(None, use_errno=True).prctl(option, ctypes.c_ulong(value), 0, 0, 0))
