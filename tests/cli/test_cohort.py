"""`wasl cohort`: check and dummy on this machine, run at a unit as a person who may."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from contract.errors import ConfigurationError, ForbiddenError, InputError, UnreachableError
from wasl.cli import statistician
from wasl.cli.root import app

TOML = """name = "arrivals"
[population]
entry = "arrival"
from = 2021-01-01
to = 2022-01-01
[follow_up]
months = 12
[tables]
variables = ["permit"]
"""


def call(*arguments: str) -> dict[str, object]:
    answer = CliRunner().invoke(app, [*arguments, "--json"])
    if answer.exception is not None and not isinstance(answer.exception, SystemExit):
        raise answer.exception
    found: dict[str, object] = json.loads(answer.stdout)
    return found


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "arrivals.toml"
    path.write_text(TOML)
    return path


def test_check_and_dummy(file: Path, tmp_path: Path) -> None:
    checked = call("cohort", "check", str(file))
    tried = call("cohort", "dummy", str(file), "--persons", "500", "--out", str(tmp_path / "out"))
    assert tried["digest"] == checked["digest"]
    assert (tmp_path / "out" / "traminer_spell.csv").exists()
    assert call("cohort", "dummy", str(file), "--persons", "500")["tables"] == tried["tables"]


def test_bad_files_are_refused(file: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        call("cohort", "check", str(tmp_path / "none.toml"))
    file.write_text(TOML + "#" * 30_000)
    with pytest.raises(InputError, match="too long"):
        call("cohort", "check", str(file))


def test_a_run_needs_a_unit_and_a_person(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WASL_ACCOUNT_PASSWORD_FILE", raising=False)
    run = ("cohort", "run", str(file), "--account", "nadia", "--url", "http://127.0.0.1:9")
    with pytest.raises(ConfigurationError):
        call(*run)
    password = tmp_path / "password"
    password.write_text("sept oliviers")
    monkeypatch.setenv("WASL_ACCOUNT_PASSWORD_FILE", str(password))
    with pytest.raises(UnreachableError):
        call(*run)


def test_no_command_approves_a_release() -> None:
    from typer.main import get_command

    def names(group: object, before: str = "") -> list[str]:
        found = []
        for name, command in getattr(group, "commands", {}).items():
            found += [f"{before} {name}".strip(), *names(command, f"{before} {name}")]
        return found

    every = names(get_command(app))
    assert "cohort run" in every
    assert not [name for name in every if "release" in name]
    assert ForbiddenError.http_status == 403
    assert not hasattr(statistician.Desk, "approve")
