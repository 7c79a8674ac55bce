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
from typing import TYPE_CHECKING, Any, Final, TypeVar

from contract.errors import UnreachableError, WaslError

if TYPE_CHECKING:
    from connectors.agent import ConnectorAgent

PATIENCE_SECONDS = 900.0
#: The demo attacks fewer persons, and its controls fewer rows, than real registers need; its agreement says so.
AUDIT_PERSONS: Final = 150
AUDIT: Final[dict[str, Any]] = {"overlaps": (1.0,), "control_rows": 50}
#: Folders in which the demo's operators and its privacy officer leave each other an override.
ASKED, SIGNED = "override-asked", "override-signed"
OVERRIDE_REASON: Final = "Demonstration on synthetic people: nobody is named who lives."
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
    from evaluation.audit.auditor import SubmissionAuditor
    from wasl.cli.passphrase import read_passphrase

    agent = ConnectorAgent.open(folder, read_passphrase(), auditor=SubmissionAuditor(**AUDIT))
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
    audit = _pass_gate(agent, folder, manifest_id)
    agent.push(manifest_id)
    return {"manifest": manifest_id, "seconds": round(time.perf_counter() - started, 2), "audit": audit}


def _pass_gate(agent: ConnectorAgent, folder: Path, manifest_id: str) -> dict[str, Any]:
    """Return the audit in short; above its bounds, ask the privacy officer to let synthetic people leave."""
    from connectors.gate import AUDIT_FILE, write_dossier
    from connectors.overrides import ask, read_override

    report = agent.audits.dossier(manifest_id).report.report
    full = report.at_overlap(1.0)
    told = {
        "verdict": report.verdict,
        "attacked": report.attacked,
        "union": full.union.share if full else None,
        "worst_pass": max((one.named.share for one in full.passes), default=0.0) if full else None,
        "reasons": [reason.words() for reason in report.reasons],
    }
    if report.verdict == "FAIL":
        refused = agent.audits.overridable(manifest_id)
        asked = ask(refused, reason=OVERRIDE_REASON, name="Demo operator", key=agent.store.signing_key)
        (folder / ASKED).mkdir(exist_ok=True)
        write_dossier(folder / ASKED, asked)
        answer = folder / SIGNED / AUDIT_FILE
        agent.audits.accept(
            manifest_id, patiently(lambda: read_override(answer) if answer.is_file() else None, "audit")
        )
    return told


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
