"""Every `wasl …` that the documentation names exists, with its options and, in shell blocks, its arguments."""

from __future__ import annotations

import re
import shlex
from typing import Any

import typer.main

from tests.docs.pages import PAGES, ROOT, name_of, read
from wasl.cli import root

TREE = typer.main.get_command(root.app)
PAGE_BY_NAME = {name_of(path): read(path) for path in PAGES}
FULL = [(name, command) for name, page in PAGE_BY_NAME.items() for command in page.full_commands]
NAMED = [(name, command) for name, page in PAGE_BY_NAME.items() for command in page.named_commands]


def leaf_of(command: str) -> tuple[Any, list[str]]:
    """Return the command of the tree that a line names and its remaining words."""
    words = shlex.split(command.split(" > ", maxsplit=1)[0])[1:]
    found: Any = TREE
    while words and words[0] in getattr(found, "commands", {}):
        found = found.commands[words.pop(0)]
    return found, words


def fault(command: str, *, whole: bool = False) -> str | None:
    """Return what is wrong with a command line, None where it could be run; `whole` asks for its arguments too."""
    found, words = leaf_of(command)
    if hasattr(found, "commands"):
        other = [word for word in words if not word.startswith("-")]
        return f"there is no command {other[0]!r}" if other else None
    known = {"--help", *(name for one in found.params for name in [*one.opts, *one.secondary_opts])}
    unknown = [word for word in words if word.startswith("-") and word.partition("=")[0] not in known]
    if unknown:
        return f"there is no option {unknown[0]}"
    if whole:
        try:
            found.make_context(found.name, words)
        except Exception as error:
            return str(error)
    return None


def test_the_checker_finds_what_is_wrong():
    assert fault("wasl nosuch") == "there is no command 'nosuch'"
    assert fault("wasl connector nosuch FILE") == "there is no command 'nosuch'"
    assert fault("wasl demo --person 5") == "there is no option --person"
    assert fault("wasl connector encode 2026-06 -C x --group none", whole=True) is None
    assert fault("wasl connector encode") is None
    assert "vintage" in str(fault("wasl connector encode", whole=True)).lower()


def test_the_documentation_names_commands():
    assert len(FULL) > 40
    assert len(NAMED) > 20
    assert {name for name, _ in FULL} >= {"README.md", "docs/guides/institution-operator.md"}


def test_commands_in_running_text_exist():
    assert [(page, command, wrong) for page, command in NAMED if (wrong := fault(command))] == []


def test_commands_in_blocks_could_be_typed():
    assert [(page, command, wrong) for page, command in FULL if (wrong := fault(command, whole=True))] == []


def test_commands_in_the_advice_of_messages_exist():
    rooms = ("contract", "pseudonymisation", "connectors", "linkage", "trajectories", "service", "evaluation", "wasl")
    found = [
        (path.name, command)
        for room in rooms
        for path in sorted((ROOT / room).rglob("*.py"))
        for command in re.findall(r"`(wasl [^`{\n]+)", path.read_text(encoding="utf-8"))
    ]
    assert len(found) > 15
    assert [(name, command, wrong) for name, command in found if (wrong := fault(command))] == []


def test_every_command_is_documented():
    named = " ".join(command for _, command in [*FULL, *NAMED])
    missing = [path for path in _leaves(TREE, "wasl") if path not in named]
    assert not missing


def _leaves(command, path):
    if not hasattr(command, "commands"):
        return [path]
    return [leaf for name, child in command.commands.items() for leaf in _leaves(child, f"{path} {name}")]
