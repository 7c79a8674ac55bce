"""Engine `dask` on a real cluster of this machine."""

import os
import signal
import threading
import time
from pathlib import Path

import pytest

from linkage.engines import LocalEngine, link
from linkage.engines.dask import DaskEngine
from linkage.errors import ClusterError, EngineError, PassTableError
from tests.linkage.engines.conftest import small_job


def test_settings_that_cannot_work_are_refused(monkeypatch) -> None:
    with pytest.raises(EngineError):
        DaskEngine(None, 0)
    monkeypatch.setitem(__import__("sys").modules, "distributed", None)
    with pytest.raises(EngineError) as caught:
        DaskEngine.connect("tcp://127.0.0.1:1")
    assert "wasl[dask]" in caught.value.advice


def test_a_scheduler_that_is_not_there(monkeypatch) -> None:
    monkeypatch.setattr("linkage.engines.dask._CONNECT_SECONDS", 0.3)
    with pytest.raises(ClusterError):
        DaskEngine.connect("tcp://127.0.0.1:1")


def test_the_same_bits_as_local(tmp_path: Path, dask_client) -> None:
    here = link(small_job(tmp_path / "here"), LocalEngine())
    engine = DaskEngine.connect(dask_client.scheduler.address)
    there = link(small_job(tmp_path / "there", memory_bytes=1 << 18), engine)
    engine.close()
    assert there.edges.equals(here.edges)
    assert there.model.to_json() == here.model.to_json()


def test_a_tasks_own_error_comes_back_as_it_is(tmp_path: Path, dask_client) -> None:
    job = small_job(tmp_path)
    job.tables["x"]["b"].write_bytes(b"PAR1 no PAR1")
    with pytest.raises(PassTableError):
        link(job, DaskEngine(dask_client))


def test_a_killed_worker_changes_nothing(tmp_path: Path, dask_client) -> None:
    here = link(small_job(tmp_path / "here"), LocalEngine())
    job = small_job(tmp_path / "there", memory_bytes=1 << 15)
    pid = next(iter(dask_client.run(os.getpid).values()))

    def kill_at_work() -> None:
        deadline = time.monotonic() + 30
        while not list(job.folder.glob("*.counts")) and time.monotonic() < deadline:
            time.sleep(0.001)
        os.kill(pid, signal.SIGKILL)

    killer = threading.Thread(target=kill_at_work)
    killer.start()
    there = link(job, DaskEngine(dask_client))
    killer.join()
    assert there.edges.equals(here.edges)
    assert pid not in dask_client.run(os.getpid).values()
