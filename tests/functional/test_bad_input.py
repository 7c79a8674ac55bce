"""Bad input through the commands: a clear error with row and column, advice, never a value, and nothing half-done."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from connectors.agreements import keep_agreement
from contract.agreement import APPROVAL_CONTEXT, Agreement, Signature, SignedAgreement
from contract.signing import sign
from pseudonymisation.keys.store import KeyStore
from service.settings import Settings
from tests.functional.commands import wasl
from wasl.__main__ import main
from wasl.demo.layout import Layout
from wasl.demo.parties import find_registers, make_agreement, write_connectors

pytestmark = pytest.mark.functional
VALUE = "QZ-SECRET-7741993"
NOBODY = ("http://127.0.0.1:9", "http://127.0.0.1:9")  # the discard port: nothing listens


@pytest.fixture(scope="module")
def prepared(country: Path, tmp_path_factory: pytest.TempPathFactory) -> Layout:
    """A connector with keys, configuration and agreement, as the demo makes it, and units that do not run."""
    root = tmp_path_factory.mktemp("prepared")
    layout = Layout(root)
    layout.registers.mkdir()
    for ending in ("", "_events"):
        shutil.copy(country / f"residence_permit{ending}.csv", layout.registers)
    registers = find_registers(layout.registers)
    units = {
        role: Settings.model_validate(
            {"role": role, "data_dir": layout.unit(role), "passphrase_file": layout.passphrase(layout.unit(role))}
        )
        for role in ("linkage", "statistics")
    }
    agreement = make_agreement(layout, registers, write_connectors(layout, registers, NOBODY), units)
    folder = layout.connector("residence_permit")
    institution = KeyStore.open(folder / "institution.keys", (folder / "passphrase").read_bytes())
    officer = KeyStore.open(layout.officer / "officer.keys", (layout.officer / "passphrase").read_bytes())
    signed = SignedAgreement(
        agreement=agreement,
        signatures=(_signature(institution, "agreement/v1", agreement),),
        approval=_signature(officer, APPROVAL_CONTEXT, agreement),
    )
    keep_agreement(folder / "agreement.json", signed)  # live: no unit need be asked for signatures
    return layout


def _signature(store: KeyStore, context: str, agreement: Agreement) -> Signature:
    return Signature(party=store.party, signature=sign(context, agreement, store.signing_key))


@pytest.fixture
def connector(prepared: Layout, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = prepared.connector("residence_permit")
    monkeypatch.setenv("WASL_PASSPHRASE_FILE", str(folder / "passphrase"))
    return folder


def refusal(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """Run a command that must fail; return its problem object."""
    with pytest.raises(SystemExit) as ended:
        main([*arguments, "--json"])
    said = capsys.readouterr()
    assert said.out == ""
    assert VALUE not in said.err
    assert "Traceback" not in said.err
    problem: dict[str, Any] = json.loads(said.err.strip().splitlines()[-1])
    assert problem["exit_code"] == ended.value.code != 0
    assert problem["detail"], "no advice"
    return problem


def cell(column: str, value: str) -> Callable[[Path], None]:
    """Return a damage: one cell of the third record, which stands in row 4 of the file."""

    def damage(path: Path) -> None:
        frame = pl.read_csv(path, infer_schema=False)
        at = pl.int_range(pl.len()) == 2
        frame.with_columns(pl.when(at).then(pl.lit(value)).otherwise(column).alias(column)).write_csv(path)

    return damage


def rename(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("birth_date", "birth_dat", 1), encoding="utf-8")


def latin(path: Path) -> None:
    path.write_bytes(path.read_bytes() + f"r99,{VALUE},,Mézières,,,,,,,,,,\n".encode("latin-1"))


def endless(path: Path) -> None:
    with path.open("a", encoding="utf-8") as stream:
        stream.write(VALUE * (3 * 2**20 // len(VALUE)))


def ragged(path: Path) -> None:
    with path.open("a", encoding="utf-8") as stream:
        stream.write(f"r99,{VALUE},more,than,the,header,has,a,b,c,d,e,f,g,h,i,j,k\n")


def doubled(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    path.write_text("\n".join([*lines, lines[1]]) + "\n", encoding="utf-8")


DAMAGES: list[tuple[str, Callable[[Path], None], str, dict[str, object]]] = [
    ("", rename, "source.column", {"column": "birth_date"}),
    ("", latin, "source.encoding", {"row": None, "byte_offset": None}),
    ("", cell("birth_date", VALUE), "source.date", {"row": 4, "column": "birth_date"}),
    ("_events", cell("valid_from", VALUE), "source.date", {"row": 4, "column": "valid_from"}),
    ("", endless, "source.line_too_long", {"row": None}),
    ("", ragged, "source.row_shape", {"row": None}),
    ("", doubled, "source.record_id", {"row": None, "column": "record_id"}),
    ("_events", cell("record_id", VALUE), "source.record_id", {"row": 4, "column": "record_id"}),
]


@pytest.mark.parametrize(
    ("ending", "damage", "code", "where"), DAMAGES, ids=[f"{code}{ending}" for ending, _, code, _ in DAMAGES]
)
def test_a_damaged_register_is_not_encoded(
    connector: Path,
    prepared: Layout,
    ending: str,
    damage: Callable[[Path], None],
    code: str,
    where: dict[str, object],
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = prepared.registers / f"residence_permit{ending}.csv"
    whole = path.read_bytes()
    before = content(connector)
    try:
        damage(path)
        problem = refusal(["connector", "encode", "2025-01", "--folder", str(connector)], capsys)
    finally:
        path.write_bytes(whole)
    assert problem["type"] == f"urn:wasl:error:{code}"
    assert problem["exit_code"] == 10
    assert problem["where"]["file"] == path.name
    for name, place in where.items():
        assert name in problem["where"]
        assert place is None or problem["where"][name] == place
    assert content(connector) == before, "something was left half-written"


def test_the_preflight_counts_dates_that_cannot_be_read(
    connector: Path, prepared: Layout, capsys: pytest.CaptureFixture[str]
) -> None:
    path = prepared.registers / "residence_permit.csv"
    whole = path.read_bytes()
    try:
        cell("birth_date", VALUE)(path)
        with pytest.raises(SystemExit) as ended:
            main(["connector", "check", "--folder", str(connector), "--json"])
    finally:
        path.write_bytes(whole)
    assert not ended.value.code
    said = capsys.readouterr()
    assert json.loads(said.out)["fields"]["birth_date"]["unparsable"] == 1
    assert VALUE not in said.out + said.err


def content(folder: Path) -> dict[str, bytes]:
    """Return what a connector keeps, but for its agreement and write-ahead logs."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != "agreement.json" and not path.name.endswith(("-wal", "-shm"))
    }


@pytest.mark.parametrize("command", [["ceremony"], ["sign", "--yes"]], ids=lambda value: value[0])
def test_units_that_do_not_answer(
    connector: Path, command: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.sleep", lambda _seconds: None)
    before = content(connector)
    problem = refusal(["connector", *command, "--folder", str(connector)], capsys)
    assert problem["exit_code"] == 31
    assert problem["type"] == "urn:wasl:error:unit.unreachable"
    assert content(connector) == before  # the ceremony asks for the others' messages before it makes a share


def test_a_damaged_register_stops_the_demo_in_words(country: Path, tmp_path: Path) -> None:
    """The whole path, with real processes: the connector's own words reach the person, and nothing is written."""
    sources = tmp_path / "sources"
    sources.mkdir()
    for name in ("placement", "placement_events"):
        shutil.copy(country / f"{name}.csv", sources)
    cell("birth_date", VALUE)(sources / "placement.csv")
    kept = tmp_path / "kept"
    refused = wasl(
        "demo", "--registers", sources, "--out", tmp_path / "out", "--keep", kept, "--json", folder=tmp_path / "run"
    )
    assert refused.code == 43, refused.err
    title = refused.problem()["title"]
    for part in ("source.date", "row 4", "column birth_date", "placement.csv"):
        assert part in title
    assert refused.out == ""
    assert not refused.left_running
    assert not (tmp_path / "out").exists()
    assert not any((kept / "connectors" / "placement").glob("outbox/*"))
    everything = b"".join(path.read_bytes() for path in kept.rglob("*") if path.is_file())
    assert VALUE.encode() not in everything
    assert VALUE not in refused.err


def test_a_full_disk(prepared: Layout, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    unit = prepared.unit("linkage")
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("WASL_PASSPHRASE_FILE", str(unit / "passphrase"))
        problem = refusal(["audit", "export", "/dev/full", "--role", "linkage", "--data", str(unit)], capsys)
    assert problem["type"] == "urn:wasl:error:storage.failed"
    assert problem["exit_code"] == 30
    with sqlite3.connect(unit / "linkage.sqlite") as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    database.close()


def test_a_stopped_database(tmp_path: Path) -> None:
    password = "a-password-7741993"
    (tmp_path / "passphrase").write_text("a passphrase for this test", encoding="utf-8")
    url = f"postgresql://wasl:{password}@127.0.0.1:9/wasl"
    (tmp_path / "url").write_text(url, encoding="utf-8")
    more = {"WASL_PASSPHRASE_FILE": str(tmp_path / "passphrase"), "WASL_DATABASE_URL_FILE": str(tmp_path / "url")}
    refused = wasl(
        "serve", "--role", "linkage", "--data", tmp_path / "data", "--json", folder=tmp_path / "run", more=more
    )
    assert refused.code == 30, refused.err
    assert refused.problem()["type"] == "urn:wasl:error:storage.failed"
    assert "start the database" in refused.problem()["detail"]
    assert password not in refused.err
    assert "Traceback" not in refused.err
