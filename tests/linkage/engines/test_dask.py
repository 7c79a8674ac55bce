"""Engine `dask` on a real cluster of this machine; without the extra it says what to install."""

import importlib.util
import os
import signal
import threading
import time
from pathlib import Path

import pytest

from linkage.engines import LocalEngine, link
from linkage.engines.dask import DaskEngine
from linkage.errors import EngineError
from tests.linkage.engines.conftest import small_job

INSTALLED = importlib.util.find_spec("distributed") is not None


def test_without_the_extra_or_a_scheduler_it_says_so() -> None:
    with pytest.raises(EngineError) as caught:
        DaskEngine.connect("tcp://127.0.0.1:1")
    assert ("wasl[dask]" in caught.value.advice) != INSTALLED
    with pytest.raises(EngineError):
        DaskEngine(None, 0)


if INSTALLED:

    @pytest.fixture(scope="module")
    def client():
        from distributed import Client, LocalCluster

        with (
            LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as cluster,
            Client(cluster) as client,
        ):
            yield client

    def test_the_same_bits_as_local(tmp_path: Path, client) -> None:
        here = link(small_job(tmp_path / "here"), LocalEngine())
        there = link(small_job(tmp_path / "there", memory_bytes=1 << 18), DaskEngine(client))
        assert there.edges.equals(here.edges)
        assert there.model.to_json() == here.model.to_json()

    def test_a_killed_worker_changes_nothing(tmp_path: Path, client) -> None:
        here = link(small_job(tmp_path / "here"), LocalEngine())
        job = small_job(tmp_path / "there", memory_bytes=1 << 15)
        pid = next(iter(client.run(os.getpid).values()))

        def kill_at_work() -> None:
            while not list(job.folder.glob("*.counts")):
                time.sleep(0.001)
            os.kill(pid, signal.SIGKILL)

        killer = threading.Thread(target=kill_at_work)
        killer.start()
        there = link(job, DaskEngine(client))
        killer.join()
        assert there.edges.equals(here.edges)
        assert pid not in client.run(os.getpid).values()
