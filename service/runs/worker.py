"""Workers: threads of the serving process that take chunks under a lease and do them.

Nothing of a run lives in a worker. Killed at any moment, it leaves a lease that expires after
`LEASE` and perhaps an object that no row names; the next worker does that chunk again.
"""

from __future__ import annotations

import logging
import os
import threading
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from contract.errors import IntegrityError, StorageError, UnreachableError, WaslError
from contract.sealing import random_id
from service.db.base import Database
from service.runs import ledger
from service.runs.actors import operator_token
from service.runs.port import Chunk, ChunkResult, Results, Run, Workflow
from service.unit import Unit

LEASE = timedelta(seconds=5)
HEARTBEAT_SECONDS = 1.25
IDLE_SECONDS = 0.5
MAX_ATTEMPTS = 3  # of a chunk that fails for no reason we know
MAX_TRANSIENT_ATTEMPTS = 30  # about half an hour of an unreachable peer or a full disk
MAX_DELAY_SECONDS = 60.0

logger = logging.getLogger(__name__)


class Workers:
    """The worker threads of one process."""

    def __init__(
        self, database: Database, workflows: Mapping[str, Workflow], count: int = 1, lease: timedelta = LEASE
    ) -> None:
        self._database, self._workflows, self._lease = database, dict(workflows), lease
        self._stop, self._wake = threading.Event(), threading.Event()
        name = f"{os.uname().nodename[:24]}-{os.getpid()}-{random_id()[:8]}"
        self._threads = [
            threading.Thread(target=self._loop, args=(f"worker:{name}-{number}",), name=f"run-worker-{number}")
            for number in range(count)
        ]

    def start(self) -> None:
        """Start working."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Stop after the chunks under way."""
        self._stop.set()
        self._wake.set()
        for thread in self._threads:
            thread.join()

    def wake(self) -> None:
        """Look for work now rather than at the next turn."""
        self._wake.set()

    def _loop(self, worker: str) -> None:
        while not self._stop.is_set():
            try:
                worked = self.work_once(worker)
            except StorageError:
                logger.warning("the database does not answer; workers wait")
                worked = False
                self._stop.wait(2.0)
            if not worked:
                self._wake.wait(IDLE_SECONDS)
                self._wake.clear()

    def work_once(self, worker: str = "worker:local") -> bool:
        """Do one step, plan a stage or do a chunk, and say whether there was one.

        Raises:
            StorageError: The database does not answer.
        """
        with self._database.read() as session:
            advance = ledger.to_advance(session)
            free = ledger.claimable(session, datetime.now(UTC)) is not None
        if advance is not None and self._known(advance, worker):
            self._guarded(advance, None, worker)
            return True
        if not free:
            return False
        with self._database.write() as session:
            claimed = ledger.claim(session, worker, self._lease)
        if claimed is None:
            return False
        run, chunk = claimed
        if self._known(run, worker):
            with self._heartbeat(chunk, worker):
                self._guarded(run, chunk, worker)
        return True

    def _known(self, run: Run, worker: str) -> bool:
        if run.kind in self._workflows:
            return True
        problem = {"type": "urn:wasl:error:run.unknown", "title": "This unit has no such kind of run.", "status": 500}
        with self._database.write() as session:
            ledger.fail(session, run, problem, worker)
        return False

    def _guarded(self, run: Run, chunk: Chunk | None, worker: str) -> None:
        workflow = self._workflows[run.kind]
        try:
            with self._database.read() as session:
                workflow.check(session, run)
            if chunk is None:
                self._advance(workflow, run, worker)
            else:
                result = workflow.work(run, chunk, self._results(run))
                with self._database.write() as session:
                    drawn = chunk.stage in workflow.drawn_stages
                    ledger.complete(session, run, chunk, result, worker, drawn=drawn)
        except WaslError as error:
            self._after_error(run, chunk, worker, error.problem(), transient=_is_transient(error))
        except OSError:
            problem = StorageError("The disk does not take or give the data of a chunk.").problem()
            self._after_error(run, chunk, worker, problem, transient=True)
        except Exception as error:  # noqa: BLE001  (whatever it is, the run must say so and not hang)
            # The class and the lines of code only: a message or a full traceback may hold a value.
            frames = [f"{frame.name}:{frame.lineno}" for frame in traceback.extract_tb(error.__traceback__)[-4:]]
            place = " > ".join(frames)
            logger.error("run %s: %s in stage %r at %s", run.id, type(error).__name__, run.stage, place)  # noqa: TRY400
            problem = {
                "type": "urn:wasl:error:run.fault",
                "title": f"A fault of the program stopped the run ({type(error).__name__}).",
                "status": 500,
                "detail": "Resume the run once; if it stops again, report the fault with this unit's version.",
                "where": {"code": place},
            }
            self._after_error(run, chunk, worker, problem, transient=None)

    def _advance(self, workflow: Workflow, run: Run, worker: str) -> None:
        following = _next_stage(workflow, run.stage)
        if following is None:
            outcome = workflow.finish(run, self._results(run))
            with self._database.write() as session:
                if ledger.finish(session, run, outcome, worker):
                    workflow.settle(session, run, outcome)
            return
        plans = workflow.plan(run, following, self._results(run))
        with self._database.write() as session:
            ledger.open_stage(session, run, following, plans, worker)

    def _after_error(
        self, run: Run, chunk: Chunk | None, worker: str, problem: dict[str, Any], *, transient: bool | None
    ) -> None:
        """Try again later or fail: refusals at once, faults after a few attempts, transient ones after many."""
        if chunk is None and transient:
            self._stop.wait(2.0)  # planning has no row to note an attempt in, and costs little
            return
        limit = {True: MAX_TRANSIENT_ATTEMPTS, False: 0, None: MAX_ATTEMPTS}[transient]
        with self._database.write() as session:
            tried = ledger.attempts(session, chunk) if chunk is not None else limit
            if chunk is None or tried >= limit:
                ledger.fail(session, run, problem, worker)
            else:
                delay = min(0.5 * 2.0 ** (tried - 1), MAX_DELAY_SECONDS)
                ledger.postpone(session, chunk, worker, problem, timedelta(seconds=delay))

    def _results(self, run: Run) -> Results:
        def read(stage: str) -> list[ChunkResult]:
            with self._database.read() as session:
                return ledger.results(session, run.id, stage)

        return read

    @contextmanager
    def _heartbeat(self, chunk: Chunk, worker: str) -> Iterator[None]:
        done = threading.Event()

        def beat() -> None:
            while not done.wait(HEARTBEAT_SECONDS):
                try:
                    with self._database.write() as session:
                        ledger.renew(session, chunk, worker, self._lease)
                except StorageError:
                    logger.warning("a lease could not be renewed; the chunk may run twice")

        thread = threading.Thread(target=beat, name="run-heartbeat")
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()


def _next_stage(workflow: Workflow, stage: str) -> str | None:
    place = workflow.stages.index(stage) + 1 if stage else 0
    return workflow.stages[place] if place < len(workflow.stages) else None


def _is_transient(error: WaslError) -> bool:
    return isinstance(error, StorageError | UnreachableError) and not isinstance(error, IntegrityError)


@contextmanager
def running_workers(unit: Unit, workflow: Workflow) -> Iterator[None]:
    """Run a unit's workers on one kind of work while the application serves."""
    operator_token(unit.settings)
    workers = Workers(unit.database, {workflow.kind: workflow}, unit.settings.workers)
    workers.start()
    try:
        yield
    finally:
        workers.stop()
