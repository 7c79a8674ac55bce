"""Engine `dask`: the workers of a Dask cluster that exists already (extra `dask`).

Every worker must see the job's folder and pass tables under the same path. The scheduler keeps
nothing that we need: results are files, and a run that lost its scheduler starts again from them.
A task that lost its worker is run again by Dask, up to its `allowed-failures`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final, TypeVar

from linkage.errors import ClusterError, EngineError

Item = TypeVar("Item")
Result = TypeVar("Result")
_CONNECT_SECONDS: Final = 10


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
        self._client, self._per_machine, self._own = client, per_machine, False

    @classmethod
    def connect(cls, address: str, per_machine: int = 1) -> DaskEngine:
        """Connect to a scheduler that has a worker.

        Raises:
            EngineError: The extra is not installed.
            ClusterError: The scheduler does not answer, or no worker has come to it.
        """
        try:
            from distributed import Client
        except ImportError as error:
            raise EngineError(
                "Dask is not installed.", advice="Install the extra: pip install 'wasl[dask]'."
            ) from error
        try:
            client = Client(address, timeout=_CONNECT_SECONDS, set_as_default=False)  # type: ignore[no-untyped-call]
        except (OSError, TimeoutError, ValueError) as error:
            raise ClusterError("The Dask scheduler does not answer.", advice="Check its address.") from error
        try:
            client.wait_for_workers(1, timeout=_CONNECT_SECONDS)
        except TimeoutError as error:
            client.close()  # type: ignore[no-untyped-call]
            raise ClusterError("The Dask scheduler has no worker.", advice="Start workers that join it.") from error
        engine = cls(client, per_machine)
        engine._own = True
        return engine

    @property
    def workers(self) -> int:
        """See `port.Engine`."""
        return self._per_machine

    def run(self, task: Callable[[Item], None], items: Sequence[Item]) -> None:
        """See `port.Engine`.

        Raises:
            ClusterError: The cluster lost a task more often than it allows, or was closed.
        """
        futures = [self._client.submit(task, item, pure=False) for item in items]
        with _losses(self._client, futures):
            for future in futures:
                future.result()

    def call(self, task: Callable[[Item], Result], item: Item) -> Result:
        """See `port.Engine`.

        Raises:
            ClusterError: As `run`.
        """
        future = self._client.submit(task, item, pure=False)
        with _losses(self._client, [future]):
            made: Result = future.result()
        return made

    def close(self) -> None:
        """Close the client, if it was opened by `connect`."""
        if self._own:
            self._client.close()


@contextmanager
def _losses(client: Any, futures: list[Any]) -> Iterator[None]:
    """Name what a cluster loses; a task's own errors pass as they are."""
    from distributed import CancelledError, KilledWorker

    try:
        yield
    except (KilledWorker, CancelledError, OSError) as error:
        raise ClusterError("The cluster lost a task of the run.") from error
    finally:
        client.cancel(futures)
