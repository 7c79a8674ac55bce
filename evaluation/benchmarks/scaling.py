"""`wasl bench scaling`: how the time of a linkage grows with the number of records."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from evaluation.benchmarks.linkage import bench as bench_linkage
from evaluation.benchmarks.machine import machine, versions

RECORDS: Final = (100_000, 300_000, 1_000_000, 2_000_000, 4_000_000)


def exponent(records: Sequence[float], seconds: Sequence[float]) -> float:
    """Return b of seconds = a records^b, by least squares of the logarithms."""
    return float(np.polyfit(np.log(records), np.log(seconds), 1)[0])


def bench(records: Sequence[int] = RECORDS, *, threads: int = 2, folder: Path | None = None) -> dict[str, Any]:
    """Link two registers of half as many rows each, for each number of records.

    Args:
        records: Rows of both registers together, at least two sizes.
        threads: Of engine `local`.
        folder: Where the data are kept for the next time; temporary by default.

    Returns:
        The exponent by wall and by processor seconds, and the runs.
    """
    runs = []
    for number in sorted(records):
        measured = bench_linkage(number // 2, threads=threads, folder=folder)
        kept = ("seconds", "cpu_seconds", "peak_bytes", "pairs_compared", "f1", "stages")
        runs.append({"records": number, **{name: measured[name] for name in kept}})
    sizes = [float(one["records"]) for one in runs]
    return {
        "exponent": round(exponent(sizes, [one["seconds"] for one in runs]), 4),
        "exponent_cpu": round(exponent(sizes, [one["cpu_seconds"] for one in runs]), 4),
        "runs": runs,
        "machine": machine(),
        "versions": versions(),
    }
