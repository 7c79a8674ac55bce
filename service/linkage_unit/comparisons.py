"""The two pieces of work that compare pairs, as tasks that any engine runs: here, or on a worker of a Dask cluster.

A task holds digests and a range of rows, never rows: whoever runs it reads the pass tables from the unit's store, which
it must see under the same path. What it returns goes back to the unit, which stores it and counts the chunk as done.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TypeVar

import pyarrow as pa

from contract.errors import ConfigurationError
from linkage.compare import count_patterns, emit_edges
from linkage.engines import Engine, LocalEngine
from linkage.engines.dask import DaskEngine
from linkage.errors import ClusterError
from linkage.model import Model
from linkage.plan import ComparisonPlan
from linkage.tables import PassArrays
from service.linkage_unit.passes import PassReader, counts_table
from service.settings import Settings
from service.storage import ContentStore

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Comparison:
    """A range of rows of a pass.

    Attributes:
        folder: Of the unit's store.
        plan: Of the run's agreement.
        name: The pass.
        objects: Register to file name to digest in the store.
        lo, hi: Rows.
        model: `Model.to_json`; empty while patterns are counted.
    """

    folder: Path
    plan: ComparisonPlan
    name: str
    objects: Mapping[str, Mapping[str, str]]
    lo: int
    hi: int
    model: bytes = b""

    def arrays(self) -> PassArrays:
        """Return the whole pass."""
        return _reader(self.folder).load(self.plan, self.name, self.objects)


class _ReadOnlyStore(ContentStore):
    """The store of another process: opening one for writing would clear what that process is writing."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder


@lru_cache(maxsize=2)
def _reader(folder: Path) -> PassReader:
    return PassReader(_ReadOnlyStore(folder))


def count_task(part: Comparison) -> pa.Table:
    """Return the pattern counts of a range, as `passes.counts_table`."""
    return counts_table(count_patterns(part.arrays(), part.plan, part.lo, part.hi))


def edges_task(part: Comparison) -> pa.Table:
    """Return the edges of a range under its model."""
    model = Model.from_json(part.model, part.plan)
    return emit_edges(part.arrays(), part.plan, model, part.lo, part.hi)


class Comparing:
    """Runs comparisons by the engine of the unit's settings; connects to a cluster when first needed, and anew after a
    loss.

    Args:
        settings: `engine`, `dask_scheduler`.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings, self._lock = settings, threading.Lock()
        self._engine: Engine | None = None

    def run(self, task: Callable[[Item], Result], item: Item) -> Result:
        """Return what a task makes of an item.

        Raises:
            ClusterError: The cluster does not answer or lost the task: it may be tried again.
            EngineError: Dask is not installed.
            ConfigurationError: No scheduler is named.
            WaslError: The task's own.
        """
        engine = self._connected()
        try:
            return engine.call(task, item)
        except ClusterError:
            with self._lock:
                if self._engine is engine:
                    self._engine = None
            engine.close()
            raise

    def close(self) -> None:
        """Let go of a cluster; the next comparison connects anew."""
        with self._lock:
            engine, self._engine = self._engine, None
        if engine is not None:
            engine.close()

    def _connected(self) -> Engine:
        with self._lock:
            if self._engine is None:
                self._engine = _engine_of(self._settings)
            return self._engine


def _engine_of(settings: Settings) -> Engine:
    if settings.engine == "local":
        return LocalEngine()
    if settings.dask_scheduler is None:
        raise ConfigurationError(
            "Engine dask has no scheduler.", advice="Set WASL_DASK_SCHEDULER=tls://host:8786 and restart the unit."
        )
    return DaskEngine.connect(settings.dask_scheduler)
