"""One linkage of a benchmark, from pass tables on disk to person ids, by the code of both units.

It imports what a linkage needs and nothing else: run in a process of its own, its memory is the linkage's.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from evaluation.benchmarks.measured import MeasuredStages
from linkage.cluster import cluster
from linkage.engines import Engine, Job, Linked, LocalEngine, link
from linkage.engines.dask import DaskEngine
from linkage.pairs import subject_pairs
from linkage.plan import ComparisonPlan

MEMORY_BYTES: Final = 1_000_000_000
Files = Mapping[str, Mapping[str, Path]]


@dataclass(frozen=True)
class Task:
    """What to link.

    Attributes:
        persons: Rows of each register.
        plan: Of the agreement.
        tables: Pass to register to pass table.
        handles: Pass to register to a Parquet file of `handle` and `subject`.
        work: A folder for chunk files.
    """

    persons: int
    plan: ComparisonPlan
    tables: Files
    handles: Files
    work: Path


@dataclass(frozen=True)
class Measured:
    """What a linkage made and took.

    Attributes:
        labels: int64[2 persons], the person of each row.
        pairs: Pairs compared.
        edges: Canonical edges.
        seconds: Wall seconds.
        cpu_seconds: Processor seconds of all threads of this process.
        peak_bytes: Peak of resident memory of this process.
        stages: Of `MeasuredStages`.
    """

    labels: npt.NDArray[np.int64]
    pairs: int
    edges: int
    seconds: float
    cpu_seconds: float
    peak_bytes: int
    stages: dict[str, Any]


def measure(task: Task, small: Task, threads: int, scheduler: str | None) -> Measured:
    """Link and cluster, after a small linkage that loads the compiled kernels.

    Args:
        task: What is measured.
        small: What is linked before.
        threads: Of engine `local`; with a scheduler, tasks at once on one machine of the cluster.
        scheduler: Address of a Dask scheduler; engine `local` without one.
    """
    warm(small, threads)
    engine: Engine = LocalEngine(threads) if scheduler is None else DaskEngine.connect(scheduler, threads)
    stages = MeasuredStages()
    try:
        start, cpu = time.perf_counter(), time.process_time()
        labels, linked, edges = run(task, engine, stages)
        seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    finally:
        engine.close()
    pairs = sum(counts.pairs for counts in linked.counts.values())
    return Measured(labels, pairs, edges, seconds, cpu, stages.peak, stages.stages)


def warm(small: Task, threads: int) -> None:
    """Load the kernels, compiled first where that has not been done, by a small linkage that leaves nothing behind."""
    run(small, LocalEngine(threads), MeasuredStages())
    shutil.rmtree(small.work)


def run(task: Task, engine: Engine, stages: MeasuredStages) -> tuple[npt.NDArray[np.int64], Linked, int]:
    """Link and cluster; returns the person of each row, what was linked, and the number of edges."""
    edges = [0]

    def counted(tables: Iterator[pa.Table]) -> Iterator[pa.Table]:
        for table in tables:
            edges[0] += table.num_rows
            yield table

    linked = link(Job(task.plan, task.tables, task.work, MEMORY_BYTES), engine, stages.measure)
    with stages.measure("pairs"):
        by_pass = {name: (pq.read_table(path) for path in files.values()) for name, files in task.handles.items()}
        pairs = subject_pairs(counted(linked.tables()), by_pass, threads=engine.workers)
    with stages.measure("cluster"):
        register = np.repeat(np.arange(2), task.persons)
        labels = cluster(2 * task.persons, register, (0, 1), pairs.a, pairs.b, pairs.probability)
    return labels, linked, edges[0]
