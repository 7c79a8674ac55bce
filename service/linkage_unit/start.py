"""Starts a run of the linkage unit: what must hold before anything is compared."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from contract.agreement import Agreement
from contract.errors import AgreementError, ConflictError
from service.agreements.service import live_agreement
from service.db.base import Database
from service.runs import ledger
from service.runs.port import ACTIVE, Run
from service.submissions.queries import AcceptedSubmission, accepted_submissions, mark_used

KIND = "linkage"
PAIRS_PER_CHUNK = 20_000_000  # some seconds of one core: little to repeat after a kill


def start_linkage(
    database: Database,
    agreement_id: str,
    vintage: str,
    *,
    registers: Sequence[str] | None = None,
    requested_by: str = "operator:local",
    pairs_per_chunk: int = PAIRS_PER_CHUNK,
) -> Run:
    """Record a linkage run of a vintage; the unit's workers take it up, in whatever process.

    Args:
        database: Of the linkage unit.
        agreement_id: A live agreement.
        vintage: Which deliveries.
        registers: The operator's own choice of registers; all of the agreement's by default.
        requested_by: For the audit log, as ``kind:name``.
        pairs_per_chunk: About how many row pairs make a chunk.

    Raises:
        NotFoundError: The agreement is not installed here.
        AgreementError: It is not live, or has no register of that name.
        ConflictError: A register has no accepted submission, or a run of this vintage is under way.
    """
    with database.write() as session:
        agreement = live_agreement(session, agreement_id)
        found = accepted_submissions(session, agreement_id, vintage)
        submissions = _chosen(agreement, found, registers)
        for run in ledger.list_runs(session, kind=KIND, agreement_id=agreement_id):
            if run.vintage == vintage and run.state in ACTIVE:
                raise ConflictError("A run of this vintage is under way.", advice="Wait for it, or cancel it first.")
        parameters: dict[str, Any] = {
            "submissions": {name: submission.manifest_id for name, submission in submissions.items()},
            "uses": sorted(submission.manifest_id for submission in submissions.values()),
            "pairs_per_chunk": max(1, pairs_per_chunk),
        }
        run = ledger.enqueue(session, KIND, agreement_id, vintage, parameters, requested_by)
        mark_used(session, parameters["uses"], run.id)
        return run


def _chosen(
    agreement: Agreement, found: dict[str, AcceptedSubmission], registers: Sequence[str] | None
) -> dict[str, AcceptedSubmission]:
    for name in registers or ():
        agreement.register(name)
    wanted = [term.name for term in agreement.registers if registers is None or term.name in set(registers)]
    if not wanted:
        raise AgreementError("No register is chosen.", advice="Name at least one of the agreement's registers.")
    missing = [name for name in wanted if name not in found]
    if missing:
        raise ConflictError(
            f"No submission of this vintage has been accepted from {', '.join(missing)}.",
            advice="Wait for them, or choose the registers yourself: `wasl run start --register NAME ...`.",
        )
    return {name: found[name] for name in wanted}
