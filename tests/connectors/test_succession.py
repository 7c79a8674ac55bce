"""Keys in real life at an institution: rotation, joining and leaving, a lost key store, destruction with evidence."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest

from connectors import destruction
from connectors.agent import ConnectorAgent
from connectors.agreements import kept_agreement
from connectors.drafting import canonical_proposal
from connectors.errors import WaitingError
from connectors.succession import draft_successor
from contract.agreement import Agreement, Party, SignedAgreement
from contract.errors import AgreementError, ConflictError, InputError, IntegrityError
from contract.evidence import EvidenceError, read_evidence
from contract.succession import changes, check_successor
from pseudonymisation.keys.store import KeyDestroyedError, KeyStore
from service.agreements.service import install_agreement
from tests.connectors.world import PASSPHRASE, VINTAGE, World, build
from tests.contract.builders import make_agreement, make_keys


def party(name: str, keys: KeyStore) -> Party:
    signing, sealing = keys.public_keys
    return Party(name=name, role="institution", signing_key=signing, sealing_key=sealing)


def encode_all(world: World, vintage: str = VINTAGE) -> dict[str, dict[str, pl.DataFrame]]:
    """Let all encode a vintage; return the pass tables by institution and pass."""
    with pytest.raises(WaitingError):
        world.agents["dgsn"].encode(vintage)
    made = {name: world.agents[name].encode(vintage) for name in ("cnss", "dgsn")}
    return {
        name: {
            path.stem: pl.read_parquet(path)
            for path in sorted((world.agents[name].configuration.outbox / one.folder.name).glob("pass-*.parquet"))
        }
        for name, one in made.items()
    }


def follow(world: World, successor: Agreement) -> World:
    """Conclude a successor: installed, signed, approved, ceremony held."""
    for app in world.apps.values():
        unit = app.state.unit
        with unit.database.write() as session:
            install_agreement(unit, session, SignedAgreement(agreement=successor))
    for agent in world.agents.values():
        agent.use_agreement(SignedAgreement(agreement=successor))
    after = replace(world, agreement=successor)
    after.make_live()
    after.complete_ceremony()
    return after


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> World:
    world = build(tmp_path_factory.mktemp("succession"))
    world.make_live()
    world.complete_ceremony()
    return world


@pytest.fixture(scope="module")
def both(before: World) -> tuple[World, World, dict, dict, dict]:
    """Two agreements in a row over the same registers, and what each encoded."""
    old = encode_all(before)
    references = {name: agent.record_refs() for name, agent in before.agents.items()}
    after = follow(before, draft_successor(before.agreement))
    return before, after, old, encode_all(after), references


def test_subject_references_live_on_and_nothing_else_does(both: tuple) -> None:
    """The statistics unit keeps its persons by `subject_ref`; the linkage unit finds no value of one epoch in the
    other, although register, vintage and passes are the same."""
    before, after, old, new, references = both
    assert {name: agent.record_refs() for name, agent in after.agents.items()} == references
    for name in old:
        assert set(old[name]) == set(new[name])
        for table, rows in old[name].items():
            again = new[name][table]
            assert rows.height > 10
            for column in rows.columns:
                if rows.schema[column] == pl.UInt64:  # handles and blocks
                    assert not set(rows[column]) & set(again[column])
                if rows.schema[column] == pl.Binary:  # sketches
                    assert not set(rows[column].drop_nulls()) & set(again[column].drop_nulls())
    keys = {
        store.epoch_key(agreement.id, agreement.epoch)
        for store in [after.agents["dgsn"].store]
        for agreement in (before.agreement, after.agreement)
    }
    assert len(keys) == 2


def test_the_predecessor_is_kept_until_its_key_is_destroyed(both: tuple) -> None:
    before, after, *_ = both
    agent = after.agents["cnss"]
    file = agent.configuration.agreement_file
    assert kept_agreement(file).agreement.id == after.agreement.id
    assert kept_agreement(file, before.agreement.id[:8]).agreement.id == before.agreement.id
    for wrong in ("0" * 12, before.agreement.id[:7]):
        with pytest.raises(AgreementError):
            kept_agreement(file, wrong)


def test_a_destroyed_key_is_gone_with_its_encodings_and_the_successor_works_on(both: tuple) -> None:
    before, after, *_ = both
    agent, old = after.agents["cnss"], before.agreement
    key = agent.store.epoch_key(old.id, old.epoch)
    folders = [one.folder for one in agent.state.submissions() if one.agreement_id == old.id]
    with pytest.raises(ConflictError, match="2099-06-01"):
        agent.destroy_keys(old.id)
    assert agent.store.epoch_key(old.id, old.epoch) == key
    signed, path = agent.destroy_keys(old.id, early=True)
    assert read_evidence(path) == signed
    assert signed.evidence.reason == "order"
    assert {one.kind: one.items for one in signed.evidence.deleted} == {"epoch_key": 1, "encoded_submissions": 1}
    assert not any((agent.configuration.outbox / folder).exists() for folder in folders)
    for leftover in sorted(agent.configuration.folder.rglob("*")):
        assert not leftover.is_file() or key not in leftover.read_bytes()
    reopened = ConnectorAgent.open(agent.configuration.folder, PASSPHRASE)
    with pytest.raises(KeyDestroyedError, match="was destroyed on"):
        reopened.store.epoch_key(old.id, old.epoch)
    assert agent.destroy_keys(old.id, early=True) == (signed, path)
    assert agent.status()["epoch_key"] is True
    assert len(encode_all(after, "2025-01")["cnss"]) == 2


def test_after_destruction_encoding_is_refused_with_a_reason(tmp_path: Path) -> None:
    world = build(tmp_path)
    world.make_live()
    world.complete_ceremony()
    agent = world.agents["dgsn"]
    agent.destroy_keys(early=True)
    with pytest.raises(KeyDestroyedError) as caught:
        agent.encode(VINTAGE)
    assert "successor" in caught.value.advice
    with pytest.raises(KeyDestroyedError):
        agent.ceremony_step()
    assert agent.status()["epoch_key_destroyed"] is not None


def test_killed_between_key_and_evidence_the_evidence_is_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = build(tmp_path)
    agent, end = world.agents["dgsn"], datetime(2099, 6, 2, tzinfo=UTC)

    def destroy(now: datetime):
        return destruction.destroy_keys(agent.configuration, world.agreement, agent.store, agent.state, now=now)

    with monkeypatch.context() as patch:
        patch.setattr(destruction, "_write", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt()))
        with pytest.raises(KeyboardInterrupt):
            destroy(end)
    signed, _ = destroy(datetime(2099, 7, 1, tzinfo=UTC))
    assert (signed.evidence.began_at, signed.evidence.reason) == (end, "retention")
    signed.check()
    with pytest.raises(EvidenceError, match="another role"):
        signed.model_copy(
            update={"evidence": signed.evidence.model_copy(update={"role": "linkage_unit"})},
        ).check()


def test_a_lost_key_store_ends_in_a_successor_with_new_keys(tmp_path: Path) -> None:
    """Keys and local state are lost together, but for the state's file: it is said so, and new references are drawn."""
    world = build(tmp_path)
    world.make_live()
    world.complete_ceremony()
    encode_all(world)
    lost = world.agents["cnss"]
    references = set(lost.record_refs().values())
    lost.configuration.key_file.unlink()
    store = KeyStore.create(lost.configuration.key_file, "cnss", PASSPHRASE)
    fresh = ConnectorAgent(lost.configuration, store, transports=lost._transports, sleep=lambda _seconds: None)
    with pytest.raises(AgreementError, match="other keys"):
        fresh.use_agreement(SignedAgreement(agreement=world.agreement))
    successor = draft_successor(world.agreement, parties=[party("cnss", store)])
    assert changes(world.agreement, successor)["new_keys"] == ["cnss"]
    after = follow(replace(world, agents={**world.agents, "cnss": fresh}), successor)
    with pytest.raises(WaitingError):
        after.agents["dgsn"].encode(VINTAGE)
    with pytest.raises(IntegrityError) as caught:
        fresh.encode(VINTAGE)
    assert "move state.sqlite away" in " ".join(caught.value.advice.split())
    state = lost.configuration.state_file
    state.rename(state.with_suffix(".lost"))
    again = ConnectorAgent(lost.configuration, store, transports=lost._transports, sleep=lambda _seconds: None)
    again.encode(VINTAGE)
    assert not set(again.record_refs().values()) & references
    assert len(again.record_refs()) == len(references)


def test_an_institution_joins_and_another_leaves() -> None:
    agreement, _ = make_agreement()
    new = make_keys()
    from contract.sealing import sealing_public_text
    from contract.signing import public_text

    joining = Party(
        name="anapec",
        role="institution",
        signing_key=public_text(new.signing),
        sealing_key=sealing_public_text(new.sealing),
    )
    with pytest.raises(InputError, match="how many persons"):
        draft_successor(agreement, leaving=["dgsn"])
    successor = draft_successor(
        agreement,
        parties=[joining],
        leaving=["dgsn"],
        registers=[canonical_proposal("work_contract", "anapec")],
        persons=10_000,
        created_on=date(2027, 1, 1),
    )
    found = changes(agreement, successor)
    assert (found["joined"], found["left"]) == (["anapec"], ["dgsn"])
    assert (found["registers_added"], found["registers_removed"]) == (["work_contract"], ["border_crossing"])
    assert found["terms"] == ["passes"]
    assert (successor.epoch, successor.predecessor) == (2, agreement.id)
    assert successor.created_on == date(2027, 1, 1)
    for wrong in ("lu", "nobody"):
        with pytest.raises(InputError, match="cannot leave"):
            draft_successor(agreement, leaving=[wrong])
    with pytest.raises(InputError, match="at once"):
        draft_successor(agreement, leaving=["dgsn"], parties=[agreement.party("dgsn")], persons=10)


def test_a_successor_of_another_or_of_the_same_epoch_is_refused() -> None:
    agreement, _ = make_agreement()
    successor = draft_successor(agreement)
    check_successor(agreement, successor)
    with pytest.raises(AgreementError, match="another predecessor"):
        check_successor(successor, successor)
    with pytest.raises(AgreementError, match="later key epoch"):
        check_successor(agreement, successor.model_copy(update={"epoch": 1}))
