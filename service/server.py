"""Runs one unit as a process: uvicorn, one worker, a graceful stop on SIGTERM and SIGINT."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import structlog
import uvicorn

from contract.errors import ConfigurationError
from service.app import create_app
from service.keys import UnitKeys
from service.logs import configure_logs
from service.settings import KEY_FILE, Settings

_GRACE_SECONDS = 20


def load_or_create_keys(settings: Settings) -> UnitKeys:
    """Return the unit's keys; the first start makes them.

    Raises:
        ConfigurationError: No passphrase is set.
        KeyFileError: The key file does not open.
    """
    path, passphrase = settings.data_dir / KEY_FILE, settings.read_passphrase()
    return UnitKeys.load(path, passphrase) if path.exists() else UnitKeys.create(path, passphrase)


def serve(settings: Settings) -> None:
    """Run the unit until it is told to stop. Running requests are finished first.

    Raises:
        ConfigurationError: No passphrase is set, or the database is that of the other role.
        StorageError: Database or disk do not answer.
        IntegrityError: The audit log was altered.
    """
    configure_logs()
    if settings.port == 0 and settings.base_url is None:
        raise ConfigurationError(
            "A port chosen by the system needs the address that callers use.", advice="Set WASL_PORT or WASL_BASE_URL."
        )
    app = create_app(settings, load_or_create_keys(settings))
    structlog.get_logger().info("start", role=settings.role, address=settings.url)
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=_GRACE_SECONDS,
    )
    with _signals_end_quietly():
        uvicorn.Server(config).run()
    structlog.get_logger().info("stop", role=settings.role)


@contextmanager
def _signals_end_quietly() -> Iterator[None]:
    """Let `serve` return after a graceful stop: uvicorn raises the signal that stopped it once more."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {kind: signal.signal(kind, lambda _kind, _frame: None) for kind in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for kind, handler in before.items():
            signal.signal(kind, handler)
