"""The life of keys by the commands that operators type: successor, destruction, evidence, the end of retention."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import time_machine

from tests.cli.test_agreement_path import Operators


@pytest.fixture
def operators(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Operators:
    return Operators(tmp_path, capsys, monkeypatch)


@pytest.fixture
def agreement(operators: Operators, tmp_path: Path) -> Path:
    """A drafted agreement, installed at a linkage unit and kept by a connector with its keys."""
    parties = [
        operators.party(name, "agreement", "identity", name, "--role", role, "--keys", tmp_path / f"{name}.keys")
        for name, role in (("cnss", "institution"), ("interior", "institution"), ("cndp", "privacy_officer"))
    ]
    parties += [
        operators.party(f"{role}-unit", "serve", "--role", role, "--data", tmp_path / role, "--init")
        for role in ("linkage", "statistics")
    ]
    terms = ["--register", "social_security=cnss", "--register", "residence_permit=interior", "--persons", 1000]
    terms += ["--title", "Trial", "--purpose", "Statistics of labour migration"]
    path = tmp_path / "agreement.json"
    operators.run("cndp", "agreement", "draft", *parties, *terms, "-o", path)
    operators.run("linkage-unit", "agreement", "install", path, "--role", "linkage", "--data", tmp_path / "linkage")
    source = tmp_path / "insured.csv"
    source.write_text("record_id,full_name,birth_date\n1,A B,1984-05-17\n", encoding="utf-8")
    operators.run(
        "cnss",
        *("connector", "init", "--institution", "cnss", "--register", "social_security", "--source", source),
        *("--keys", tmp_path / "cnss.keys", "--folder", tmp_path / "connector"),
    )
    shutil.copy(path, tmp_path / "connector" / "agreement.json")
    return path


def test_a_successor_is_drafted_and_compared(operators: Operators, agreement: Path, tmp_path: Path) -> None:
    successor = tmp_path / "successor.json"
    made = operators.run("cndp", "agreement", "succeed", agreement, "-o", successor)
    before = operators.run("cndp", "agreement", "show", agreement)
    assert (made["epoch"], made["predecessor"]) == (2, before["agreement_id"])
    found = operators.run("cndp", "agreement", "changes", agreement, successor)
    assert not any(found[name] for name in ("joined", "left", "new_keys", "registers_changed", "terms"))
    installed = ("--role", "linkage", "--data", tmp_path / "linkage")
    assert (
        operators.run("linkage-unit", "agreement", "install", successor, *installed)["agreement"] == made["agreement"]
    )

    renewed = operators.party(
        "new", "agreement", "identity", "cnss", "--role", "institution", "--keys", tmp_path / "new.keys"
    )
    other = operators.run(
        "cndp", "agreement", "succeed", agreement, "--party", renewed, "-o", tmp_path / "renewed.json"
    )
    assert other["new_keys"] == ["cnss"]
    left = ("agreement", "succeed", agreement, "--leaves", "interior", "-o", tmp_path / "left.json")
    assert "persons" in operators.run("cndp", *left, fails=10)["title"]
    assert operators.run("cndp", *left, "--persons", 500)["left"] == ["interior"]
    assert operators.run("cndp", "agreement", "changes", successor, agreement, fails=20)
    assert operators.run("cndp", "agreement", "succeed", agreement, "--leaves", "cndp", "-o", tmp_path / "x", fails=10)
    assert operators.run(
        "cndp", "agreement", "succeed", agreement, "--register", "taxes", "-o", tmp_path / "x", fails=10
    )


def test_keys_are_destroyed_with_evidence_that_verifies(operators: Operators, agreement: Path, tmp_path: Path) -> None:
    folder = ("--folder", tmp_path / "connector")
    refused = operators.run("cnss", "connector", "destroy-keys", "--yes", *folder, fails=24)
    assert "--early" in refused["detail"]
    made = operators.run("cnss", "connector", "destroy-keys", "--early", "--yes", *folder)
    assert made["deleted"] == {"epoch_key": 1}
    shown = operators.run("cndp", "audit", "verify-evidence", made["evidence"], "--agreement", agreement)
    assert (shown["verified"], shown["party"], shown["reason"]) == (True, "cnss", "order")
    assert operators.run("cnss", "connector", "status", *folder)["epoch_key_destroyed"]
    refused = operators.run("cnss", "connector", "encode", "2026-01", *folder, fails=22)
    assert refused["type"] == "urn:wasl:error:key.destroyed"

    document = json.loads(Path(made["evidence"]).read_text(encoding="utf-8"))
    document["evidence"]["deleted"][0]["items"] = 2
    (tmp_path / "altered.json").write_text(json.dumps(document), encoding="utf-8")
    assert operators.run("cndp", "audit", "verify-evidence", tmp_path / "altered.json", fails=21)
    assert operators.run("cndp", "audit", "verify-evidence", agreement, fails=32)
    successor = tmp_path / "successor.json"
    operators.run("cndp", "agreement", "succeed", agreement, "-o", successor)
    other = operators.run("cndp", "audit", "verify-evidence", made["evidence"], "--agreement", successor, fails=32)
    assert other["type"] == "urn:wasl:error:evidence.broken"
    assert operators.run("cnss", "connector", "destroy-keys", "--yes", "--agreement", "0" * 12, *folder, fails=20)


def test_a_unit_erases_at_the_end_of_retention(operators: Operators, agreement: Path, tmp_path: Path) -> None:
    unit = ("--role", "linkage", "--data", tmp_path / "linkage")
    agreement_id = operators.run("cndp", "agreement", "show", agreement)["agreement_id"]
    early = operators.run("linkage-unit", "unit", "retention", "--dry-run", *unit)
    assert (early["due"], early["ends"].keys()) == ({}, {agreement_id})
    with time_machine.travel(datetime(2090, 1, 1, tzinfo=UTC), tick=False):
        due: dict[str, Any] = operators.run("linkage-unit", "unit", "retention", "--dry-run", *unit)
        assert (due["due"], due["deleted"]) == ({agreement_id: 0}, False)
        made = operators.run("linkage-unit", "unit", "retention", *unit)
        assert made["agreements"] == [agreement_id]
        log = tmp_path / "log.json"
        operators.run("linkage-unit", "audit", "export", log, *unit)
        (evidence,) = made["evidence"]
        shown = operators.run("cndp", "audit", "verify-evidence", evidence, "--agreement", agreement, "--log", log)
        assert shown["log_entry"] > 0
        assert operators.run("linkage-unit", "unit", "retention", *unit)["agreements"] == []


def test_the_drill_prints_what_a_leak_reads(operators: Operators) -> None:
    found = operators.run("cndp", "audit", "drill", "key-leak", "--persons", 50)
    read = {(one["leak"], one["target"]): one["share"] for one in found["findings"]}
    assert read["epoch key", "rows of vintage 2025-01"] > 0.98
    assert read["old epoch's key after rotation", "rows of the new epoch, same vintage"] == 0
