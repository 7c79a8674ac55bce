"""One institution's process in the demo: signs, holds the ceremony, encodes, approves, pushes, and ends.

Run as ``python -m wasl.demo.institution FOLDER VINTAGE``; the passphrase comes from WASL_PASSPHRASE_FILE. Where it
needs the others it waits for them, as an operator would come back later.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from contract.errors import UnreachableError, WaslError

PATIENCE_SECONDS = 900.0
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.2, 2.0
Result = TypeVar("Result")


def patiently(attempt: Callable[[], Result | None], what: str) -> Result:
    """Repeat an attempt, ever less often, until it gives something.

    Raises:
        UnreachableError: The others did not do their part in time.
    """
    deadline, pause = time.monotonic() + PATIENCE_SECONDS, _FIRST_PAUSE_SECONDS
    while (found := attempt()) is None:
        if time.monotonic() > deadline:
            raise UnreachableError(f"The others did not do their part of the {what} in time.")
        time.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)
    return found


def deliver(folder: Path, vintage: str) -> dict[str, object]:
    """Take one register from its file to both units; returns counts for the demo's report."""
    from connectors.agent import ConnectorAgent
    from connectors.errors import WaitingError
    from wasl.cli.passphrase import read_passphrase

    agent = ConnectorAgent.open(folder, read_passphrase())
    started = time.perf_counter()
    agent.sign_agreement()
    patiently(lambda: None if agent.refresh_agreement().missing() else True, "agreement")
    patiently(lambda: agent.ceremony_step().complete or None, "key ceremony")

    def encode() -> str | None:
        try:
            return agent.encode(vintage).signed.manifest.id
        except WaitingError:
            return None

    manifest_id = patiently(encode, "exchange of crowded key values")
    agent.approve(manifest_id, by="demo operator")
    agent.push(manifest_id)
    return {"manifest": manifest_id, "seconds": round(time.perf_counter() - started, 2)}


def main() -> None:
    """Entry point of the process."""
    try:
        report = deliver(Path(sys.argv[1]), sys.argv[2])
    except WaslError as error:
        sys.stderr.write(f"Error [{error.code}]: {error.diagnostics()}\n")
        raise SystemExit(error.exit_code) from error
    sys.stdout.write(json.dumps(report) + "\n")


if __name__ == "__main__":
    main()
