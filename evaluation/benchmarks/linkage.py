"""`wasl bench linkage`: from pass tables on disk to person ids, by the code of both units."""

from __future__ import annotations

import shutil
import tempfile
import time
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow.parquet as pq

from evaluation.benchmarks.encoded import bench_agreement, encode
from evaluation.benchmarks.machine import machine, versions
from evaluation.benchmarks.persons import two_registers
from evaluation.stages import Stages, peak_bytes
from linkage.cluster import cluster
from linkage.engines import Engine, Job, Linked, LocalEngine, link
from linkage.engines.dask import DaskEngine
from linkage.pairs import subject_pairs
from linkage.plan import plan_of

MEMORY_BYTES: Final = 1_000_000_000
_TRUTH: Final = "truth.csv"
_APART: Final = 20_000
Files = dict[str, dict[str, Path]]


def prepare(persons: int, folder: Path, seed: int = 1) -> tuple[Files, Files]:
    """Make registers, clear and encoded, unless the folder holds them already.

    Returns:
        Pass tables and lists of handles, as `encoded.encode`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    agreement, done = bench_agreement(persons), folder / _TRUTH
    if not done.exists():
        registers = two_registers(persons, seed)
        for name, frame in registers.items():
            frame.drop("entity").write_csv(folder / f"{name}.csv")
        encode(registers, agreement, folder / "passes", seed)
        truth = pl.concat(
            [registers[name].select(pl.lit(name).alias("register"), "record_id", "entity") for name in "ab"]
        )
        truth.write_csv(done)
    tables, handles = (
        {one.name: {name: folder / "passes" / f"{name}-{one.name}.{kind}" for name in "ab"} for one in agreement.passes}
        for kind in ("parquet", "handles")
    )
    return tables, handles


def _place(root: Path, persons: int, seed: int) -> Path:
    """Return the folder of the data; another planner's passes are other data."""
    return root / f"{persons}-{seed}-{bench_agreement(persons).id[:8]}"


def bench(
    persons: int, *, threads: int = 2, folder: Path | None = None, seed: int = 1, scheduler: str | None = None
) -> dict[str, Any]:
    """Measure a linkage of two registers of `persons` rows.

    Args:
        persons: Rows of each register.
        threads: Of engine `local`; with a scheduler, tasks at once on one machine of the cluster.
        folder: Where the data are kept for the next time; temporary by default.
        seed: Of the data.
        scheduler: Address of a Dask scheduler, whose workers see the data's folder; engine `local` without one. The
            cluster's own processor time and memory are not counted.

    Returns:
        stages (seconds, peak bytes when it ended), pairs compared, F1, machine, versions.
    """
    root = folder or Path(tempfile.mkdtemp(prefix="wasl-bench-"))
    try:
        stages = Stages()
        with stages.measure("data (not counted)"):
            _warm(threads)
            if persons >= _APART:  # in a process of its own, whose memory is not the linkage's
                maker = get_context("spawn").Process(target=prepare, args=(persons, _place(root, persons, seed), seed))
                maker.start()
                maker.join()
            tables, handles = prepare(persons, _place(root, persons, seed), seed)
        work = Path(tempfile.mkdtemp(prefix="work-", dir=root))
        engine: Engine = LocalEngine(threads) if scheduler is None else DaskEngine.connect(scheduler, threads)
        try:
            start, cpu = time.perf_counter(), time.process_time()
            labels, linked = run(persons, tables, handles, work, engine, stages)
            seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
        finally:
            engine.close()
            shutil.rmtree(work)
        truth = pl.read_csv(_place(root, persons, seed) / _TRUTH)["entity"].to_numpy()
        return {
            "persons": persons,
            "engine": "local" if scheduler is None else "dask",
            "threads": threads,
            "stages": stages.measured,
            "seconds": round(seconds, 3),
            "cpu_seconds": round(cpu, 3),
            "peak_bytes": peak_bytes(),
            "passes": len(tables),
            "pairs_compared": sum(counts.pairs for counts in linked.counts.values()),
            "edges": linked.edges.num_rows,
            **quality(labels, truth, persons),
            "machine": machine(),
            "versions": versions(),
        }
    finally:
        if folder is None:
            shutil.rmtree(root)


def run(
    persons: int, tables: Files, handles: Files, work: Path, engine: Engine, stages: Stages
) -> tuple[npt.NDArray[np.int64], Linked]:
    """Link and cluster; returns the person of each row (int64[2 persons]) and what was linked."""
    plan = plan_of(bench_agreement(persons))
    linked = link(Job(plan, tables, work, MEMORY_BYTES), engine, stages.measure)
    with stages.measure("pairs"):
        by_pass = {name: (pq.read_table(path) for path in files.values()) for name, files in handles.items()}
        pairs = subject_pairs(linked.edges, by_pass)
    with stages.measure("cluster"):
        register = np.repeat(np.arange(2), persons)
        labels = cluster(2 * persons, register, (0, 1), pairs.a, pairs.b, pairs.probability)
    return labels, linked


@cache
def _warm(threads: int) -> None:
    """Compile the kernels on a few rows, so that no stage measures the compiler."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        tables, handles = prepare(400, folder / "data")
        run(400, tables, handles, folder / "work", LocalEngine(threads), Stages())


def quality(labels: npt.NDArray[np.int64], entity: npt.NDArray[np.int64], persons: int) -> dict[str, float]:
    """Return precision, recall and F1 over pairs of the two registers; rows in `record_id` order of `entity`."""
    true = int(np.intersect1d(entity[:persons], entity[persons:]).size)
    found = pl.DataFrame({"label": labels, "entity": entity, "register": np.repeat([0, 1], persons)})
    sides = [found.filter(pl.col("register") == side) for side in (0, 1)]
    joined = sides[0].join(sides[1], on="label")
    right = int((joined["entity"] == joined["entity_right"]).sum())
    precision, recall = right / max(joined.height, 1), right / max(true, 1)
    f1 = 2 * precision * recall / max(precision + recall, 1e-12)
    return {"precision": round(precision, 5), "recall": round(recall, 5), "f1": round(f1, 5)}
