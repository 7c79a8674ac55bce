"""From nothing to an installed agreement by the commands that operators type, each with ``--json``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from wasl.__main__ import main


class Operators:
    """All parties' operators at one terminal, each with a passphrase of its own."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self._capsys, self._monkeypatch = folder, capsys, monkeypatch

    def run(self, who: str, *arguments: object, fails: int = 0) -> dict[str, Any]:
        """Run a command as somebody; return its JSON, or its problem where it must fail."""
        passphrase = self.folder / f"{who}.passphrase"
        passphrase.write_text(f"the passphrase of {who}", encoding="utf-8")
        self._monkeypatch.setenv("WASL_PASSPHRASE_FILE", str(passphrase))
        with pytest.raises(SystemExit) as ended:
            main([*map(str, arguments), "--json"])
        said = self._capsys.readouterr()
        assert (ended.value.code or 0) == fails, said.err
        assert f"the passphrase of {who}" not in said.out + said.err
        found: dict[str, Any] = json.loads(said.err.strip().splitlines()[-1] if fails else said.out)
        assert fails == 0 or said.out == ""
        return found

    def party(self, who: str, *arguments: object) -> Path:
        """Make a party's keys; return the file with its public half."""
        path = self.folder / f"{who}.json"
        path.write_text(json.dumps(self.run(who, *arguments)), encoding="utf-8")
        return path


@pytest.fixture
def operators(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Operators:
    return Operators(tmp_path, capsys, monkeypatch)


def test_from_keys_to_an_installed_agreement(operators: Operators, tmp_path: Path) -> None:
    institutions = [
        operators.party(
            name, "agreement", "identity", name, "--role", "institution", "--keys", tmp_path / f"{name}.keys"
        )
        for name in ("cnss", "interior")
    ]
    officer = operators.party(
        "cndp", "agreement", "identity", "cndp", "--role", "privacy_officer", "--keys", tmp_path / "cndp.keys"
    )
    units = [
        operators.party(f"{role}-unit", "serve", "--role", role, "--data", tmp_path / role, "--init")
        for role in ("linkage", "statistics")
    ]
    terms = ["--register", "social_security=cnss", "--register", "residence_permit=interior", "--persons", 1000]
    terms += ["--title", "Trial", "--purpose", "Statistics of labour migration"]
    parties = [*institutions, officer, *units]
    full = operators.run("cndp", "agreement", "draft", *parties, *terms, "-o", "/dev/full", fails=30)
    assert full["type"] == "urn:wasl:error:storage.failed"
    unknown = operators.run(
        "cndp", "agreement", "draft", *parties, *terms, "--register", "taxes", "-o", tmp_path / "x", fails=10
    )
    assert "social_security" in unknown["detail"]
    assert not (tmp_path / "x").exists()

    drafted = operators.run("cndp", "agreement", "draft", *parties, *terms, "-o", tmp_path / "agreement.json")
    shown = operators.run("cndp", "agreement", "show", tmp_path / "agreement.json")
    assert shown["agreement_id"] == drafted["agreement"]
    assert {one["name"] for one in shown["parties"]} == {"cnss", "interior", "cndp", "linkage-unit", "statistics-unit"}
    assert set(shown["waiting_for"]) == {"cnss", "interior", "cndp"}

    for role in ("linkage", "statistics"):
        installed = operators.run(
            f"{role}-unit",
            "agreement",
            "install",
            tmp_path / "agreement.json",
            "--role",
            role,
            "--data",
            tmp_path / role,
        )
        assert installed["agreement"] == drafted["agreement"]
        bundle = tmp_path / f"{role}.bundle"
        exported = operators.run(f"{role}-unit", "audit", "export", bundle, "--role", role, "--data", tmp_path / role)
        assert operators.run("cndp", "audit", "verify", bundle)["entries"] == exported["entries"]
    unsigned = operators.run("cndp", "agreement", "verify", tmp_path / "agreement.json", fails=20)
    assert "cnss" in unsigned["title"] + unsigned["detail"]
    operators.run(
        "another", "audit", "export", tmp_path / "y", "--role", "linkage", "--data", tmp_path / "linkage", fails=22
    )
    operators.run(
        "cnss", "agreement", "identity", "cnss", "--role", "institution", "--keys", tmp_path / "cnss.keys", fails=24
    )
    assert not (tmp_path / "y").exists()


def test_accounts(operators: Operators, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "password").write_text("a password of sixteen", encoding="utf-8")
    monkeypatch.setenv("WASL_ACCOUNT_PASSWORD_FILE", str(tmp_path / "password"))
    where = ["--unit", "statistics", "--data", tmp_path / "statistics"]
    (tmp_path / "statistics").mkdir()
    made = operators.run("operator", "account", "add", "amal", "--role", "statistician", *where)
    assert made == {"name": "amal", "roles": ["statistician"], "closed": False}
    operators.run("operator", "account", "add", "amal", "--role", "statistician", *where, fails=24)
    operators.run("operator", "account", "add", "zineb", "--role", "king", *where, fails=10)
    assert operators.run("operator", "account", "list", *where)["accounts"] == [made]
    (tmp_path / "password").write_text("pw7741", encoding="utf-8")
    refused = operators.run("operator", "account", "add", "zineb", "--role", "operator", *where, fails=10)
    assert "pw7741" not in str(refused)
    operators.run("operator", "account", "password", "amal", *where, fails=10)
    (tmp_path / "password").write_text("another of sixteen", encoding="utf-8")
    assert operators.run("operator", "account", "password", "amal", *where) == {"name": "amal", "changed": "password"}
    changed = operators.run("operator", "account", "roles", "amal", "--role", "output_checker", *where)
    assert changed["roles"] == ["output_checker"]
    operators.run("operator", "account", "close", "nobody", *where, fails=25)
    assert operators.run("operator", "account", "close", "amal", *where)["closed"]
    assert operators.run("operator", "account", "list", *where)["accounts"] == [{**changed, "closed": True}]
