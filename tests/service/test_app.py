"""The application around the routes: status, headers, ids, logs without values, honest failures."""

from __future__ import annotations

import json
import logging
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import structlog
from fastapi import APIRouter

from contract.errors import ConfigurationError
from service import parts
from service.logs import configure_logs
from service.unit import open_unit
from tests.service.parties import make_parcel, push


def test_status_says_who_this_is(linkage) -> None:
    answer = linkage.client.get("/api/v1/status")
    assert answer.status_code == 200
    body = answer.json()
    assert (body["role"], body["health"]) == ("linkage", "ok")
    assert body["signing_key"] == linkage.agreement.party("lu").signing_key


def test_every_answer_carries_headers_and_its_own_id(worlds) -> None:
    world = worlds()
    answers = [world.client.get(path) for path in ("/api/v1/status", "/absent", "/api/v1/audit/entries", "/metrics")]
    assert [answer.status_code for answer in answers] == [200, 404, 401, 200]
    for answer in answers:
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert answer.headers["cache-control"] == "no-store"
    assert len({answer.headers["x-request-id"] for answer in answers}) == len(answers)
    assert answers[1].headers["content-type"] == "application/problem+json"
    assert 'wasl_refusals_total{code="signature.invalid"} 1.0' in answers[3].text


def test_an_unexpected_error_gives_nothing_away(worlds, monkeypatch, capsys) -> None:
    router = APIRouter()

    @router.get("/broken")
    def broken() -> None:
        raise RuntimeError("Mohammed Alaoui")

    monkeypatch.setattr(parts, "ROUTERS", (*parts.ROUTERS, (router, parts.BOTH)))
    configure_logs()
    try:
        world = worlds()
        answer = world.client.get("/broken?name=Alaoui")
        logging.getLogger("library").warning("value %s", "Alaoui")
    finally:
        structlog.reset_defaults()
        logging.getLogger().handlers.clear()
    assert answer.status_code == 500
    assert answer.json()["type"] == "urn:wasl:error:wasl.unexpected"
    written = capsys.readouterr().err
    lines = [json.loads(line) for line in written.splitlines()]
    assert [line["event"] for line in lines] == ["unexpected", "request", "library"]
    assert lines[0]["error"] == "RuntimeError"
    assert lines[0]["request_id"] == answer.headers["x-request-id"]
    assert "Alaoui" not in written + answer.text


def test_logs_drop_what_is_not_on_the_list(capsys) -> None:
    configure_logs()
    try:
        structlog.get_logger().info("request", body="Alaoui", name="Alaoui", route="/a")
    finally:
        structlog.reset_defaults()
        logging.getLogger().handlers.clear()
    assert set(json.loads(capsys.readouterr().err)) == {"event", "level", "timestamp", "route"}


def test_roles_have_their_own_routes_and_databases(worlds) -> None:
    linkage, statistics = worlds(), worlds(role="statistics")
    paths = [set(world.client.get("/api/v1/openapi.json").json()["paths"]) for world in (linkage, statistics)]
    assert "/api/v1/agreements/{agreement_id}/relay" in paths[0] - paths[1]
    wrong = statistics.unit.settings.model_copy(update={"database_url": linkage.unit.settings.database_url})
    with pytest.raises(ConfigurationError):
        open_unit(wrong, statistics.unit.keys)


def test_parts_added_by_a_room_are_installed_and_run(worlds, monkeypatch) -> None:
    import contextlib

    seen = []

    @contextlib.contextmanager
    def worker(unit):
        seen.append(("start", unit.role))
        yield
        seen.append(("stop", unit.role))

    monkeypatch.setattr(parts, "WORKERS", (worker,))
    monkeypatch.setattr(parts, "INSTALLERS", (lambda _app, unit: seen.append(("install", unit.role)),))
    world = worlds()
    assert world.client.get("/api/v1/status").status_code == 200
    world.close()
    assert seen == [("install", "linkage_unit"), ("start", "linkage_unit"), ("stop", "linkage_unit")]
    assert world.actions()[-1] == "unit:stop"
    world.unit.database.close()


def test_nothing_of_a_submission_is_in_the_database_or_the_log_but_names_and_digests(statistics) -> None:
    parcel = make_parcel(statistics)
    push(statistics, parcel)
    with statistics.unit.database.read() as session:
        from sqlalchemy import text

        from service.db.models import all_metadata

        dump = ""
        for table in all_metadata().sorted_tables:
            dump += repr(session.execute(text(f'SELECT * FROM "{table.name}"')).all())
    for value in ("s1", "r1"):  # subject and record references of the payload
        assert f"'{value}'" not in dump


def test_a_real_process_serves_and_stops_gracefully(tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    secret = tmp_path / "passphrase"
    secret.write_text("a long passphrase")
    environment = os.environ | {
        "WASL_ROLE": "linkage",
        "WASL_DATA_DIR": str(tmp_path / "data"),
        "WASL_PORT": str(port),
        "WASL_PASSPHRASE_FILE": str(secret),
    }
    code = "from service.server import serve; from service.settings import Settings; serve(Settings())"
    with subprocess.Popen([sys.executable, "-c", code], env=environment, stderr=subprocess.PIPE, text=True) as process:
        try:
            import httpx2

            deadline = time.monotonic() + 60
            while time.monotonic() < deadline:
                try:
                    answer = httpx2.get(f"http://127.0.0.1:{port}/api/v1/status", trust_env=False)
                    break
                except httpx2.TransportError:
                    time.sleep(0.05)
            assert answer.json()["role"] == "linkage"
        finally:
            process.send_signal(signal.SIGTERM)
        _, written = process.communicate(timeout=20)
    assert process.returncode == 0
    assert [json.loads(line)["event"] for line in written.splitlines()] == ["start", "request", "stop"]
    assert "a long passphrase" not in written
