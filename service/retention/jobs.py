"""The unit's daily look at what its agreements still allow it to keep, as `service.parts.WORKERS` enters it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from contract.errors import StorageError
from service.retention.erasure import end_retention
from service.unit import Unit

TICK_SECONDS = 24 * 3600.0
RETRY_SECONDS = 600.0

logger = logging.getLogger(__name__)


@contextmanager
def retention_ticks(unit: Unit, tick_seconds: float = TICK_SECONDS) -> Iterator[None]:
    """Erase what is due now, and look again every day while the application serves.

    Raises:
        StorageError: Disk or database refuse at the start: the unit does not serve what it must not hold.
    """
    end_retention(unit)
    stop = threading.Event()

    def watch() -> None:
        wait = tick_seconds
        while not stop.wait(wait):
            try:
                end_retention(unit)
                wait = tick_seconds
            except StorageError:
                logger.warning("the end of retention waits for disk or database")
                wait = min(tick_seconds, RETRY_SECONDS)

    thread = threading.Thread(target=watch, name="retention", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
