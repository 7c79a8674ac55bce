"""The audit of a connector's own payload, and its command: on the very tables that the submission has."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from typer.testing import CliRunner

import contract.keyfile
from connectors.agent import ConnectorAgent
from connectors.encode import encode_tables, prepare
from contract.errors import InputError
from evaluation.payload_audit.audit import audit_prepared
from evaluation.payload_audit.tables import payload_tables
from pseudonymisation.blocking.caps import CrowdedKeys
from pseudonymisation.randomness import SeededRandomness
from tests.connectors.world import PASSPHRASE, VINTAGE, World, build
from wasl.cli.root import app


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(contract.keyfile, "_MEMORY_KIB", 64)
        patch.setattr(contract.keyfile, "_PASSES", 1)
        made = build(tmp_path_factory.mktemp("world"))
        made.make_live()
        for agent in made.agents.values():
            agent.refresh_agreement()
        yield made


def prepared_of(agent: ConnectorAgent) -> Any:
    return prepare(agent.configuration, agent.agreement, agent.store.public_keys)


def test_what_is_audited_is_what_would_leave(world: World) -> None:
    prepared = prepared_of(world.agents["dgsn"])
    tables = payload_tables(prepared)
    numbers = prepared.subjects.tolist()
    made = encode_tables(
        prepared, [f"s{number}" for number in numbers], CrowdedKeys(), b"e" * 32, VINTAGE, SeededRandomness(b"x")
    )
    for audited, left, columns in (
        (tables.records, made.records, [rule.column for rule in prepared.terms.attributes]),
        (tables.events, made.events, [rule.column for rule in prepared.terms.events]),
    ):
        assert audited.schema == left.schema
        assert audited.select(columns).sort(columns).equals(left.select(columns).sort(columns))
    assert tables.subjects == len(set(numbers))
    assert set(tables.clear_records.columns) == {"record_ref", "birth_date", "sex", "nationality"}
    assert set(tables.clear_events["record_ref"]) <= set(tables.records["record_ref"])
    assert "CANARYPOST" in set(tables.clear_events["post"])


def test_the_same_seed_gives_the_same_figures_and_no_value_of_the_register(world: World) -> None:
    prepared = prepared_of(world.agents["cnss"])
    first, second = (audit_prepared(prepared, persons=20) for _ in range(2))
    assert first is not None
    assert first == second
    told = json.dumps(first.document())
    for frame in (prepared.records.mapped.frame, prepared.events.frame):
        ids = frame.select(pl.col(pl.String)).get_column("record_id").unique().to_list()
        assert not [one for one in ids if f'"{one}"' in told]
    assert "3622101" not in told


def test_the_command_refuses_what_passes_the_bound(world: World, tmp_path: Path, monkeypatch: Any) -> None:
    (tmp_path / "passphrase").write_bytes(PASSPHRASE + b"\n")
    monkeypatch.setenv("WASL_PASSPHRASE_FILE", str(tmp_path / "passphrase"))
    folder = world.agents["cnss"].configuration.folder
    result = CliRunner().invoke(app, ["audit", "payload", "--folder", str(folder), "--persons", "20", "--json"])
    told = json.loads(result.stdout.splitlines()[-1])
    # one employer, one pay, but few persons: years of birth tell them apart
    assert told["register"] == "social_security"
    assert told["bound"] == 0.05
    assert told["kept"] is (result.exit_code == 0) is (told["joined"]["named"]["high"] <= 0.05)
    assert result.exit_code == 45
    words = CliRunner().invoke(app, ["audit", "payload", "--folder", str(folder), "--persons", "20"])
    assert "REFUSED" in words.stdout
    wrong = CliRunner().invoke(app, ["audit", "payload", "--folder", str(folder), "--group", "all"])
    assert isinstance(wrong.exception, InputError)


def test_rules_can_be_tried_on_synthetic_registers_before_there_is_an_agreement() -> None:
    result = CliRunner().invoke(app, ["audit", "payload", "--synthetic", "300", "--persons", "10", "--json"])
    told = json.loads(result.stdout)
    assert result.exit_code == 45  # three hundred persons are too few for any rule
    assert [one["register"] for one in told["registers"]][:2] == ["border_crossing", "residence_permit"]
