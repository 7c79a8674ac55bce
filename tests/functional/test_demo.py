"""`wasl demo`: six connectors and both units as real processes, from register files to a release by two persons."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest

from contract.registers import REGISTERS
from tests.functional.commands import wasl
from tests.functional.conftest import Demo

pytestmark = pytest.mark.functional
UNITS = ("linkage", "statistics")


def test_it_prints_one_json_object_and_leaves_no_process(demo: Demo) -> None:
    assert demo.ended.out.count("\n") == 1
    assert not demo.ended.left_running
    assert "Traceback" not in demo.ended.err


def test_the_linkage_finds_the_people(demo: Demo) -> None:
    # at 5 000 persons the demo's own bound is .93; 400 persons hold a few wrong links more or less by chance
    assert demo.result["quality"]["cross_register"]["f1"] >= 0.93
    assert demo.result["registers"] == 6
    assert demo.result["records"] > demo.result["persons"] > 0
    assert demo.result["subject_pairs"] > 0


def test_indicators_are_close_to_what_exact_links_give(demo: Demo) -> None:
    indicators = demo.result["indicators"]
    assert indicators["cells"] > 500
    assert indicators["share_equal"] > 0.7
    assert indicators["median_relative_difference"] < 0.05
    assert {"workers_insured", "workers_both", "gap_none"} <= indicators["headline"].keys()


def test_two_persons_released(demo: Demo) -> None:
    release = demo.result["release"]
    assert release["state"] == "approved"
    assert 0 < release["suppressed"] < release["cells"]
    database = sqlite3.connect(demo.folder / "statistics-unit" / "statistics.sqlite")
    entries = [json.loads(row[0]) for row in database.execute("SELECT document FROM audit_entries ORDER BY sequence")]
    database.close()
    proposed, approved = (
        next(entry for entry in entries if entry["action"] == action)
        for action in ("release:propose", "release:approve")
    )
    assert proposed["actor"] != approved["actor"]


def test_only_the_owner_reads_keys_and_passphrases(demo: Demo) -> None:
    secret = [
        path
        for path in demo.folder.rglob("*")
        if path.name in {"passphrase", "operator.token", "state.sqlite"} or path.suffix in {".keys", ".password"}
    ]
    assert len(secret) == 2 * 6 + 6 + 2 * 3 + 2 + 2  # connectors, their states, units, officer, two people
    assert {path.name: oct(path.stat().st_mode & 0o777) for path in secret} == {path.name: "0o600" for path in secret}


def test_each_party_has_keys_and_a_database_of_its_own(demo: Demo) -> None:
    passphrases = [path.read_text(encoding="utf-8") for path in demo.folder.rglob("passphrase")]
    assert len(passphrases) == len(set(passphrases)) == len(REGISTERS) + 3
    keys = [path.read_bytes() for path in demo.folder.rglob("*.keys")]
    assert len(keys) == len(set(keys)) == len(REGISTERS) + 3
    agreement = json.loads((demo.folder / "agreement.json").read_text(encoding="utf-8"))
    public = [party[name] for party in agreement["parties"] for name in ("signing_key", "sealing_key")]
    assert sum(key is not None for key in public) == len(set(public) - {None}) >= 2 * (len(REGISTERS) + 2)
    databases = {path.name for path in demo.folder.rglob("*.sqlite") if "unit" in path.parts[-2]}
    assert databases == {"linkage.sqlite", "statistics.sqlite"}
    inodes = {(path.stat().st_dev, path.stat().st_ino) for path in demo.folder.rglob("*") if path.is_file()}
    assert len(inodes) == sum(path.is_file() for path in demo.folder.rglob("*")), "two parties share a file"


@pytest.mark.parametrize("role", UNITS)
def test_the_audit_log_verifies_offline_and_a_changed_byte_is_seen(demo: Demo, role: str, tmp_path: Path) -> None:
    unit = demo.folder / f"{role}-unit"
    bundle = tmp_path / "bundle.json"
    more = {"WASL_PASSPHRASE_FILE": str(unit / "passphrase")}
    exported = wasl(
        "audit", "export", bundle, "--role", role, "--data", unit, "--json", folder=tmp_path / "1", more=more
    )
    assert exported.code == 0, exported.err
    agreement = json.loads((demo.folder / "agreement.json").read_text(encoding="utf-8"))
    key = next(party["signing_key"] for party in agreement["parties"] if party["name"] == f"{role}-unit")
    verified = wasl("audit", "verify", bundle, "--signing-key", key, "--json", folder=tmp_path / "2")
    assert verified.code == 0, verified.err
    assert verified.json()["entries"] == exported.json()["entries"] > 20
    content = bytearray(bundle.read_bytes())
    place = content.index(b"approve")
    content[place] ^= 1
    (tmp_path / "changed.json").write_bytes(content)
    refused = wasl("audit", "verify", tmp_path / "changed.json", "--json", folder=tmp_path / "3")
    assert refused.code == 32
    assert refused.problem()["type"] == "urn:wasl:error:integrity.broken"
    assert refused.out == ""
