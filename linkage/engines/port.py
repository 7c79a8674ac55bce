"""What runs the chunks of a linkage."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


class Engine(Protocol):
    """Runs independent tasks.

    A task has no effect but its result, or a file of its own, and may run twice: an engine that loses a worker runs
    its tasks again. The order in which tasks run makes no difference to any result.
    """

    @property
    def workers(self) -> int:
        """How many tasks run at once on one machine: what the memory of a run is shared by."""
        ...

    def run(self, task: Callable[[Item], None], items: Sequence[Item]) -> None:
        """Run a task on every item; returns when all are done, raises the first error."""
        ...

    def call(self, task: Callable[[Item], Result], item: Item) -> Result:
        """Return what a task makes of one item. Threads may call at the same time."""
        ...

    def close(self) -> None:
        """Let go of what the engine itself opened."""
        ...
