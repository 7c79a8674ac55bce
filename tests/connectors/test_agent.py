"""The whole connector against both real units in one process: agreement, ceremony, encode, approve, push, retract."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import polars as pl
import pytest
from sqlalchemy import select

from connectors.agent import ConnectorAgent
from connectors.client import UnitClient
from connectors.errors import ApprovalError, UnitRefusedError, WaitingError
from contract.errors import AgreementError, ConflictError, KeyCustodyError, NotFoundError, SubmissionError
from contract.sealing import unseal_stream
from pseudonymisation.randomness import SeededRandomness
from service.submissions.models import Submission
from tests.connectors.world import VINTAGE, World, build


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> World:
    """A world with a live agreement, a complete ceremony and every register encoded."""
    world = build(tmp_path_factory.mktemp("live"))
    world.make_live()
    world.complete_ceremony()
    with pytest.raises(WaitingError, match="social_security"):
        world.agents["dgsn"].encode(VINTAGE)
    world.agents["cnss"].encode(VINTAGE)
    world.agents["dgsn"].encode(VINTAGE)
    return world


def states(world: World, unit: str) -> dict[str, str]:
    with world.apps[unit].state.unit.database.read() as session:
        return {row.manifest_id: row.state for row in session.scalars(select(Submission))}


def manifest_of(world: World, name: str) -> str:
    return world.agents[name].status()["submissions"][-1]["manifest_id"]


def test_nothing_runs_before_the_agreement_lives(tmp_path: Path) -> None:
    world = build(tmp_path)
    agent = world.agents["dgsn"]
    assert agent.check()["records"] == 120
    with pytest.raises(AgreementError, match="waits for"):
        agent.encode(VINTAGE)
    with pytest.raises(AgreementError, match="waits for"):
        agent.ceremony_step()
    for one in world.agents.values():
        one.sign_agreement()
    assert agent.refresh_agreement().missing() == ("cndp",)
    world.approve()
    with pytest.raises(KeyCustodyError):
        agent.encode(VINTAGE)
    waiting = agent.ceremony_step()
    assert (waiting.complete, waiting.waiting_for) == (False, ("cnss",))


def test_the_ceremony_ends_with_one_key_for_all(live: World) -> None:
    keys = {agent.store.epoch_key(live.agreement.id, 1) for agent in live.agents.values()}
    assert len(keys) == 1
    assert all(agent.ceremony_step().complete for agent in live.agents.values())


def test_shared_persons_meet_in_blocks_and_own_records_are_grouped(live: World) -> None:
    folders = {name: agent.configuration.outbox for name, agent in live.agents.items()}
    tables = {name: pl.read_parquet(next(folder.glob("*/pass-document.parquet"))) for name, folder in folders.items()}
    shared = set(tables["dgsn"]["block"]) & set(tables["cnss"]["block"])
    assert len(shared) >= 25  # of 40; noise lists some key values that few share
    references = live.agents["dgsn"].record_refs()
    assert len(references) == 120
    assert len(set(references.values())) == 60


def test_the_statistics_half_opens_for_the_statistics_unit_and_holds_coarse_payload(live: World) -> None:
    folder = next(live.agents["cnss"].configuration.outbox.glob("social*"))
    from connectors.package import read_manifest

    manifest = read_manifest(folder).manifest
    plain = io.BytesIO()
    key = live.apps["statistics_unit"].state.unit.keys.sealing
    with (folder / "statistics.sealed").open("rb") as source:
        unseal_stream(key, source, plain, manifest.seal_info())
    with zipfile.ZipFile(plain) as archive:
        tables = {name: pl.read_parquet(io.BytesIO(archive.read(name))) for name in archive.namelist()}
    events = tables["events.parquet"]
    assert events.columns == ["record_ref", "period", "days", "employer_no", "pay_centimes"]
    assert set(events["pay_centimes"]) == {200000}
    assert not set(events["employer_no"]) & {"3622101"}
    subjects = set(tables["records.parquet"]["subject_ref"])
    assert subjects == set(live.agents["cnss"].record_refs().values())
    assert set(tables["handles.parquet"]["subject_ref"]) <= subjects


def test_a_submission_leaves_only_when_approved_and_arrives_whole(live: World) -> None:
    agent = live.agents["dgsn"]
    manifest_id = manifest_of(live, "dgsn")
    with pytest.raises(ApprovalError):
        agent.push(manifest_id)
    agent.approve(manifest_id, by="operator")
    seen: list[tuple[str, int, int]] = []
    deliveries = agent.push(manifest_id, progress=lambda *step: seen.append(step))
    assert set(deliveries) == {"linkage_unit", "statistics_unit"}
    assert len(seen) > 3  # small chunks: several of them
    for unit in live.apps:
        assert states(live, unit)[manifest_id] == "accepted"
    again = agent.push(manifest_id)
    assert {one.sent_bytes for one in again.values()} == {0}
    assert agent.status()["submissions"][-1]["state"] == "sent"


def test_single_subjects_are_taken_back(live: World) -> None:
    agent = live.agents["dgsn"]
    assert agent.retract_records(["CANARYID-B000", "CANARYID-B001", "CANARYID-B002"]) == 2
    with pytest.raises(NotFoundError) as caught:
        agent.retract_records(["CANARYID-B000", "CANARYID-NOBODY"])
    assert caught.value.where == {"position": 2}
    assert "CANARY" not in caught.value.diagnostics()


def test_an_interrupted_push_resumes(live: World, monkeypatch: pytest.MonkeyPatch) -> None:
    agent = live.agents["cnss"]
    manifest_id = manifest_of(live, "cnss")
    agent.approve(manifest_id, by="operator")
    whole = sum(entry["size"] for entry in agent.preview(VINTAGE)["prepared"][0]["files"])
    original, calls = UnitClient.request, [0]

    def failing(self, method, *arguments, **how):
        calls[0] += method == "PATCH"
        if calls[0] == 3:
            raise UnitRefusedError("stop")
        return original(self, method, *arguments, **how)

    monkeypatch.setattr(UnitClient, "request", failing)
    with pytest.raises(UnitRefusedError):
        agent.push(manifest_id)
    monkeypatch.setattr(UnitClient, "request", original)
    sent = sum(one.sent_bytes for one in agent.push(manifest_id).values())
    assert 0 < sent < whole


def test_an_altered_submission_does_not_leave(live: World) -> None:
    agent = live.agents["cnss"]
    submission = agent.state.submission(manifest_of(live, "cnss"))
    path = agent.configuration.outbox / submission.folder / "pass-birth.parquet"
    content = path.read_bytes()
    try:
        path.write_bytes(content[:-1] + b"\x00")
        with pytest.raises(SubmissionError) as caught:
            agent.push(submission.manifest_id)
        assert caught.value.where == {"file": "pass-birth.parquet"}
    finally:
        path.write_bytes(content)


def test_preview_shows_every_table_and_sends_nothing(live: World) -> None:
    before = {unit: states(live, unit) for unit in live.apps}
    shown = live.agents["dgsn"].preview("2030-01")
    files = [table["file"] for table in shown["tables"]]
    assert files == [
        "pass-birth.parquet",
        "pass-document.parquet",
        "statistics.sealed: handles.parquet",
        "statistics.sealed: records.parquet",
        "statistics.sealed: events.parquet",
    ]
    assert shown["crowded_lists_missing"] == ["social_security"]
    assert shown["passes"]["birth"]["withheld"] >= 0
    assert all(table["rows"] and len(table["first_rows"]) == 5 for table in shown["tables"])
    assert "CANARY" not in str(shown)
    assert {unit: states(live, unit) for unit in live.apps} == before


def test_a_second_vintage_keeps_the_subjects_and_nothing_else(live: World) -> None:
    agent = live.agents["dgsn"]
    before = agent.record_refs()
    first = next(iter(agent.configuration.outbox.glob("*2024-12*/pass-document.parquet")))
    with pytest.raises(WaitingError):
        agent.encode("2025-12")
    live.agents["cnss"].encode("2025-12")
    made = agent.encode("2025-12")
    assert agent.record_refs() == before
    old, new = pl.read_parquet(first), pl.read_parquet(made.folder / "pass-document.parquet")
    assert not set(old["block"]) & set(new["block"])
    assert not set(old["handle"]) & set(new["handle"])


def test_refuse_drop_and_retract(live: World, tmp_path: Path) -> None:
    agent = live.agents["dgsn"]
    waiting = manifest_of(live, "dgsn")
    agent.approve(waiting, by="operator")
    places = agent.drop(waiting, tmp_path)
    assert [place.parent.name for place in places] == ["linkage_unit", "statistics_unit"]
    assert not (places[0] / "statistics.sealed").exists()
    assert [path.name for path in sorted(places[1].iterdir())] == ["manifest.json", "statistics.sealed"]
    assert agent.retract(waiting).state == "retracted"
    with pytest.raises(ConflictError):
        agent.approve(waiting, by="operator")
    other = live.agents["cnss"]
    refused = manifest_of(live, "cnss")
    assert other.refuse(refused, by="operator", reason="wrong file").state == "refused"
    assert other.status()["submissions"][-1]["history"][-1]["reason"] == "wrong file"
    for decision in (lambda: other.approve(refused, by="operator"), lambda: other.push(refused)):
        with pytest.raises(ConflictError):
            decision()


def test_seeded_randomness_gives_the_same_tables(live: World) -> None:
    agent = live.agents["dgsn"]

    def tables(seed: bytes) -> list[object]:
        seeded = ConnectorAgent(
            agent.configuration, agent.store, transports=agent._transports, random=SeededRandomness(seed)
        )
        return [table["first_rows"] for table in seeded.preview(VINTAGE)["tables"]]

    assert tables(b"one") == tables(b"one")
    assert tables(b"one") != tables(b"two")
