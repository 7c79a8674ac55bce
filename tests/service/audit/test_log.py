"""The audit log: gapless, signed, cosigned; every kind of tampering shows, here and offline."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest
from sqlalchemy import text

from contract import merkle
from contract.audit_log import COSIGNATURE_CONTEXT, AuditBundle, SignedCheckpoint, check_bundle, verify_bundle
from contract.canonical import canonical_json
from contract.errors import IntegrityError, SignatureError
from contract.signing import sign
from service.audit import log
from service.audit.actions import Action
from service.audit.export import export_bundle
from service.audit.models import AuditEntry
from service.unit import open_unit
from tests.service.parties import World

BASE = "/api/v1/audit"


def add(world: World, count: int) -> None:
    with world.unit.database.write() as session:
        for number in range(count):
            log.append(session, Action.RUN_CHUNK, actor="unit:linkage", obj=str(number))


def checkpoint(world: World, party: str = "cnss") -> SignedCheckpoint:
    return SignedCheckpoint.model_validate(world.send("GET", f"{BASE}/checkpoint", party=party).json())


def cosign(world: World, seen: SignedCheckpoint, party: str):
    body = {
        "checkpoint": seen.model_dump(mode="json"),
        "signature": sign(COSIGNATURE_CONTEXT, seen.checkpoint, world.keys[party].signing),
    }
    return world.send("POST", f"{BASE}/cosign", party=party, body=json.dumps(body).encode())


def bundle_of(world: World, path: Path) -> AuditBundle:
    with world.unit.database.write() as session:
        return export_bundle(session, world.unit.keys, world.unit.role, path)


def test_entries_are_gapless_though_many_write_at_once(linkage) -> None:
    threads = [threading.Thread(target=add, args=(linkage, 3)) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    entries = linkage.audit()
    assert [entry["sequence"] for entry in entries] == list(range(len(entries)))
    with linkage.unit.database.read() as session:
        assert log.verify_log(session, linkage.unit.keys) == len(entries)


def test_an_action_that_fails_leaves_no_entry_and_a_detail_is_no_document(linkage) -> None:
    before = len(linkage.audit())

    def fail(details) -> None:
        with linkage.unit.database.write() as session:
            log.append(session, Action.RUN_START, actor="operator:local", details=details)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail({"run": "a"})
    for bad in ({"row": {"name": "x"}}, {"text": "x" * 201}, {"bytes": b"x"}, {"list": [["x"]]}):
        with pytest.raises(ValueError):
            fail(bad)
    assert len(linkage.audit()) == before


def test_a_party_proves_that_the_log_it_saw_continues_and_cosigns(linkage) -> None:
    add(linkage, 5)
    old = checkpoint(linkage)
    add(linkage, 9)
    new = checkpoint(linkage, "cndp")
    sizes = old.checkpoint.size, new.checkpoint.size
    proof = linkage.send("GET", f"{BASE}/consistency?from={sizes[0]}&to={sizes[1]}").json()["proof"]
    roots = [bytes.fromhex(signed.checkpoint.root) for signed in (old, new)]
    merkle.verify_consistency(*sizes, *roots, [bytes.fromhex(node) for node in proof])
    page = linkage.send("GET", f"{BASE}/entries?start=2&limit=3").json()
    assert [entry["sequence"] for entry in page["entries"]] == [2, 3, 4]
    assert page["next"] == 5
    for entry in page["entries"]:
        number = entry["sequence"]
        path = linkage.send("GET", f"{BASE}/inclusion?sequence={number}&size={sizes[1]}").json()["proof"]
        leaf = merkle.leaf_hash(canonical_json(entry))
        merkle.verify_inclusion(leaf, number, sizes[1], [bytes.fromhex(node) for node in path], roots[1])
    for party in ("cndp", "cnss", "cnss"):
        assert cosign(linkage, new, party).status_code == 200
    assert linkage.actions().count("checkpoint:cosign") == 2
    assert cosign(linkage, new, "su").status_code == 403


def test_a_checkpoint_of_another_log_is_not_cosigned(linkage) -> None:
    seen = checkpoint(linkage)
    other = seen.model_copy(update={"checkpoint": seen.checkpoint.model_copy(update={"root": "0" * 64})})
    answer = cosign(linkage, other, "cnss")
    assert answer.status_code == 409
    assert "two logs" in answer.json()["detail"]


def test_proofs_beyond_the_log_are_refused(worlds) -> None:
    world = worlds()
    for query in ("consistency?from=0&to=1", "consistency?from=2&to=1", "consistency?from=1&to=9999"):
        assert world.send("GET", f"{BASE}/{query}").status_code == 422
    assert world.send("GET", f"{BASE}/inclusion?sequence=5&size=5").status_code == 422


TAMPERING = {
    "edit": "UPDATE audit_entries SET document = replace(document, 'unit:linkage', 'unit:nobody') WHERE sequence = 6",
    "edit of a copied column": "UPDATE audit_entries SET action = 'run:stage' WHERE sequence = 4",
    "edit of a leaf": "UPDATE audit_entries SET leaf = (SELECT leaf FROM audit_entries WHERE sequence = 5)"
    " WHERE sequence = 4",
    "deletion": "DELETE FROM audit_entries WHERE sequence = 4",
    "deletion and renumbering": "DELETE FROM audit_entries WHERE sequence = 4;"
    "UPDATE audit_entries SET sequence = sequence - 1 WHERE sequence > 4",
    "reordering": "UPDATE audit_entries SET sequence = 1000 WHERE sequence = 4;"
    "UPDATE audit_entries SET sequence = 4 WHERE sequence = 5;"
    "UPDATE audit_entries SET sequence = 5 WHERE sequence = 1000",
    "cut": "DELETE FROM audit_entries WHERE sequence >= 8",
}


@pytest.mark.parametrize("what", sorted(TAMPERING))
def test_tampering_in_the_database_is_detected_and_never_signed_again(worlds, what: str) -> None:
    linkage = worlds()
    add(linkage, 10)
    checkpoint(linkage)
    with linkage.unit.database.engine.begin() as connection:
        for statement in TAMPERING[what].split(";"):
            connection.execute(text(statement))
    with linkage.unit.database.read() as session, pytest.raises(IntegrityError):
        log.verify_log(session, linkage.unit.keys)
    with pytest.raises(IntegrityError):
        open_unit(linkage.unit.settings, linkage.unit.keys)


def test_a_rewritten_log_with_right_hashes_is_not_signed_again(linkage) -> None:
    add(linkage, 10)
    checkpoint(linkage)
    rewrite(linkage, 5)
    add(linkage, 1)
    answer = linkage.send("GET", f"{BASE}/checkpoint")
    assert (answer.status_code, answer.json()["type"]) == (500, "urn:wasl:error:integrity.broken")


def rewrite(world: World, sequence: int) -> None:
    """Change an entry as somebody with the database would who knows how hashes are made."""
    with world.unit.database.write() as session:
        row = session.get_one(AuditEntry, sequence)
        entry = json.loads(row.document) | {"actor": "unit:nobody"}
        row.document = canonical_json(entry).decode()
        row.leaf = merkle.leaf_hash(canonical_json(entry))


def test_the_bundle_verifies_offline_with_its_witnesses(linkage, tmp_path: Path) -> None:
    add(linkage, 4)
    seen = checkpoint(linkage)
    for party in ("cnss", "cndp"):
        cosign(linkage, seen, party)
    path = tmp_path / "audit.json"
    bundle_of(linkage, path)
    report = verify_bundle(path, signing_key=linkage.unit.keys.signing_public, seen=seen)
    assert report.entries == len(linkage.audit())
    assert (report.witnessed_size, report.witnesses) == (seen.checkpoint.size, ("cndp", "cnss"))
    with pytest.raises(IntegrityError, match="another key"):
        verify_bundle(path, signing_key=linkage.keys["su"].signing)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(IntegrityError):
        verify_bundle(path)


def test_every_change_to_a_bundle_is_detected(worlds, tmp_path: Path) -> None:
    world = worlds()
    add(world, 6)
    seen = checkpoint(world)
    cosign(world, seen, "cnss")
    bundle = bundle_of(world, tmp_path / "audit.json")
    entries, checkpoints = bundle.entries, bundle.checkpoints
    last = checkpoints[-1]
    forged = last.model_copy(
        update={"checkpoint": last.checkpoint.model_copy(update={"size": last.checkpoint.size - 1})}
    )
    given = bundle.cosignatures[0]
    changes = [
        {"entries": (entries[0].replace("unit:start", "unit:stop"), *entries[1:])},
        {"entries": entries[:-1]},
        {"entries": entries[1:]},
        {"entries": (*entries[:2], entries[3], entries[2], *entries[4:])},
        {"entries": (*entries, entries[-1])},
        {"entries": (*entries[:-1], "not json")},
        {"entries": (*entries[:-1], " " + entries[-1])},
        {"checkpoints": ()},
        {"checkpoints": (*checkpoints[:-1], forged)},
        {"checkpoints": checkpoints[:-1]},
        {"cosignatures": (given.model_copy(update={"party": "dgsn"}),)},
        {"cosignatures": (given.model_copy(update={"size": 1}),)},
        {"agreements": ()},
    ]
    for change in changes:
        with pytest.raises((IntegrityError, SignatureError)):
            check_bundle(bundle.model_copy(update=change))
    check_bundle(bundle)


def test_a_fork_that_agrees_with_itself_is_detected_by_who_saw_the_other_branch(worlds, tmp_path: Path) -> None:
    world = worlds()
    add(world, 6)
    seen = checkpoint(world)
    rewrite(world, 4)
    with world.unit.database.engine.begin() as connection:
        connection.execute(text("DELETE FROM audit_checkpoints"))
    bundle = bundle_of(world, tmp_path / "audit.json")
    check_bundle(bundle)
    with pytest.raises(IntegrityError, match="rewritten"):
        check_bundle(bundle, seen=seen)
