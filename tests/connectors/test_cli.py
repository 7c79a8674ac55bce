"""`wasl connector`: every command with JSON on standard output, dry runs that do nothing, exit codes of the errors."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from connectors.agent import ConnectorAgent
from connectors.errors import ApprovalError, WaitingError
from contract.errors import ConflictError, InputError
from tests.connectors.world import PASSPHRASE, VINTAGE, World, build, insurance_table
from wasl.cli.connector import app


@pytest.fixture
def passphrase(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "passphrase").write_bytes(PASSPHRASE + b"\n")
    monkeypatch.setenv("WASL_PASSPHRASE_FILE", str(tmp_path / "passphrase"))


@pytest.fixture
def world(tmp_path: Path, passphrase: None, monkeypatch: pytest.MonkeyPatch) -> World:
    made = build(tmp_path / "world")
    by_folder = {agent.configuration.folder: agent for agent in made.agents.values()}
    monkeypatch.setattr(ConnectorAgent, "open", lambda folder, passphrase, **options: by_folder[folder])
    return made


def run(world: World, name: str, *arguments: str) -> Any:
    folder = world.agents[name].configuration.folder
    result = CliRunner().invoke(app, [*arguments, "--folder", str(folder), "--json"])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    # the units run in this very process and log there too
    return json.loads(result.stdout.splitlines()[-1])


def test_the_whole_way_by_commands(world: World, tmp_path: Path) -> None:
    assert run(world, "dgsn", "status")["agreement"]["waiting_for"] == ["dgsn", "cnss", "cndp"]
    for name in ("dgsn", "cnss"):
        run(world, name, "sign", "--yes")
    world.approve()
    with pytest.raises(WaitingError):
        run(world, "dgsn", "ceremony")
    with pytest.raises(WaitingError):
        run(world, "cnss", "ceremony")
    with pytest.raises(WaitingError):
        run(world, "dgsn", "ceremony")
    assert run(world, "cnss", "ceremony")["phase"] == "complete"
    assert run(world, "dgsn", "ceremony")["phase"] == "complete"
    checked = run(world, "dgsn", "check")
    assert checked["fields"]["birth_date"] | {"coverage": 1.0, "unparsable": 0} == checked["fields"]["birth_date"]
    with pytest.raises(WaitingError) as caught:
        run(world, "dgsn", "encode", VINTAGE, "--no-audit")
    assert caught.value.exit_code == 41
    run(world, "cnss", "encode", VINTAGE, "--no-audit")
    made = run(world, "dgsn", "encode", VINTAGE, "--no-audit")
    assert (made["records"], made["subjects"]) == (120, 60)
    manifest_id = made["manifest_id"][:12]
    shown = run(world, "dgsn", "preview", VINTAGE)
    assert shown["prepared"][0]["manifest_id"] == made["manifest_id"]
    assert shown["crowded_lists_missing"] == []
    with pytest.raises(ApprovalError):
        run(world, "dgsn", "push", manifest_id)
    assert run(world, "dgsn", "approve", manifest_id, "--by", "operator")["state"] == "approved"
    assert run(world, "dgsn", "push", manifest_id, "--dry-run")["sent"] is False
    assert run(world, "dgsn", "status")["submissions"][0]["state"] == "approved"
    assert len(run(world, "dgsn", "push", manifest_id, "--to-folder", str(tmp_path / "disk"))["folders"]) == 2
    sent = run(world, "dgsn", "push", manifest_id)
    assert all(unit["sent_bytes"] > 0 for unit in sent.values())
    (tmp_path / "ids.txt").write_text("CANARYID-B000\nCANARYID-B001\nnobody\n")
    counted = run(world, "dgsn", "retract", "--records", str(tmp_path / "ids.txt"), "--dry-run")
    assert counted == {"records": 3, "known": 2, "retracted": False}
    assert run(world, "dgsn", "retract", manifest_id, "--dry-run")["state"] == "sent"
    assert run(world, "dgsn", "retract", manifest_id)["state"] == "retracted"
    with pytest.raises(InputError):
        run(world, "dgsn", "retract")


def test_init_writes_a_configuration_and_keys(tmp_path: Path, passphrase: None) -> None:
    rows, events = insurance_table()
    rows.write_csv(tmp_path / "a.csv")
    events.rename({"period": "PERIODE"}).write_csv(tmp_path / "e.csv")
    folder = tmp_path / "connector"
    arguments = ["init", "--institution", "cnss", "--register", "social_security", "--folder", str(folder), "--json"]
    arguments += ["--source", str(tmp_path / "a.csv"), "--events", str(tmp_path / "e.csv")]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.exception
    made = json.loads(result.stdout)
    assert made["complete"] is True
    assert made["party"]["name"] == "cnss"
    text = (folder / "connector.toml").read_text()
    assert "# period = {" in text
    assert "PERIODE" not in text
    agent = ConnectorAgent.open(folder, PASSPHRASE)
    assert agent.status()["agreement"] is None
    again = CliRunner().invoke(app, arguments)
    assert isinstance(again.exception, ConflictError)
    assert (folder / "connector.toml").read_text() == text
