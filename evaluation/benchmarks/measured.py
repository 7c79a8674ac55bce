"""Stages of a benchmark: wall seconds, CPU seconds of all threads, and the peak of resident memory within each."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from evaluation.stages import peak_bytes

_CLEAR_REFS: Final = Path("/proc/self/clear_refs")
_STATUS: Final = Path("/proc/self/status")


class MeasuredStages:
    """Collects stages; one of a name already measured is added to it.

    Linux is asked to forget the peak before each stage. Where it does not, a stage's peak is that of the process so
    far.
    """

    def __init__(self) -> None:
        self.stages: dict[str, dict[str, float]] = {}

    @contextmanager
    def measure(self, name: str) -> Iterator[None]:
        """Measure one stage."""
        _forget_peak()
        wall, cpu = time.perf_counter(), time.process_time()
        yield
        self.stages[name] = {
            "seconds": round(time.perf_counter() - wall, 3),
            "cpu_seconds": round(time.process_time() - cpu, 3),
            "peak_bytes": _peak(),
        }

    def total(self, figure: str) -> float:
        """Return the sum of a figure over the stages."""
        return round(sum(one[figure] for one in self.stages.values()), 3)

    @property
    def peak(self) -> int:
        """The largest peak of any stage, bytes."""
        return int(max((one["peak_bytes"] for one in self.stages.values()), default=0))


def _forget_peak() -> None:
    try:
        _CLEAR_REFS.write_text("5")  # proc(5): resets VmHWM to what is resident now
    except OSError:
        return


def _peak() -> int:
    try:
        lines = _STATUS.read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return peak_bytes()
    found = [int(line.split()[1]) for line in lines if line.startswith("VmHWM:")]
    return found[0] * 1024 if found else peak_bytes()
