"""The port of durable runs: all that callers and workflows know of them.

A *run* goes through the stages of its workflow. A stage is a list of *chunks*. A chunk's work reads
what earlier stages made, writes one content-addressed object and returns its digest. The digest, the
chunk's row and an audit entry are committed in one transaction. A chunk whose worker died is taken
by another as soon as its lease has expired: it may run twice, and counts once.

A workflow is deterministic: the plan of a stage and the result of a chunk depend on the run's
parameters and on earlier results alone. A stage that cannot be (sealing draws a fresh key) is named
in `Workflow.drawn_stages`: the first result that was committed is the one that counts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from sqlalchemy.orm import Session


class RunState(StrEnum):
    """Where a run stands. Only `failed` and `cancelled` runs can be resumed."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


ACTIVE = (RunState.QUEUED, RunState.RUNNING)


@dataclass(frozen=True)
class Run:
    """A run as it stood when it was read.

    Attributes:
        id: 32 hexadecimal digits, random.
        kind: Its workflow.
        parameters: What was asked; never changes.
        stage: The stage it is in; empty before the first.
        result_digest: SHA-256 that equal runs share; None until it has succeeded.
        quality: Aggregates only.
        error: Problem details (RFC 9457) of a failed run.
    """

    id: str
    kind: str
    agreement_id: str
    vintage: str
    state: RunState
    stage: str
    parameters: dict[str, Any]
    requested_by: str
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    result_digest: str | None
    quality: dict[str, Any]
    error: dict[str, Any] | None


@dataclass(frozen=True)
class ChunkPlan:
    """One chunk to do. `weight` is its share of the stage's work, in any unit (rows, pairs)."""

    name: str
    parameters: dict[str, Any] = field(default_factory=dict)
    weight: int = 1


@dataclass(frozen=True)
class Chunk:
    """A chunk that a worker holds."""

    run_id: str
    stage: str
    position: int
    name: str
    parameters: dict[str, Any]


@dataclass(frozen=True)
class ChunkResult:
    """What a chunk made: the SHA-256 of its object, and aggregates to show (never a value of a register)."""

    digest: str
    summary: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Outcome:
    """What a run made, once all its chunks are done."""

    result_digest: str
    quality: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class StageProgress:
    """One stage of a run: `waiting`, `running` or `done`; `total` is None until it is planned."""

    name: str
    state: str
    done: int
    total: int | None


@dataclass(frozen=True)
class Progress:
    """How far a run is.

    Attributes:
        done, total: Chunks of the present stage.
        share: Of the present stage's work, 0 to 1.
        rate: Chunks a second in the present stage; None before the first is done.
        eta_seconds: Until the present stage ends, at the pace so far; None where there is no pace yet.
        trouble: Why the run waits (problem details), where it is trying again.
    """

    state: RunState
    stage: str
    stages: tuple[StageProgress, ...]
    done: int
    total: int
    share: float
    rate: float | None
    eta_seconds: float | None
    trouble: dict[str, Any] | None


# Results of a stage of the present run, in the order of its chunks.
Results = Callable[[str], list[ChunkResult]]


class Workflow(Protocol):
    """What a kind of run does."""

    @property
    def kind(self) -> str:
        """Name of this kind of run."""

    @property
    def stages(self) -> tuple[str, ...]:
        """Names of the stages, in order."""

    @property
    def drawn_stages(self) -> tuple[str, ...]:
        """Stages whose chunks draw random numbers: repeated work may give another digest."""

    def check(self, session: Session, run: Run) -> None:
        """Refuse to go on; called before every chunk.

        Raises:
            WaslError: The run's agreement is no longer live, or its input is gone.
        """

    def plan(self, run: Run, stage: str, results: Results) -> list[ChunkPlan]:
        """Return the chunks of a stage. Cheap: reads summaries and small objects only."""

    def work(self, run: Run, chunk: Chunk, results: Results) -> ChunkResult:
        """Do a chunk: write its object durably, then return its digest."""

    def finish(self, run: Run, results: Results) -> Outcome:
        """Return what the run made, after its last chunk."""

    def settle(self, session: Session, run: Run, outcome: Outcome) -> None:
        """Write what belongs into the transaction that ends the run."""


class Jobs(Protocol):
    """What callers do with runs."""

    def enqueue(self, kind: str, agreement_id: str, vintage: str, parameters: dict[str, Any], requested_by: str) -> Run:
        """Record a run; workers take it up at once.

        Raises:
            StorageError: The database does not take it; nothing was recorded.
        """

    def status(self, run_id: str) -> Run:
        """Return a run.

        Raises:
            NotFoundError: There is none of this id.
        """

    def progress(self, run_id: str) -> Progress:
        """Return how far a run is.

        Raises:
            NotFoundError: There is none of this id.
        """

    def cancel(self, run_id: str, requested_by: str) -> Run:
        """Stop a run; a chunk under way is finished and kept.

        Raises:
            NotFoundError: There is none of this id.
            ConflictError: It has ended.
        """

    def resume(self, run_id: str, requested_by: str) -> Run:
        """Take a failed or cancelled run up again; done chunks stay done.

        Raises:
            NotFoundError: There is none of this id.
            ConflictError: It is running or has succeeded.
        """
