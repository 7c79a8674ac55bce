"""Every page: closed to strangers, whole in three languages, with a JSON twin, without anything inline."""

from __future__ import annotations

import re
from typing import Any

import pytest
from fastapi.routing import APIRoute

from service.web.language import languages
from tests.service.web.conftest import visitor

OPEN = {"/sign-in", "/metrics", "/"}
IDS = {
    "linkage": {"run_id": "running"},
    "statistics": {"run_id": "first", "release_id": "approved", "digest": "cohort"},
}


def routes(app: Any, method: str) -> list[str]:
    """Paths of all routes beside the API and the static files, from the application itself."""
    found = [
        route.path
        for route in _flat(app.routes)
        if method in (getattr(route, "methods", None) or ()) and not route.path.startswith("/api/")
    ]
    assert found
    return sorted(set(found) - OPEN)


def _flat(known: Any) -> list[Any]:
    flat: list[Any] = []
    for route in known:
        inner = getattr(getattr(route, "original_router", None), "routes", None)
        flat += _flat(inner) if inner else [route]
    return [route for route in flat if isinstance(route, APIRoute)]


def paths(units: Any, role: str, method: str = "GET") -> list[str]:
    world, ids = units[role]
    filled = {name: ids[key] for name, key in IDS[role].items()}
    filled |= {"change": "cancel", "decision": "approve", "action": "run"}
    return [re.sub(r"{(\w+)}", lambda part: filled[part[1]], path) for path in routes(world.client.app, method)]


@pytest.mark.parametrize("role", ["linkage", "statistics"])
def test_strangers_see_nothing(units: Any, role: str) -> None:
    world, _ = units[role]
    stranger = visitor(world)
    seen = paths(units, role)
    assert {"/overview", "/agreement.json", "/submissions", "/audit", "/audit/bundle", "/runs.json"} <= set(seen)
    for path in seen:
        answer = stranger.get(path)
        if path.endswith(".json"):
            assert answer.status_code == 401, path
            assert answer.json()["type"] == "urn:wasl:error:account.not_signed_in"
        else:
            assert (answer.status_code, answer.headers["location"]) == (303, f"/sign-in?then={path}"), path
    assert stranger.get("/").headers["location"] == "/overview"


@pytest.mark.parametrize("role", ["linkage", "statistics"])
def test_strangers_change_nothing(units: Any, role: str) -> None:
    world, _ = units[role]
    posts = set(paths(units, role, "POST")) - {"/sign-out"}
    assert len(posts) >= 2
    before = [action for action in world.actions() if not action.startswith("request:")]
    for path in posts:
        form = {"agreement_id": world.agreement.id, "vintage": "2025-06", "run_id": "x"}
        assert visitor(world).post(path, data=form).headers["location"].startswith("/sign-in"), path
    assert [action for action in world.actions() if not action.startswith("request:")] == before


@pytest.mark.parametrize("language", list(languages()))
@pytest.mark.parametrize("role", ["linkage", "statistics"])
def test_every_page_is_whole_in_every_language(units: Any, role: str, language: str) -> None:
    world, _ = units[role]
    client = visitor(world, "linker" if role == "linkage" else "checker")
    for path in paths(units, role):
        answer = client.get(path, params={"lang": language})
        assert answer.status_code == 200, (path, answer.text[:300])
        if not answer.headers["content-type"].startswith("text/html"):
            continue
        direction = "rtl" if language == "ar" else "ltr"
        assert f'<html lang="{language}" dir="{direction}">' in answer.text
        assert answer.text.count("<h1>") == 1
        assert "<caption>" in answer.text or "<table" not in answer.text
        assert all("scope=" in cell for cell in re.findall(r"<th[^e]?[^>]*>", answer.text) if "<thead" not in cell)
        policy = answer.headers["content-security-policy"]
        assert "unsafe" not in policy
        assert "default-src 'none'" in policy
        assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=|javascript:", answer.text)
        assert not re.findall(r'(?:src|href|action)="(?:https?:)?//', answer.text)
        assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("role", ["linkage", "statistics"])
def test_every_page_has_a_twin(units: Any, role: str) -> None:
    world, _ = units[role]
    client = visitor(world, "officer")
    known = paths(units, role)
    pages = [path for path in known if client.get(path).headers["content-type"].startswith("text/html")]
    assert len(pages) == (6 if role == "linkage" else 10)
    for path in pages:
        assert f"{path}.json" in known
        assert isinstance(client.get(f"{path}.json").json(), dict)


def test_twins_say_what_pages_say(units: Any) -> None:
    world, ids = units["linkage"]
    client = visitor(world, "officer")
    run = client.get(f"/runs/{ids['running']}.json", params={"lang": "en"}).json()
    assert run["live"]["active"] is True
    assert [stage["state"] for stage in run["live"]["stages"]][:3] == ["done", "running", "waiting"]
    assert run["live"]["stages"][1]["count"] == "5 of 12"
    page = client.get(f"/runs/{ids['running']}", params={"lang": "en"}).text
    assert run["live"]["percent_text"] in page
    failed = client.get(f"/runs/{ids['failed']}.json").json()["run"]
    assert failed["error"]["title"] in client.get(f"/runs/{ids['failed']}").text.replace("&#39;", "'")
    agreement = client.get("/agreement.json").json()["agreement"]
    text = client.get("/agreement").text
    for party in agreement["parties"]:
        assert party["signing_fingerprint"] in text
    assert agreement["id"] == world.agreement.id
    found = client.get("/submissions.json").json()
    assert found["vintages"][0]["missing"] == ["border_crossing"]
    assert found["submissions"][0]["manifest_id"] in client.get("/submissions").text


def test_what_is_not_there_is_said_on_a_page(units: Any) -> None:
    world, _ = units["linkage"]
    client = visitor(world, "officer")
    answer = client.get("/runs/absent", params={"lang": "fr"})
    assert answer.status_code == 404
    assert "Retour à la vue d’ensemble" in answer.text
    assert client.get("/runs/absent.json").json()["status"] == 404
    assert client.get("/agreement?id=absent").status_code == 404
    assert client.get("/audit?before=x").status_code == 422


def test_what_people_typed_is_escaped(units: Any) -> None:
    world, _ = units["linkage"]
    client = visitor(world, "officer")
    for path in ("/audit?action=<script>alert(1)</script>", "/sign-in?then=/<script>", "/overview?lang=<b>"):
        assert "<script>" not in client.get(path).text.replace('<script src="/static/wasl.js" defer></script>', "")
