"""A failure nobody foresaw: the command says what kind it was and where, and quotes nothing."""

from __future__ import annotations

import json

import pytest

from wasl.__main__ import UNEXPECTED, main


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ValueError("SECRET-VALUE is not a number")

    monkeypatch.setattr("wasl.cli.root.app", fail)


@pytest.mark.usefixtures("failing")
def test_an_unexpected_error_names_its_kind_and_place_and_no_value(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["version"])
    shown = capsys.readouterr()
    assert ended.value.code == UNEXPECTED
    assert "ValueError" in shown.err
    assert "test_failures.py" in shown.err
    assert "SECRET-VALUE" not in shown.err + shown.out


@pytest.mark.usefixtures("failing")
def test_as_json_too(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["version", "--json"])
    problem = json.loads(capsys.readouterr().err)
    assert (problem["type"], problem["exit_code"]) == ("urn:wasl:error:unexpected", UNEXPECTED)
    assert "SECRET-VALUE" not in json.dumps(problem)
