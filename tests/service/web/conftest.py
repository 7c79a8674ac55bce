"""A filled linkage unit and a filled statistics unit for all tests of pages, and people who look at them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from starlette.testclient import TestClient

from tests.service.parties import BASE_URL, World, open_world
from tests.service.web.scene import PASSWORD, fill_linkage, fill_statistics

SAME_SITE = {"sec-fetch-site": "same-origin"}


def visitor(world: World, name: str | None = None) -> TestClient:
    """A browser of its own, signed in as an account where one is named."""
    client = TestClient(world.client.app, base_url=BASE_URL, headers=SAME_SITE, follow_redirects=False)
    if name is not None:
        answer = client.post("/sign-in", data={"name": name, "password": PASSWORD})
        assert answer.status_code == 303, answer.text
    return client


@pytest.fixture(scope="package")
def units(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, tuple[World, dict[str, str]]]]:
    made = {}
    for role, fill in (("linkage", fill_linkage), ("statistics", fill_statistics)):
        folder = tmp_path_factory.mktemp(role)
        world = open_world(folder, f"sqlite:///{folder / 'unit.sqlite'}", role=role, workers=0)
        made[role] = (world, fill(world))
    yield made
    for world, _ in made.values():
        world.close()


@pytest.fixture
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., World]]:
    """Units with nothing in them but what a test puts there."""
    opened = []

    def make(role: str = "linkage", **how: object) -> World:
        folder = tmp_path_factory.mktemp(f"empty-{role}")
        opened.append(open_world(folder, f"sqlite:///{folder / 'unit.sqlite'}", role=role, workers=0, **how))
        return opened[-1]

    yield make
    for world in opened:
        world.close()
