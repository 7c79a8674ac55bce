"""A tiny real workflow over a content store: numbers are squared in chunks, then summed."""

from __future__ import annotations

import io
from datetime import UTC, date, datetime
from pathlib import Path

from sqlalchemy.orm import Session

from contract.canonical import digest
from contract.errors import AgreementError, WaslError
from service.agreements.models import AgreementRow
from service.db.base import Database
from service.db.migrate import upgrade
from service.runs.port import Chunk, ChunkPlan, ChunkResult, Outcome, Results, Run
from service.storage import ContentStore

AGREEMENT = "a" * 64
STAGES = {"squares": ("square", "sum")}


def open_database(url: str) -> Database:
    database = Database(url)
    upgrade(database.engine)
    with database.write() as session:
        if session.get(AgreementRow, AGREEMENT) is None:
            session.add(
                AgreementRow(
                    id=AGREEMENT,
                    document="{}",
                    expires_on=date(2100, 1, 1),
                    retention_until=date(2100, 1, 1),
                    installed_at=datetime.now(UTC),
                )
            )
    return database


class Squares:
    kind = "squares"
    stages = STAGES["squares"]
    drawn_stages = ()

    def __init__(self, folder: Path) -> None:
        self.store = ContentStore(folder)
        self.errors: list[Exception] = []  # raised by the next pieces of work, one each
        self.calls: list[str] = []
        self.live = True
        self.settled: list[str] = []

    def check(self, session: Session, run: Run) -> None:
        if not self.live:
            raise AgreementError("The agreement has expired.")

    def plan(self, run: Run, stage: str, results: Results) -> list[ChunkPlan]:
        if stage == "square":
            return [ChunkPlan(f"n{n}", {"n": n}, weight=n + 1) for n in range(run.parameters["count"])]
        return [ChunkPlan("all")]

    def work(self, run: Run, chunk: Chunk, results: Results) -> ChunkResult:
        self.calls.append(chunk.name)
        if self.errors:
            raise self.errors.pop(0)
        if chunk.stage == "square":
            made = chunk.parameters["n"] ** 2
        else:
            made = sum(int(self.store.path(result.digest).read_text()) for result in results("square"))
        return ChunkResult(self.store.put(io.BytesIO(str(made).encode()))[0], {"value": made})

    def finish(self, run: Run, results: Results) -> Outcome:
        (total,) = results("sum")
        return Outcome(total.digest, {"total": total.summary["value"]})

    def settle(self, session: Session, run: Run, outcome: Outcome) -> None:
        self.settled.append(run.id)


def digest_of_squares(count: int) -> str:
    return digest(str(sum(n * n for n in range(count))).encode())


class RefusedError(WaslError):
    code = "test.refusal"
