"""The jobs of one database: the port `service.runs.port.Jobs` over the tables of runs."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from contract.errors import UnreachableError
from service.db.base import Database
from service.runs import ledger
from service.runs.port import ACTIVE, Progress, Run
from service.runs.progress import progress

STAGES: Mapping[str, tuple[str, ...]] = {
    "linkage": ("load", "count", "fit", "edges", "gather", "seal", "deliver"),
    "statistics": ("merge", "cluster", "records", "trajectories", "review"),
}


class JobQueue:
    """Runs of one database. Any process may use it: workers find new runs by looking.

    Args:
        database: Of the unit.
        stages: Stage names by kind of run, for progress.
        wake: Tells workers of this process to look at once.
    """

    def __init__(
        self,
        database: Database,
        stages: Mapping[str, tuple[str, ...]] = STAGES,
        wake: Callable[[], None] | None = None,
    ) -> None:
        self._database, self._stages, self._wake = database, stages, wake

    def enqueue(self, kind: str, agreement_id: str, vintage: str, parameters: dict[str, Any], requested_by: str) -> Run:
        """See `service.runs.port.Jobs`."""
        with self._database.write() as session:
            run = ledger.enqueue(session, kind, agreement_id, vintage, parameters, requested_by)
        self.wake()
        return run

    def status(self, run_id: str) -> Run:
        """See `service.runs.port.Jobs`."""
        with self._database.read() as session:
            return ledger.as_run(ledger.find(session, run_id))

    def runs(self, kind: str | None = None, agreement_id: str | None = None) -> list[Run]:
        """Return runs, the newest first."""
        with self._database.read() as session:
            return ledger.list_runs(session, kind=kind, agreement_id=agreement_id)

    def progress(self, run_id: str) -> Progress:
        """See `service.runs.port.Jobs`."""
        with self._database.read() as session:
            return progress(session, run_id, self._stages.get(ledger.find(session, run_id).kind, ()))

    def cancel(self, run_id: str, requested_by: str) -> Run:
        """See `service.runs.port.Jobs`."""
        with self._database.write() as session:
            return ledger.cancel(session, run_id, requested_by)

    def resume(self, run_id: str, requested_by: str) -> Run:
        """See `service.runs.port.Jobs`."""
        with self._database.write() as session:
            run = ledger.resume(session, run_id, requested_by)
        self.wake()
        return run

    def wait(self, run_id: str, timeout_seconds: float = 3600.0, poll_seconds: float = 0.2) -> Run:
        """Return a run once it has ended, whatever its end.

        Raises:
            NotFoundError: There is none of this id.
            UnreachableError: It did not end in time.
        """
        deadline = time.monotonic() + timeout_seconds
        while (run := self.status(run_id)).state in ACTIVE:
            if time.monotonic() > deadline:
                raise UnreachableError(
                    "The run did not end in time.", advice="It goes on; look again, or check that the unit serves."
                )
            time.sleep(poll_seconds)
        return run

    def wake(self) -> None:
        """Tell the workers of this process that there is work."""
        if self._wake is not None:
            self._wake()
