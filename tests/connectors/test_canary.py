"""Planted identities are found in no file of the connector but its sources, in no temporary file, error or log."""

from __future__ import annotations

import io
import logging
import re
import tempfile
from pathlib import Path

import pytest

from connectors.errors import SourceError
from connectors.mapping import read_events, read_identities
from contract.errors import WaslError
from tests.connectors.world import CANARIES, VINTAGE, build

SOURCES = {"rows.csv", "events.csv"}


def leaks(content: bytes) -> list[str]:
    """Return the canaries in some bytes, in the clear or as UTF-16."""
    return [one for one in CANARIES if one.encode() in content or one.encode("utf-16-le") in content]


def test_identities_stay_in_the_source(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    opened: list[str] = []
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    monkeypatch.setenv("TMPDIR", str(temporary))
    original = io.open

    def watched(file, mode="r", *arguments, **options):
        if isinstance(mode, str) and set(mode) & set("wax+"):
            opened.append(str(file))
        return original(file, mode, *arguments, **options)

    monkeypatch.setattr("builtins.open", watched)
    caplog.set_level(logging.DEBUG)
    world = build(tmp_path / "world")
    world.make_live()
    world.complete_ceremony()
    agents = world.agents
    for agent in agents.values():
        assert not leaks(str(agent.check()).encode())
    with pytest.raises(WaslError):
        agents["dgsn"].encode(VINTAGE)
    for name in ("cnss", "dgsn"):
        made = agents[name].encode(VINTAGE)
        assert not leaks(str(made.report).encode())
        assert not leaks(str(agents[name].preview(VINTAGE)).encode())
        manifest_id = made.signed.manifest.id
        agents[name].approve(manifest_id, by="operator")
        agents[name].push(manifest_id)
        assert not leaks(str(agents[name].status()).encode())
    looked_at = 0
    for path in tmp_path.rglob("*"):
        if path.is_file() and path.name not in SOURCES:
            looked_at += 1
            assert not leaks(path.read_bytes()), path.name
    assert looked_at > 20
    assert not list(temporary.iterdir())
    assert not [name for name in opened if str(temporary) in name]
    out, err = capfd.readouterr()
    assert not leaks((out + err + caplog.text).encode())
    for name, agent in agents.items():
        text = (agent.configuration.folder / "rows.csv").read_bytes()
        assert leaks(text), f"{name}: the canary must be in the source for this test to mean anything"


@pytest.mark.parametrize("damage", ["encoding", "shape", "doubled id", "date", "stray event"])
def test_no_error_quotes_a_value(tmp_path: Path, damage: str) -> None:
    agent = build(tmp_path).agents["dgsn"]
    rows, events = agent.configuration.folder / "rows.csv", agent.configuration.folder / "events.csv"
    text = rows.read_text()
    first = text.splitlines()[1]
    if damage == "encoding":
        rows.write_bytes(text.encode() + "CANARYID-X,P,X1,SEN,CANARYDIALLO\xe9".encode("latin-1"))
    elif damage == "shape":
        rows.write_text(text + "CANARYID-X,CANARYDIALLO\n")
    elif damage == "doubled id":
        rows.write_text(text + first + "\n")
    elif damage == "date":
        events.write_text(re.sub(r"2024-01-1\dT", "CANARYPOST", events.read_text()))
    else:
        events.write_text(events.read_text() + "CANARYID-X,2024-01-01,entry,CANARYPOST,air,,work\n")
    with pytest.raises(WaslError) as caught:
        read_events(agent.configuration, read_identities(agent.configuration).frame.get_column("record_id"))
    error = caught.value
    chain = [error, error.__cause__, None if error.__suppress_context__ else error.__context__]
    said = " ".join(f"{one!r} {getattr(one, 'where', '')}" for one in chain if one is not None)
    assert not leaks((said + error.diagnostics() + str(error.problem())).encode())
    assert isinstance(error, SourceError) or error.where.get("row")
