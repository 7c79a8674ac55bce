"""`wasl audit report` and `wasl audit sheet`: pages into files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from contract.errors import InputError, StorageError
from tests.contract.builders import sign_all
from tests.evaluation.audit_report.scene import scene, signed_file
from wasl.cli.root import app


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    agreement, keys, report = scene()
    (tmp_path / "agreement.json").write_text(sign_all(agreement, keys).model_dump_json(), encoding="utf-8")
    return signed_file(tmp_path / "audit.json", report, keys), tmp_path / "agreement.json"


def test_a_report_and_a_sheet_are_written(files: tuple[Path, Path], tmp_path: Path) -> None:
    audit, agreement = files
    out = tmp_path / "r.html"
    arguments = ["audit", "report", str(audit), "--agreement", str(agreement), "--lang", "ar", "--out", str(out)]
    told = json.loads(CliRunner().invoke(app, [*arguments, "--json"]).stdout)
    assert (told["verdict"], told["signature_verified"]) == ("PASS", True)
    assert told["sha256"] in out.read_text(encoding="utf-8")
    sheet = ["audit", "sheet", str(agreement), "--audit", str(audit), "--out", str(out), "--json"]
    assert json.loads(CliRunner().invoke(app, sheet).stdout)["audits"] == 1
    assert out.read_text(encoding="utf-8").startswith('<!DOCTYPE html>\n<html lang="fr" dir="ltr">')


def test_a_wrong_language_or_place_is_said(files: tuple[Path, Path], tmp_path: Path) -> None:
    wrong = CliRunner().invoke(app, ["audit", "report", str(files[0]), "--lang", "de", "--out", str(tmp_path / "x")])
    assert isinstance(wrong.exception, InputError)
    nowhere = str(tmp_path / "none" / "x.html")
    lost = CliRunner().invoke(app, ["audit", "report", str(files[0]), "--out", nowhere])
    assert isinstance(lost.exception, StorageError)
    unknown = CliRunner().invoke(app, ["audit", "frontier", "--point", "nothing"])
    assert isinstance(unknown.exception, InputError)
