"""Both units served by uvicorn on loopback, and a Chromium that looks at them."""

from __future__ import annotations

import os
import shutil
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from tests.service.parties import World, open_world
from tests.service.web.scene import fill_linkage, fill_statistics

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
ARGUMENTS = [
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    *(["--no-sandbox"] if os.geteuid() == 0 else []),
]


@dataclass
class Site:
    """A unit's pages at an address, with the ids of what the scene made."""

    address: str
    world: World
    ids: dict[str, str]


def _serve(world: World) -> tuple[str, uvicorn.Server, threading.Thread]:
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(world.client.app, lifespan="off", log_config=None, access_log=False))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    deadline = time.monotonic() + 20
    while not server.started:
        assert time.monotonic() < deadline, "the server did not start"
        time.sleep(0.02)
    return f"http://127.0.0.1:{listener.getsockname()[1]}", server, thread


@pytest.fixture(scope="session")
def sites(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Site]]:
    made: dict[str, Site] = {}
    running = []
    for role, fill in (("linkage", fill_linkage), ("statistics", fill_statistics)):
        folder: Path = tmp_path_factory.mktemp(role)
        world = open_world(folder, f"sqlite:///{folder / 'unit.sqlite'}", role=role, workers=0)
        ids = fill(world)
        address, server, thread = _serve(world)
        made[role] = Site(address, world, ids)
        running.append((world, server, thread))
    yield made
    for world, server, thread in running:
        server.should_exit = True
        thread.join(20)
        world.close()


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, headless=True, args=ARGUMENTS)
        yield browser
        browser.close()
