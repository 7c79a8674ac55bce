"""`wasl bench linkage`: from pass tables on disk to person ids, and how right they are."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final, TypeVar

import numpy as np
import numpy.typing as npt
import polars as pl

from evaluation.benchmarks.encoded import bench_agreement, encode
from evaluation.benchmarks.linked import Task, measure, warm
from evaluation.benchmarks.machine import machine, versions
from evaluation.benchmarks.persons import two_registers
from linkage.plan import plan_of

Result = TypeVar("Result")
_TRUTH: Final = "truth.csv"
_APART: Final = 20_000
_FEW: Final = 400
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


def data_folder(root: Path, persons: int, seed: int) -> Path:
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
        stages (wall and processor seconds, peak bytes within), pairs compared, F1, machine, versions. Data are made
        and the linkage is run in processes of their own; only the latter counts, from its pass tables to person ids.
    """
    root = folder or Path(tempfile.mkdtemp(prefix="wasl-bench-"))
    place, work = data_folder(root, persons, seed), Path(tempfile.mkdtemp(prefix="work-", dir=_made(root)))
    apart = persons >= _APART  # each in a process of its own, whose memory is not the other's
    try:
        start = time.perf_counter()
        tables, handles = _called(apart, prepare, persons, place, seed)
        prepared = round(time.perf_counter() - start, 3)
        task = Task(persons, plan_of(bench_agreement(persons)), tables, handles, work / "linkage")
        small = _small(work)
        if apart:  # whoever compiles keeps the compiler's memory: no kernel is compiled where memory is measured
            _called(apart, warm, small, threads)
        found = _called(apart, measure, task, small, threads, scheduler)
        truth = pl.read_csv(place / _TRUTH)["entity"].to_numpy()
        return {
            "persons": persons,
            "engine": "local" if scheduler is None else "dask",
            "threads": threads,
            "data_seconds": prepared,
            "stages": found.stages,
            "seconds": round(found.seconds, 3),
            "cpu_seconds": round(found.cpu_seconds, 3),
            "peak_bytes": found.peak_bytes,
            "passes": len(tables),
            "pairs_compared": found.pairs,
            "edges": found.edges,
            **quality(found.labels, truth, persons),
            "machine": machine(),
            "versions": versions(),
        }
    finally:
        shutil.rmtree(work if folder else root)


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _called(apart: bool, work: Callable[..., Result], *arguments: Any) -> Result:
    if not apart:
        return work(*arguments)
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(work, *arguments).result()


def _small(work: Path) -> Task:
    """Return a linkage of a few rows: kernels are compiled by it, so that no stage measures the compiler."""
    tables, handles = prepare(_FEW, work / "few")
    return Task(_FEW, plan_of(bench_agreement(_FEW)), tables, handles, work / "few-linkage")


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
