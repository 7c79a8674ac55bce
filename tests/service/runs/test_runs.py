"""Durable runs: whatever is killed, fails or is stopped, a chunk counts once and the result is the same."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select, update

from contract.errors import ConflictError, IntegrityError, NotFoundError, StorageError
from service.audit.models import AuditEntry
from service.db.base import Database
from service.runs import ledger
from service.runs.models import RunChunk
from service.runs.port import ChunkResult, RunState
from service.runs.progress import progress
from service.runs.queue import JobQueue
from service.runs.worker import MAX_ATTEMPTS, Workers
from tests.service.runs.builders import AGREEMENT, STAGES, RefusedError, Squares, digest_of_squares, open_database

LONG = timedelta(minutes=5)


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    made = open_database(database_url)
    yield made
    made.close()


@pytest.fixture
def squares(tmp_path: Path) -> Squares:
    return Squares(tmp_path / "store")


def start(database: Database, count: int = 4) -> str:
    return JobQueue(database, STAGES).enqueue("squares", AGREEMENT, "2025", {"count": count}, "operator:test").id


def drain(database: Database, squares: Squares) -> None:
    workers = Workers(database, {"squares": squares}, lease=LONG)
    while workers.work_once():
        pass


def chunk_entries(database: Database) -> list[tuple[str, str]]:
    with database.read() as session:
        documents = session.scalars(select(AuditEntry.document).where(AuditEntry.action == "run:chunk")).all()
    details = [json.loads(document)["details"] for document in documents]
    return sorted((detail["stage"], detail["chunk"]) for detail in details)


def test_a_run_goes_through_its_stages_and_logs_every_chunk(database: Database, squares: Squares) -> None:
    run_id = start(database)
    drain(database, squares)
    run = JobQueue(database, STAGES).status(run_id)
    assert run.state == RunState.SUCCEEDED
    assert run.result_digest == digest_of_squares(4)
    assert run.quality == {"total": 14}
    assert squares.settled == [run_id]
    assert chunk_entries(database) == [("square", f"n{n}") for n in range(4)] + [("sum", "all")]
    with database.read() as session:
        actions = session.scalars(select(AuditEntry.action).order_by(AuditEntry.sequence)).all()
    assert [action for action in actions if action != "run:chunk"] == [
        "run:start",
        "run:stage",
        "run:stage",
        "run:finish",
    ]


def test_the_chunk_of_a_dead_worker_is_taken_again_after_its_lease(database: Database, squares: Squares) -> None:
    run_id = start(database)
    workers = Workers(database, {"squares": squares})
    assert workers.work_once()
    with database.write() as session:
        assert ledger.claim(session, "worker:dead", timedelta(seconds=0.3)) is not None
    with database.write() as session:
        held = [ledger.claim(session, "worker:other", LONG) for _ in range(4)]
    assert [chunk.name for _, chunk in held[:3]] == ["n1", "n2", "n3"]
    assert held[3] is None
    with database.write() as session:
        session.execute(update(RunChunk).where(RunChunk.lease_owner == "worker:other").values(lease_until=None))
    threading.Event().wait(0.35)
    drain(database, squares)
    assert JobQueue(database, STAGES).status(run_id).result_digest == digest_of_squares(4)


def test_a_renewed_lease_keeps_others_away(database: Database, squares: Squares) -> None:
    start(database, count=1)
    Workers(database, {"squares": squares}).work_once()
    with database.write() as session:
        _, chunk = ledger.claim(session, "worker:slow", timedelta(0))
        ledger.renew(session, chunk, "worker:thief", LONG)
    with database.write() as session:
        _, again = ledger.claim(session, "worker:slow", timedelta(0))
        assert again == chunk
        ledger.renew(session, chunk, "worker:slow", LONG)
    with database.write() as session:
        assert ledger.claim(session, "worker:other", LONG) is None


def test_a_late_second_result_changes_nothing_unless_it_differs(database: Database, squares: Squares) -> None:
    start(database)
    Workers(database, {"squares": squares}).work_once()
    with database.write() as session:
        run, chunk = ledger.claim(session, "worker:slow", timedelta(0))
    first, other = ChunkResult("0" * 64), ChunkResult("1" * 64)
    for _ in range(2):
        with database.write() as session:
            ledger.complete(session, run, chunk, first, "worker:slow", drawn=False)
    assert chunk_entries(database) == [("square", "n0")]
    with database.write() as session:
        ledger.complete(session, run, chunk, other, "worker:slow", drawn=True)
        assert ledger.results(session, run.id, "square") == [first]
    with pytest.raises(IntegrityError), database.write() as session:
        ledger.complete(session, run, chunk, other, "worker:slow", drawn=False)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(deaths=st.lists(st.sampled_from(["before work", "before commit", "none"]), max_size=12))
def test_any_sequence_of_deaths_gives_the_undisturbed_result(
    tmp_path_factory: pytest.TempPathFactory, deaths: list[str]
) -> None:
    folder = tmp_path_factory.mktemp("deaths")
    database, squares = open_database(f"sqlite:///{folder / 'a.sqlite'}"), Squares(folder / "store")
    run_id = start(database, count=3)
    workers = Workers(database, {"squares": squares}, lease=timedelta(0))
    for death in deaths:
        if death == "none":
            workers.work_once()
            continue
        with database.write() as session:
            taken = ledger.claim(session, "worker:dying", timedelta(0))
        if taken is not None and death == "before commit":
            squares.work(*taken, workers._results(taken[0]))
    while workers.work_once():
        pass
    assert JobQueue(database, STAGES).status(run_id).result_digest == digest_of_squares(3)
    assert len(chunk_entries(database)) == 4
    database.close()


def test_a_refusal_fails_the_run_at_once_and_resuming_keeps_what_is_done(database: Database, squares: Squares) -> None:
    run_id = start(database)
    workers, queue = Workers(database, {"squares": squares}), JobQueue(database, STAGES)
    workers.work_once()
    workers.work_once()
    squares.errors = [RefusedError("Not like this.", advice="Do it otherwise.")]
    drain(database, squares)
    failed = queue.status(run_id)
    assert failed.state == RunState.FAILED
    assert failed.error["type"] == "urn:wasl:error:test.refusal"
    assert failed.error["detail"] == "Do it otherwise."
    assert queue.resume(run_id, "operator:test").state == RunState.RUNNING
    drain(database, squares)
    assert queue.status(run_id).result_digest == digest_of_squares(4)
    assert queue.status(run_id).error is None
    assert squares.calls.count("n0") == 1


def test_a_transient_fault_is_tried_again_and_shown_meanwhile(database: Database, squares: Squares) -> None:
    run_id = start(database, count=1)
    squares.errors = [StorageError("The disk is full.")]
    queue = JobQueue(database, STAGES)
    drain(database, squares)
    assert queue.status(run_id).state == RunState.RUNNING
    assert queue.progress(run_id).trouble["title"] == "The disk is full."
    with database.write() as session:
        session.execute(update(RunChunk).values(lease_until=None))
    drain(database, squares)
    assert queue.status(run_id).state == RunState.SUCCEEDED
    assert queue.progress(run_id).trouble is None


def test_a_fault_of_the_program_fails_after_a_few_attempts_without_its_message(
    database: Database, squares: Squares
) -> None:
    run_id = start(database, count=1)
    squares.errors = [ValueError("Amina Benali") for _ in range(MAX_ATTEMPTS)]
    for _ in range(MAX_ATTEMPTS):
        with database.write() as session:
            session.execute(update(RunChunk).values(lease_until=None))
        drain(database, squares)
    failed = JobQueue(database, STAGES).status(run_id)
    assert failed.state == RunState.FAILED
    assert "ValueError" in failed.error["title"]
    assert "work:" in failed.error["where"]["code"]
    assert "Amina" not in json.dumps(failed.error)
    assert squares.calls == ["n0"] * MAX_ATTEMPTS


def test_an_expired_agreement_stops_a_run_before_its_next_chunk(database: Database, squares: Squares) -> None:
    run_id = start(database)
    workers = Workers(database, {"squares": squares})
    workers.work_once()
    workers.work_once()
    squares.live = False
    drain(database, squares)
    run = JobQueue(database, STAGES).status(run_id)
    assert run.state == RunState.FAILED
    assert run.error["type"] == "urn:wasl:error:agreement.refused"
    assert squares.calls == ["n0"]


def test_cancel_stops_and_resume_goes_on(database: Database, squares: Squares) -> None:
    run_id, queue = start(database), JobQueue(database, STAGES)
    Workers(database, {"squares": squares}).work_once()
    assert queue.cancel(run_id, "operator:test").state == RunState.CANCELLED
    drain(database, squares)
    assert squares.calls == []
    with pytest.raises(ConflictError):
        queue.cancel(run_id, "operator:test")
    queue.resume(run_id, "operator:test")
    drain(database, squares)
    assert queue.status(run_id).state == RunState.SUCCEEDED
    with pytest.raises(ConflictError):
        queue.resume(run_id, "operator:test")
    with pytest.raises(NotFoundError):
        queue.status("0" * 32)


def test_a_run_of_an_unknown_kind_fails_rather_than_waits(database: Database, squares: Squares) -> None:
    run_id = JobQueue(database).enqueue("other", AGREEMENT, "2025", {}, "operator:test").id
    drain(database, squares)
    assert JobQueue(database).status(run_id).state == RunState.FAILED


def test_progress_tells_stage_rate_and_time_left(database: Database, squares: Squares) -> None:
    run_id = start(database)
    queue = JobQueue(database, STAGES)
    before = queue.progress(run_id)
    assert (before.stage, before.done, before.total, before.rate, before.eta_seconds) == ("", 0, 0, None, None)
    workers = Workers(database, {"squares": squares})
    for _ in range(3):
        workers.work_once()
    with database.read() as session:
        started = ledger.find(session, run_id).stage_started_at
        seen = progress(session, run_id, STAGES["squares"], now=started + timedelta(seconds=6))
    assert (seen.done, seen.total) == (2, 4)
    assert seen.share == pytest.approx(3 / 10)  # weights 1 + 2 of 1 + 2 + 3 + 4
    assert seen.rate == pytest.approx(2 / 6)
    assert seen.eta_seconds == pytest.approx(6 * 7 / 3)
    assert [(stage.name, stage.state, stage.total) for stage in seen.stages] == [
        ("square", "running", 4),
        ("sum", "waiting", None),
    ]
    drain(database, squares)
    assert [stage.state for stage in queue.progress(run_id).stages] == ["done", "done"]
    assert queue.progress(run_id).share == 1.0


def test_several_threads_do_every_chunk_exactly_once(database: Database, squares: Squares) -> None:
    runs = [start(database, count=8) for _ in range(2)]
    workers = Workers(database, {"squares": squares}, count=3)
    queue = JobQueue(database, STAGES, workers.wake)
    workers.start()
    ended = [queue.wait(run_id, timeout_seconds=30) for run_id in runs]
    workers.stop()
    assert [run.result_digest for run in ended] == [digest_of_squares(8)] * 2
    assert len(squares.calls) == 18
    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(RunChunk).where(RunChunk.attempts > 1)) == 0
    assert datetime.now(UTC) > ended[0].finished_at
