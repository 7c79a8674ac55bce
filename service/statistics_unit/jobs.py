"""The statistics unit's workers, as `service.parts.WORKERS` enters them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from service.runs.worker import running_workers
from service.unit import Unit


@contextmanager
def statistics_workers(unit: Unit) -> Iterator[None]:
    """Run the workers of a statistics unit; nothing at another unit."""
    if unit.settings.role != "statistics":
        yield
        return
    from service.statistics_unit.workflow import StatisticsWorkflow  # its libraries load where they are needed

    with running_workers(unit, StatisticsWorkflow(unit)):
        yield
