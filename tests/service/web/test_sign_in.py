"""Sign-in and sign-out in a browser's terms: cookies, redirects, other sites' pages."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.testclient import TestClient

from service.accounts.requests import cookie_name
from tests.service.parties import BASE_URL
from tests.service.web.conftest import visitor
from tests.service.web.scene import PASSWORD


def enter(client: Any, **changes: str) -> Any:
    return client.post("/sign-in", data={"name": "linker", "password": PASSWORD, **changes})


def test_the_cookie_is_for_this_unit_and_no_script(units: Any) -> None:
    world, _ = units["linkage"]
    cookie = enter(visitor(world)).headers["set-cookie"]
    assert cookie.startswith("wasl-linkage=")
    for part in ("HttpOnly", "SameSite=strict", "Path=/", "Max-Age=36000"):
        assert part in cookie
    secure = world.unit.settings.model_copy(update={"base_url": "https://unit.test"})
    assert cookie_name(secure) == "__Host-wasl-linkage"


def test_a_wrong_password_says_so_and_opens_nothing(units: Any) -> None:
    world, _ = units["linkage"]
    client = visitor(world)
    answer = enter(client, password="wrong password")
    assert answer.status_code == 401
    assert 'role="alert"' in answer.text
    assert "set-cookie" not in answer.headers
    assert client.get("/overview").status_code == 303


def test_too_many_attempts_are_stopped(empty: Any) -> None:
    world = empty()
    for _ in range(9):
        world.client.app.state.attempts.admit("somebody", "testclient")
    assert [enter(visitor(world), name="somebody").status_code for _ in range(2)] == [401, 429]


@pytest.mark.parametrize(
    ("wanted", "reached"),
    [
        ("/audit?action=run:start", "/audit?action=run:start"),
        ("https://elsewhere.test/", "/overview"),
        ("//elsewhere.test/", "/overview"),
        ("/\\elsewhere.test", "/overview"),
        ("/\r\nSet-Cookie: a=b", "/overview"),
        ("/sign-out", "/overview"),
    ],
)
def test_sign_in_leads_back_but_never_elsewhere(units: Any, wanted: str, reached: str) -> None:
    world, _ = units["linkage"]
    assert enter(visitor(world), then=wanted).headers["location"] == reached


def test_sign_out_ends_the_session_itself(units: Any) -> None:
    world, _ = units["linkage"]
    client = visitor(world, "officer")
    token = client.cookies["wasl-linkage"]
    assert client.get("/overview").status_code == 200
    assert client.post("/sign-out").headers["location"].startswith("/sign-in")
    client.cookies.set("wasl-linkage", token)
    assert client.get("/overview").status_code == 303


@pytest.mark.parametrize(
    ("headers", "allowed"),
    [
        ({"sec-fetch-site": "same-origin"}, True),
        ({"sec-fetch-site": "cross-site"}, False),
        ({"sec-fetch-site": "same-site"}, False),
        ({"sec-fetch-site": "none"}, False),
        ({"sec-fetch-site": "cross-site", "origin": BASE_URL}, False),
        ({"origin": BASE_URL}, True),
        ({"origin": "http://elsewhere.test"}, False),
        ({"origin": "null"}, False),
        ({}, False),
    ],
)
def test_other_sites_cannot_act_in_somebodys_name(units: Any, headers: dict[str, str], allowed: bool) -> None:
    world, ids = units["linkage"]
    token = visitor(world, "officer").cookies["wasl-linkage"]
    client = TestClient(world.client.app, base_url=BASE_URL, follow_redirects=False)
    client.cookies.set("wasl-linkage", token)
    for path in (f"/runs/{ids['running']}/cancel", f"/api/v1/runs/{ids['running']}/cancel"):
        answer = client.post(path, headers=headers)
        assert answer.status_code == 403  # an officer may not cancel in any case: what differs is why
        refused = "did not come from a page of this unit" in answer.text
        assert refused is not allowed


def test_a_page_of_one_unit_is_not_opened_by_the_others_session(units: Any) -> None:
    linkage, _ = units["linkage"]
    statistics, _ = units["statistics"]
    client = visitor(statistics)
    client.cookies.set("wasl-statistics", visitor(linkage, "officer").cookies["wasl-linkage"])
    assert client.get("/overview").status_code == 303
