"""The same edges, person ids and quality reports, bit for bit, whatever computes them and whatever happens meanwhile.

A unit that is killed itself: `tests/service/runs/test_kill.py`. Engines by themselves: `tests/linkage/engines`.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from contract.canonical import digest
from service.linkage_unit.start import start_linkage
from service.linkage_unit.workflow import LinkageWorkflow
from service.quality_report.routes import report_of
from service.runs.queue import JobQueue
from service.runs.worker import Workers
from service.statistics_unit.links import read_links
from tests.service.linkage_unit.builders import VINTAGE, Federation, make_registers, open_federation

PERSONS = 120
PAIRS_PER_CHUNK = 60


class Bits(NamedTuple):
    """Digests of all that a linkage makes."""

    edges: str
    ids: str
    report_of_linkage: str
    report_of_computation: str


def bits_of(
    folder: Path,
    threads: int = 1,
    engine: dict[str, str] | None = None,
    meanwhile: Callable[[JobQueue, str], None] | None = None,
    **databases: str,
) -> Bits:
    """Link the same registers at two fresh units; `meanwhile` happens while the linkage unit works."""
    federation = open_federation(folder, **databases)
    federation.push_all(make_registers(PERSONS))
    unit = federation.units["linkage"]
    unit = replace(unit, settings=unit.settings.model_copy(update=engine or {}))
    run = start_linkage(unit.database, federation.agreement.id, VINTAGE, pairs_per_chunk=PAIRS_PER_CHUNK)
    workflow = LinkageWorkflow(unit, lambda _url, _agreement, _name: federation.client())
    workers = Workers(unit.database, {"linkage": workflow}, threads)
    workers.start()
    try:
        if meanwhile is not None:
            meanwhile(JobQueue(unit.database), run.id)
        ended = JobQueue(unit.database).wait(run.id, 300)
    finally:
        workers.stop()
        workflow.close()
    assert ended.error is None
    federation.work("statistics")
    made = Bits(str(ended.result_digest), _ids(federation), *(_report(federation, role) for role in federation.units))
    federation.close()
    return made


def _ids(federation: Federation) -> str:
    links = read_links(federation.units["statistics"].settings, federation.agreement.id, VINTAGE)
    assert links.height > 2 * PERSONS
    return digest(links.write_csv().encode())


def _report(federation: Federation, role: str) -> str:
    (run,) = JobQueue(federation.units[role].database).runs()
    return str(report_of(federation.units[role], run.id)["digest"])


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Bits:
    """One thread of the unit's own, SQLite, nothing happens."""
    return bits_of(tmp_path_factory.mktemp("plain"))


@pytest.mark.parametrize(("database_url", "migrated_url"), [("postgresql", "postgresql")], indirect=True)
def test_two_threads_and_postgresql(tmp_path: Path, plain: Bits, database_url: str, migrated_url: str) -> None:
    assert bits_of(tmp_path, threads=2, linkage=database_url, statistics=migrated_url) == plain


def test_dask_and_a_killed_worker(tmp_path: Path, plain: Bits, dask_client: Any) -> None:
    victim = next(iter(dask_client.run(os.getpid).values()))
    killed: list[str] = []

    def kill_at_work(jobs: JobQueue, run_id: str) -> None:
        deadline = time.monotonic() + 120
        while jobs.status(run_id).stage not in {"count", "edges"} and time.monotonic() < deadline:
            time.sleep(0.01)
        killed.append(jobs.status(run_id).stage)
        os.kill(victim, signal.SIGKILL)

    engine = {"engine": "dask", "dask_scheduler": dask_client.scheduler.address}
    assert bits_of(tmp_path, 2, engine, kill_at_work) == plain
    assert killed[0] in {"count", "edges"}, "killed too late to prove anything"
    assert victim not in dask_client.run(os.getpid).values()
