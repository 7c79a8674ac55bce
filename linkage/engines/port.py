"""What runs the chunks of a linkage."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

Item = TypeVar("Item")


class Engine(Protocol):
    """Runs independent tasks.

    A task writes its result to a file of its own and may run twice: an engine that loses a worker runs
    its tasks again. The order in which tasks run makes no difference to any result.
    """

    @property
    def workers(self) -> int:
        """How many tasks run at once on one machine: what the memory of a run is shared by."""
        ...

    def run(self, task: Callable[[Item], None], items: Sequence[Item]) -> None:
        """Run a task on every item; returns when all are done, raises the first error."""
        ...
