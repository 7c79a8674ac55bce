"""The statistics unit's workers, as `service.parts.WORKERS` enters them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from service.runs.actors import operator_token
from service.runs.worker import Workers
from service.unit import Unit


@contextmanager
def statistics_workers(unit: Unit) -> Iterator[None]:
    """Run the workers of a statistics unit; nothing at another unit."""
    if unit.settings.role != "statistics":
        yield
        return
    from service.statistics_unit.workflow import StatisticsWorkflow  # its libraries load where they are needed

    operator_token(unit.settings)
    workflow = StatisticsWorkflow(unit)
    workers = Workers(unit.database, {workflow.kind: workflow}, unit.settings.workers)
    workers.start()
    try:
        yield
    finally:
        workers.stop()
