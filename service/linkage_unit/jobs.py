"""The linkage unit's workers, as `service.parts.WORKERS` enters them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from service.runs.worker import running_workers
from service.unit import Unit


@contextmanager
def linkage_workers(unit: Unit) -> Iterator[None]:
    """Run the workers of a linkage unit; nothing at another unit."""
    if unit.settings.role != "linkage":
        yield
        return
    from service.linkage_unit.workflow import LinkageWorkflow  # its libraries load where they are needed

    workflow = LinkageWorkflow(unit)
    try:
        with running_workers(unit, workflow):
            yield
    finally:
        workflow.close()
