"""Both units served on loopback inside this process, each with a folder, keys and a database of its own.

The real application behind a real socket: what the evaluation measures is what an institution gets. Both
roles in one process exist only here and in the demo, on labelled or synthetic data.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import uvicorn

from contract.agreement import Party
from contract.errors import UnreachableError
from service.app import create_app
from service.keys import UnitKeys
from service.settings import Settings
from service.unit import Unit

_START_SECONDS = 30.0


@dataclass(frozen=True)
class ServedUnit:
    """A unit that is up: its settings, keys, and the opened unit behind its application."""

    settings: Settings
    keys: UnitKeys
    unit: Unit

    @property
    def party(self) -> Party:
        """The unit as an agreement names it."""
        return Party.model_validate(
            {
                "name": f"{self.settings.role}-unit",
                "role": self.settings.party_role,
                "signing_key": self.keys.signing_public,
                "sealing_key": self.keys.sealing_public,
            }
        )


@contextmanager
def served_unit(
    role: str, folder: Path, *, statistics_url: str | None = None, clear: bool = False
) -> Iterator[ServedUnit]:
    """Serve a unit on a free port of the loopback interface until the block ends.

    Raises:
        UnreachableError: It did not come up in time.
    """
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    settings = Settings.model_validate(
        {
            "role": role,
            "data_dir": folder,
            "port": port,
            "statistics_url": statistics_url,
            "allow_clear_profile": clear,
            "allow_unaudited": True,
        }
    )
    keys = UnitKeys.generate()
    app = create_app(settings, keys)
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False, timeout_graceful_shutdown=5))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    deadline = time.monotonic() + _START_SECONDS
    while not server.started:
        if time.monotonic() > deadline or not thread.is_alive():
            raise UnreachableError(f"The {role} unit did not come up.")
        time.sleep(0.02)
    try:
        yield ServedUnit(settings, keys, app.state.unit)
    finally:
        server.should_exit = True
        thread.join(timeout=30)
        listener.close()
