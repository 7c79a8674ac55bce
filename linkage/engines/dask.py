"""Engine `dask`: the workers of a Dask cluster that exists already (extra `dask`).

Every worker must see the job's folder and pass tables under the same path. The scheduler keeps
nothing that we need: results are files, and a run that lost its scheduler starts again from them.
A task that lost its worker is run again by Dask, up to its `allowed-failures`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from linkage.errors import EngineError

Item = TypeVar("Item")


class DaskEngine:
    """The workers of a Dask cluster.

    Args:
        client: A `distributed.Client`; it stays the caller's.
        per_machine: Tasks at once on one machine, by which the memory of a run is shared.

    Raises:
        EngineError: Fewer than one.
    """

    def __init__(self, client: Any, per_machine: int = 1) -> None:
        if per_machine < 1:
            raise EngineError("A machine runs at least one task.")
        self._client, self._per_machine = client, per_machine

    @classmethod
    def connect(cls, address: str, per_machine: int = 1) -> DaskEngine:
        """Connect to a scheduler.

        Raises:
            EngineError: The extra is not installed, or the scheduler does not answer.
        """
        try:
            from distributed import Client
        except ImportError as error:
            raise EngineError(
                "Dask is not installed.", advice="Install the extra: pip install 'wasl[dask]'."
            ) from error
        try:
            return cls(Client(address), per_machine)
        except (OSError, TimeoutError, ValueError) as error:
            raise EngineError("The Dask scheduler does not answer.", advice="Check its address.") from error

    @property
    def workers(self) -> int:
        """See `port.Engine`."""
        return self._per_machine

    def run(self, task: Callable[[Item], None], items: Sequence[Item]) -> None:
        """See `port.Engine`.

        Raises:
            EngineError: The cluster lost a task more often than it allows, or was closed.
        """
        from distributed import CancelledError, KilledWorker, wait

        futures = [self._client.submit(task, item, pure=False) for item in items]
        try:
            wait(futures, return_when="ALL_COMPLETED")
            for future in futures:
                future.result()
        except (KilledWorker, CancelledError, OSError) as error:
            raise EngineError(
                "The cluster lost a task of the run.", advice="Start the run again: finished chunks are kept."
            ) from error
        finally:
            self._client.cancel(futures)
