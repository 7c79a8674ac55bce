"""Wall seconds and peak memory of each stage of a run."""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class Stages:
    """Collects the stages of a run in the order they ended."""

    def __init__(self) -> None:
        self.measured: dict[str, dict[str, Any]] = {}

    @contextmanager
    def measure(self, name: str) -> Iterator[None]:
        """Measure one stage: wall seconds, and the process's peak resident bytes when it ended."""
        start = time.perf_counter()
        yield
        self.measured[name] = {"seconds": round(time.perf_counter() - start, 3), "peak_bytes": peak_bytes()}


def peak_bytes() -> int:
    """Return the peak resident memory of this process so far (Linux reports KiB, macOS bytes)."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(peak if sys.platform == "darwin" else peak * 1024)
