"""`wasl bench linkage --beside`: another system on the same files in the same run, in turn with Wasl."""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
import tempfile
from math import isfinite
from pathlib import Path
from statistics import median
from typing import Any, Final

from contract.errors import ConfigurationError
from evaluation.benchmarks.linkage import bench, data_folder

_FIGURES: Final = ("seconds", "cpu_seconds", "peak_bytes")
_TOLD: Final = ("system", "version")


def bench_beside(
    command: str, persons: int, *, rounds: int = 3, threads: int = 2, folder: Path | None = None, seed: int = 1
) -> dict[str, Any]:
    """Measure a linkage of two registers by Wasl and by another system, in turn.

    Args:
        command: The other system's script (`docs/benchmarks/peers`) as one would type it; the folder of the clear files
            and the truth is added to it. Its last line is a JSON object of system, version, seconds, cpu_seconds,
            peak_bytes and f1.
        persons: Rows of each register.
        rounds: How often each runs.
        threads: Of Wasl.
        folder: Where the data are kept for the next time; temporary by default.
        seed: Of the data.

    Returns:
        As `linkage.bench`, of the last round; under `beside` the rounds (what each took, and ratios of Wasl's figures
        to the other's) and the least, median and largest of the ratios.

    Raises:
        ConfigurationError: The command fails, or tells no figures.
    """
    root = folder or Path(tempfile.mkdtemp(prefix="wasl-bench-"))
    result: dict[str, Any] = {}
    found: list[dict[str, Any]] = []
    try:
        for _ in range(rounds):
            result = bench(persons, threads=threads, folder=root, seed=seed)
            other = _figures(command, data_folder(root, persons, seed))
            ratios = {name: round(result[name] / other[name], 3) for name in _FIGURES}
            found.append({"wasl": {name: result[name] for name in (*_FIGURES, "f1")}, "other": other, "ratios": ratios})
    finally:
        if folder is None:
            shutil.rmtree(root)
    spread = {name: _spread([one["ratios"][name] for one in found]) for name in _FIGURES}
    return {**result, "beside": {"rounds": found, "ratios": spread}}


def _spread(ratios: list[float]) -> dict[str, float]:
    return {"least": min(ratios), "median": round(median(ratios), 3), "largest": max(ratios)}


def _figures(command: str, data: Path) -> dict[str, Any]:
    try:
        done = subprocess.run([*shlex.split(command), str(data)], check=True, capture_output=True, text=True)
        told = json.loads(done.stdout.splitlines()[-1])
        figures = {name: float(told[name]) for name in (*_FIGURES, "f1")}
        if not all(isfinite(figures[name]) and figures[name] > 0 for name in _FIGURES):
            raise ValueError
        return {**{name: str(told[name]) for name in _TOLD}, **figures}
    except (OSError, ValueError, subprocess.CalledProcessError, IndexError, KeyError, TypeError):
        raise ConfigurationError(
            "The other system's command failed, or its last line is no JSON object of its figures.",
            advice="Run it by itself on the folder of the data (`--folder` keeps it) to see what it says.",
        ) from None
