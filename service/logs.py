"""Logs: one JSON line an event, holding only fields of a fixed list.

A field that is not on the list is dropped, so that no body, query, identity or key gets into a log
by a careless call.
"""

from __future__ import annotations

import logging
import sys
import traceback
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any

import structlog

ALLOWED = frozenset(
    {
        *("event", "level", "timestamp", "request_id", "method", "route", "status", "milliseconds", "code"),
        *("party", "agreement_id", "error", "at", "role", "address", "version"),
        *("run_id", "stage", "chunk", "chunks", "done", "total", "rows"),
    }
)


def keep_allowed(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Drop every field that is not on the list."""
    return {name: value for name, value in event.items() if name in ALLOWED}


def configure_logs() -> None:
    """Write the service's logs, and warnings of libraries by name only, to standard error."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            keep_allowed,
            structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    logging.basicConfig(level=logging.WARNING, handlers=[_NameOnly()], force=True)


class _NameOnly(logging.Handler):
    """Libraries' messages may quote values: keep who warned and where, not what was said."""

    def emit(self, record: logging.LogRecord) -> None:
        place = f"{record.name}:{record.funcName}:{record.lineno}"
        structlog.get_logger().warning("library", code=record.levelname.lower(), at=place)


def describe(error: BaseException) -> dict[str, Any]:
    """Return an unexpected error's kind and the places it passed, without its message."""
    frames = [f"{Path(frame.filename).name}:{frame.lineno}" for frame in traceback.extract_tb(error.__traceback__)]
    return {"error": type(error).__name__, "at": frames[-8:]}
