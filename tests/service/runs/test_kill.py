"""SIGKILL in the middle of a run, twice, on both databases: the result is that of an undisturbed run."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from sqlalchemy import func, select

from contract.keyfile import write_encrypted
from contract.signing import encode_bytes
from service.audit import log
from service.audit.models import AuditEntry
from service.db.base import Database
from service.linkage_unit.start import start_linkage
from service.runs.models import RunChunk
from service.runs.port import RunState
from service.runs.queue import JobQueue
from service.settings import KEY_FILE
from service.statistics_unit.start import accepted_delivery, latest_run
from tests.contract.builders import Keys
from tests.service.linkage_unit.builders import VINTAGE, make_registers, open_federation, settings_of

PERSONS = 400
PAIRS_PER_CHUNK = 40
PASSPHRASE = "correct horse battery staple"
SERVE = "from service.server import serve; from service.settings import Settings; import os; serve(Settings())"


@contextmanager
def same_keys() -> Iterator[None]:
    """Make every federation opened inside have the same keys: the noise of protected tables hangs on them."""
    numbers = count(1)

    def keys() -> Keys:
        number = next(numbers)
        return Keys(
            Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32),
            X25519PrivateKey.from_private_bytes(bytes([100 + number]) * 32),
        )

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tests.contract.builders.make_keys", keys)
        yield


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """The digests of both units' runs where nothing happens."""
    with same_keys():
        federation = open_federation(tmp_path_factory.mktemp("undisturbed"))
    federation.push_all(make_registers(PERSONS))
    run = start_linkage(federation.units["linkage"].database, federation.agreement.id, VINTAGE)
    federation.work("linkage")
    federation.work("statistics")
    linked = JobQueue(federation.units["linkage"].database).status(run.id).result_digest
    with federation.units["statistics"].database.read() as session:
        computed = latest_run(session, federation.agreement.id, VINTAGE).result_digest
    federation.close()
    return linked, computed


class Server:
    """A unit as a process of its own."""

    def __init__(self, folder: Path, role: str, urls: dict[str, str], database_url: str | None) -> None:
        self.role, self.url = role, urls[role]
        names = {"ROLE": role, "DATA_DIR": str(folder / role), "PORT": urls[role].rpartition(":")[2]}
        passphrase = folder / f"{role}.passphrase"
        passphrase.write_text(PASSPHRASE)
        names |= {"PASSPHRASE_FILE": str(passphrase), "STATISTICS_URL": urls["statistics"]}
        if database_url is not None:
            names["DATABASE_URL"] = database_url
        self._environment = {**os.environ, **{f"WASL_{name}": value for name, value in names.items()}}
        self._log = (folder / f"{role}.log").open("ab")
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", SERVE], env=self._environment, stdout=self._log, stderr=self._log
        )

    def ready(self) -> None:
        wait_until(self._answers, 60)

    def _answers(self) -> bool:
        assert self.process.poll() is None, "the unit ended by itself"
        try:
            with urllib.request.urlopen(self.url + "/api/v1/status", timeout=2) as answer:
                return json.load(answer)["health"] == "ok"
        except OSError:
            return False

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(30)
        self._log.close()


def wait_until(condition: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def free_url() -> str:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{found.getsockname()[1]}"


def keep_keys(path: Path, keys: Keys) -> None:
    raw = {"signing": keys.signing.private_bytes_raw(), "sealing": keys.sealing.private_bytes_raw()}
    document = json.dumps({name: encode_bytes(key) for name, key in raw.items()})
    write_encrypted(path, document.encode(), PASSPHRASE.encode())


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[dict[str, Server]]:
    found: dict[str, Server] = {}
    yield found
    for server in found.values():
        server.stop()


@pytest.mark.functional
def test_a_killed_unit_ends_with_the_digest_of_an_undisturbed_run(
    database_url: str, tmp_path: Path, undisturbed: tuple[str, str], servers: dict[str, Server]
) -> None:
    urls = {"linkage": free_url(), "statistics": free_url()}
    with same_keys():
        federation = open_federation(tmp_path, urls=urls, linkage=database_url)
    federation.push_all(make_registers(PERSONS))
    for role, party in (("linkage", "lu"), ("statistics", "su")):
        keep_keys(tmp_path / role / KEY_FILE, federation.keys[party])
    federation.close()
    servers["statistics"] = Server(tmp_path, "statistics", urls, None)
    servers["linkage"] = Server(tmp_path, "linkage", urls, database_url)
    servers["statistics"].start()
    servers["linkage"].start()
    servers["linkage"].ready()

    database = Database(database_url)
    jobs = JobQueue(database)
    run = start_linkage(database, federation.agreement.id, VINTAGE, pairs_per_chunk=PAIRS_PER_CHUNK)
    for stage, at_least in (("count", 20), ("edges", 20)):
        wait_until(lambda s=stage, n=at_least: done_in(database, run.id, s) >= n, 60)
        servers["linkage"].kill()
        assert jobs.status(run.id).state == RunState.RUNNING, "killed too late to prove anything"
        servers["linkage"].start()
    ended = jobs.wait(run.id, 60)
    assert ended.error is None
    assert ended.result_digest == undisturbed[0]
    check_log(database, run.id)
    assert repeated(database, run.id) <= 2, "a kill costs at most the chunk under way"

    statistics = Database(settings_of("statistics", tmp_path, urls).database)
    with statistics.read() as session:
        assert accepted_delivery(session, federation.agreement.id, VINTAGE).run_id == run.id
    servers["statistics"].kill()  # just after it accepted the edges
    servers["statistics"].start()
    (computation,) = JobQueue(statistics).runs()
    assert JobQueue(statistics).wait(computation.id, 60).result_digest == undisturbed[1]
    database.close()
    statistics.close()


def done_in(database: Database, run_id: str, stage: str) -> int:
    with database.read() as session:
        query = select(func.count()).select_from(RunChunk)
        done = RunChunk.run_id == run_id, RunChunk.stage == stage, RunChunk.digest.is_not(None)
        return session.scalar(query.where(*done)) or 0


def repeated(database: Database, run_id: str) -> int:
    with database.read() as session:
        query = select(func.sum(RunChunk.attempts - 1)).where(RunChunk.run_id == run_id)
        return int(session.scalar(query) or 0)


def check_log(database: Database, run_id: str) -> None:
    """Every chunk counts once: one entry in the log for each, and no number missing."""
    with database.read() as session:
        chunks = session.scalar(select(func.count()).select_from(RunChunk).where(RunChunk.run_id == run_id))
        entries = session.scalars(select(AuditEntry.document).where(AuditEntry.action == "run:chunk")).all()
        assert len(log.leaves(session)) > len(entries)
    done = [json.loads(entry)["details"] for entry in entries if json.loads(entry)["object"] == run_id]
    assert len(done) == chunks
    assert len({(detail["stage"], detail["chunk"]) for detail in done}) == chunks
