"""Engine `local`: threads of this process. The kernels hold no interpreter lock."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from linkage.errors import EngineError

Item = TypeVar("Item")
Result = TypeVar("Result")


class LocalEngine:
    """Threads of this process.

    Args:
        threads: How many.

    Raises:
        EngineError: Fewer than one.
    """

    def __init__(self, threads: int = 1) -> None:
        if threads < 1:
            raise EngineError("An engine has at least one thread.")
        self._threads = threads

    @property
    def workers(self) -> int:
        """See `port.Engine`."""
        return self._threads

    def run(self, task: Callable[[Item], None], items: Sequence[Item]) -> None:
        """See `port.Engine`."""
        if self._threads == 1:
            for item in items:
                task(item)
            return
        with ThreadPoolExecutor(self._threads) as pool:
            futures = [pool.submit(task, item) for item in items]
            try:
                for future in futures:
                    future.result()
            except BaseException:
                for future in futures:
                    future.cancel()
                raise

    def call(self, task: Callable[[Item], Result], item: Item) -> Result:
        """See `port.Engine`: in the caller's thread."""
        return task(item)

    def close(self) -> None:
        """See `port.Engine`."""
