"""The page of errors lists every code that any room can raise, with its exit code and HTTP status."""

from __future__ import annotations

import ast
import importlib
import re

from contract.errors import WaslError
from tests.docs.pages import ROOT

PAGE = (ROOT / "docs" / "guides" / "errors.md").read_text(encoding="utf-8")
ROWS = {
    code: (int(left), int(right))
    for code, left, right in re.findall(r"^\| `([a-z_.]+)` \| (\d+) \| (\d+) \|", PAGE, flags=re.MULTILINE)
}
ROOMS = ("contract", "pseudonymisation", "connectors", "linkage", "trajectories", "service", "evaluation", "wasl")


def modules_with_errors() -> list[str]:
    """Return the modules that define an exception class; only these need importing."""
    found = []
    for room in ROOMS:
        for path in sorted((ROOT / room).rglob("*.py")):
            text = path.read_text(encoding="utf-8")
            if not re.search(r"^class \w+\(.*Error\):|^class \w+\(Exception\):", text, flags=re.MULTILINE):
                continue
            if any(isinstance(node, ast.ClassDef) for node in ast.parse(text).body):
                found.append(
                    path.relative_to(ROOT).with_suffix("").as_posix().replace("/", ".").removesuffix(".__init__")
                )
    return found


def classes() -> list[type[WaslError]]:
    """Return the base and all its subclasses."""
    for name in modules_with_errors():
        importlib.import_module(name)
    found, waiting = [], [WaslError]
    while waiting:
        one = waiting.pop()
        found.append(one)
        waiting += one.__subclasses__()
    return [one for one in found if one.__module__.split(".")[0] in ROOMS]


def test_every_error_stands_on_the_page_as_it_is():
    raised = {one.code: (one.exit_code, one.http_status) for one in classes()}
    assert len(raised) > 40
    assert raised == ROWS


def test_a_code_always_has_one_exit_code():
    by_code = {}
    for one in classes():
        by_code.setdefault(one.code, set()).add((one.exit_code, one.http_status))
    assert {code: kinds for code, kinds in by_code.items() if len(kinds) > 1} == {}


def test_every_error_says_what_to_do_next():
    for one in classes():
        assert len(one.default_advice) > 15, one
        assert one.default_advice.endswith("."), one
