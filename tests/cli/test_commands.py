"""Every command and option explains itself, and errors are one object for programs and three lines for people."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from typer.main import get_command
from typer.testing import CliRunner

from wasl.__main__ import main
from wasl.cli.root import app


def commands(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Yield every command below one, with the words that lead to it."""
    if hasattr(command, "commands"):
        for name, below in command.commands.items():
            yield from commands(below, (*path, name))
    else:
        yield path, command


ALL = dict(commands(get_command(app)))


def test_the_commands_of_the_design_are_there() -> None:
    wanted = "init check preview encode push approve status retract sign ceremony"
    assert {("connector", name) for name in wanted.split()} <= ALL.keys()
    assert {("demo",), ("serve",), ("evaluate",), ("doctor",), ("audit", "verify"), ("audit", "export")} <= ALL.keys()
    assert {("agreement", name) for name in ("identity", "draft", "show", "install", "approve", "verify")} <= ALL.keys()
    assert {("run", name) for name in ("start", "status", "wait", "cancel", "resume")} <= ALL.keys()
    assert {("account", "add"), ("account", "list")} <= ALL.keys()


@pytest.mark.parametrize("path", sorted(ALL), ids=" ".join)
def test_a_command_explains_itself(path: tuple[str, ...]) -> None:
    shown = CliRunner().invoke(app, [*path, "--help"])
    assert shown.exit_code == 0
    command = ALL[path]
    assert command.help, "no help text"
    silent = [
        parameter.name
        for parameter in command.params
        if isinstance(parameter, click.Option) and not parameter.help and not parameter.hidden
    ]
    assert not silent, f"options without help: {silent}"


def test_json_is_everywhere() -> None:
    without = {path for path, command in ALL.items() if not any("--json" in one.opts for one in command.params)}
    assert without == {("version",)}


def test_nothing_leaves_without_a_rehearsal() -> None:
    for path in (("connector", "push"), ("connector", "retract")):
        assert any("--dry-run" in parameter.opts for parameter in ALL[path].params), path


FAULTS = [
    (["evaluate", "{folder}"], 10, "input.invalid"),
    (["evaluate", "{folder}", "--profile", "bloom"], 10, "input.invalid"),
    (["demo", "--registers", "{folder}"], 10, "input.invalid"),
    (["demo", "--registers", "{folder}", "--out", "{folder}/out"], 10, "input.invalid"),
    (["connector", "status", "--folder", "{folder}"], 11, "connector.configuration"),
    (["connector", "init", "--institution", "dgsn", "--register", "no_such", "--source", "{source}"], 11, None),
    (["agreement", "show", "{source}"], 20, None),
    (["audit", "verify", "{source}"], 32, "integrity.broken"),
    (["serve", "--role", "judge"], 11, "configuration.invalid"),
    (["run", "status", "--data", "{folder}"], 11, "configuration.invalid"),
]


@pytest.mark.parametrize(("arguments", "exit_code", "code"), FAULTS, ids=lambda value: str(value)[:60])
def test_an_error_is_one_problem_object(
    arguments: list[str],
    exit_code: int,
    code: str | None,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    source = tmp_path / "source.csv"
    source.write_text("record_id,doc_no\nr1,QZ7741993\n", encoding="utf-8")
    (tmp_path / "passphrase").write_text("a passphrase for this test", encoding="utf-8")
    monkeypatch.setenv("WASL_PASSPHRASE_FILE", str(tmp_path / "passphrase"))
    given = [part.format(folder=folder, source=source) for part in arguments]
    with pytest.raises(SystemExit) as ended:
        main([*given, "--json"])
    said = capsys.readouterr()
    assert ended.value.code == exit_code
    assert said.out == ""
    problem = json.loads(said.err)
    assert problem["exit_code"] == exit_code
    assert problem["title"]
    assert problem["detail"], "no advice"
    assert problem["type"].startswith("urn:wasl:error:")
    assert code is None or problem["type"] == f"urn:wasl:error:{code}"
    assert "QZ7741993" not in said.err
    with pytest.raises(SystemExit) as ended:
        main(given)
    said = capsys.readouterr()
    assert ended.value.code == exit_code
    assert re.match(r"Error \[[a-z_.]+\]: .+", said.err)
    assert "\nNext: " in said.err
    assert "Traceback" not in said.err
    assert not list(folder.iterdir())


def test_a_wrong_option_is_typers_own_error(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["demo", "--persons", "few"])
    assert ended.value.code == 2
    assert "--persons" in capsys.readouterr().err


def test_the_demo_takes_no_folder_that_is_not_empty(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mine").write_text("precious", encoding="utf-8")
    with pytest.raises(SystemExit) as ended:
        main(["demo", "--keep", str(tmp_path), "--json"])
    assert ended.value.code == 10
    assert capsys.readouterr().out == ""
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]
