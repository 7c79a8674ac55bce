"""A submission's life at both units: accepted once, resumed at any offset, replaced, retracted."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from sqlalchemy import select

from contract.receipt import SignedReceipt
from service.agreements.models import AgreementRow
from service.submissions.models import SubmissionObject
from service.submissions.queries import accepted_submissions, mark_used
from tests.service.parties import complete, make_parcel, open_parcel, parquet, pass_table, patch, payload, push

pytestmark = pytest.mark.filterwarnings("default::ResourceWarning")


def test_the_linkage_unit_accepts_its_half_and_signs_a_receipt(linkage) -> None:
    parcel = make_parcel(linkage)
    answer = push(linkage, parcel)
    assert answer.status_code == 200, answer.text
    receipt = SignedReceipt.model_validate(answer.json())
    receipt.check(linkage.agreement)
    assert receipt.receipt.manifest_id == parcel.id
    entry = linkage.audit()[receipt.receipt.audit_sequence]
    assert (entry["action"], entry["object"], entry["actor"]) == ("submission:accept", parcel.id, "institution:cnss")
    with linkage.unit.database.read() as session:
        found = accepted_submissions(session, linkage.agreement.id, "2024-12")["social_security"]
    assert sorted(found.tables) == ["pass-birth.parquet", "pass-name.parquet"]
    for name, table in found.tables.items():
        with linkage.unit.store.open(table.sha256) as source:
            assert source.read() == parcel.files[name]
        assert table.rows == 50
    assert not (linkage.unit.settings.data_dir / "uploads" / parcel.id).exists()


def test_the_statistics_unit_opens_its_half_and_keeps_handles_apart(statistics) -> None:
    parcel = make_parcel(statistics)
    assert push(statistics, parcel).status_code == 200
    unit = statistics.unit
    with unit.database.read() as session:
        tables = accepted_submissions(session, statistics.agreement.id, "2024-12")["social_security"].tables
    assert {name: table.place for name, table in tables.items()} == {
        "events.parquet": "store",
        "handles.parquet": "subjects",
        "records.parquet": "store",
    }
    for name, table in tables.items():
        with unit.store_at(table.place).open(table.sha256) as source:
            assert source.read() == parquet(payload()[name])
    assert not unit.store.has(tables["handles.parquet"].sha256)
    assert unit.settings.subjects_dir.stat().st_mode & 0o777 == 0o700
    assert list((unit.settings.data_dir / "tmp").iterdir()) == []


def test_an_upload_cut_at_every_chunk_boundary_resumes(worlds) -> None:
    linkage = worlds(chunk_bytes=1024)
    parcel = make_parcel(linkage)
    open_parcel(linkage, parcel)
    while True:
        missing = [file for file in open_parcel(linkage, parcel).json()["files"] if file["offset"] < file["size"]]
        if not missing:
            break
        name, offset = missing[0]["name"], missing[0]["offset"]
        content = parcel.files[name]
        answer = patch(linkage, parcel, name, offset, content[offset : offset + 1024])
        assert answer.json() == {"offset": min(offset + 1024, len(content))}
        # the same chunk again, as after a lost answer: refused with the place to go on from
        again = patch(linkage, parcel, name, offset, content[offset : offset + 1024])
        assert again.status_code == 409
        assert again.json()["where"] == {"offset": answer.json()["offset"]}
    assert complete(linkage, parcel).status_code == 200


def test_bytes_written_but_not_recorded_and_bytes_lost_are_both_healed(linkage) -> None:
    parcel = make_parcel(linkage)
    open_parcel(linkage, parcel)
    name = "pass-birth.parquet"
    content = parcel.files[name]
    patch(linkage, parcel, name, 0, content[:100])
    path = linkage.unit.settings.data_dir / "uploads" / parcel.id / name
    path.write_bytes(content[:100] + b"written, then the power failed")
    assert patch(linkage, parcel, name, 100, content[100:200]).json() == {"offset": 200}
    assert path.read_bytes() == content[:200]
    path.write_bytes(content[:50])
    assert patch(linkage, parcel, name, 200, content[200:300]).json() == {"offset": 50}
    assert patch(linkage, parcel, name, 50, content[50:]).json() == {"offset": len(content)}
    assert push(linkage, parcel).status_code == 200


def test_the_same_submission_many_times_at_once_counts_once(linkage) -> None:
    parcel = make_parcel(linkage)
    open_parcel(linkage, parcel)
    for name in ("pass-birth.parquet", "pass-name.parquet"):
        patch(linkage, parcel, name, 0, parcel.files[name])
    answers: list[str] = []

    def run() -> None:
        answers.append(complete(linkage, parcel).text)

    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 8
    assert len(set(answers)) == 1
    assert linkage.actions().count("submission:accept") == 1
    assert len(list(linkage.unit.store.digests())) == 2


def test_a_new_submission_replaces_the_earlier_until_a_run_used_it(linkage) -> None:
    first, second, third = make_parcel(linkage), make_parcel(linkage), make_parcel(linkage)
    other = {"birth": parquet(pass_table(40)), "name": parquet(pass_table(40, 900))}
    second = make_parcel(linkage, passes=other)
    push(linkage, first)
    open_parcel(linkage, third)
    assert push(linkage, second).status_code == 200
    state = linkage.send("GET", f"/api/v1/submissions/{first.id}").json()["state"]
    assert state == "replaced"
    assert len(list(linkage.unit.store.digests())) == 2  # the first one's tables are gone
    deleted = next(entry for entry in linkage.audit() if entry["action"] == "objects:delete")
    assert deleted["object"] == first.id
    assert len(deleted["details"]["sha256"]) == 2
    with linkage.unit.database.write() as session:
        mark_used(session, [second.id], "1" * 32)
    assert push(linkage, third).status_code == 409
    assert open_parcel(linkage, make_parcel(linkage)).status_code == 409
    assert linkage.send("GET", f"/api/v1/submissions/{second.id}").json()["state"] == "accepted"
    assert complete(linkage, first).status_code == 409


def test_retraction_deletes_the_tables_and_may_be_repeated(statistics) -> None:
    parcel = make_parcel(statistics)
    push(statistics, parcel)
    for _ in range(2):
        answer = statistics.send("POST", f"/api/v1/submissions/{parcel.id}/retract")
        assert answer.json()["state"] == "retracted"
    assert list(statistics.unit.store.digests()) == []
    assert list(statistics.unit.subjects.digests()) == []
    assert statistics.actions().count("submission:retract") == 1
    with statistics.unit.database.read() as session:
        assert session.scalars(select(SubmissionObject)).all() == []


def test_what_a_killed_process_had_still_to_delete_is_deleted_at_the_next_start(worlds, monkeypatch) -> None:
    from service.app import create_app

    world = worlds()
    first = make_parcel(world)
    push(world, first)

    def killed(_unit) -> int:
        raise RuntimeError

    with monkeypatch.context() as patched:
        patched.setattr("service.submissions.service.remove_tables", killed)
        world.send("POST", f"/api/v1/submissions/{first.id}/retract")
    assert len(list(world.unit.store.digests())) == 2
    create_app(world.unit.settings, world.unit.keys).state.unit.close()
    assert list(world.unit.store.digests()) == []
    assert "objects:delete" in world.actions()


def test_content_shared_by_two_submissions_outlives_the_retraction_of_one(linkage) -> None:
    first, second = make_parcel(linkage), make_parcel(linkage, vintage="2025-12")
    push(linkage, first)
    push(linkage, second)
    linkage.send("POST", f"/api/v1/submissions/{first.id}/retract")
    with linkage.unit.database.read() as session:
        found = accepted_submissions(session, linkage.agreement.id, "2025-12")["social_security"]
    for table in found.tables.values():
        linkage.unit.store.open(table.sha256).close()


def test_no_audit_record_no_acceptance(linkage, monkeypatch) -> None:
    parcel = make_parcel(linkage)
    open_parcel(linkage, parcel)
    for name in ("pass-birth.parquet", "pass-name.parquet"):
        patch(linkage, parcel, name, 0, parcel.files[name])

    def refuse(*_args, **_how) -> int:
        raise OSError("no log")

    with monkeypatch.context() as patched:
        patched.setattr("service.submissions.service.append", refuse)
        assert complete(linkage, parcel).status_code == 500
    assert linkage.send("GET", f"/api/v1/submissions/{parcel.id}").json()["state"] == "open"
    assert complete(linkage, parcel).status_code == 200


@pytest.mark.parametrize("migrated_url", ["postgresql"], indirect=True)
def test_a_stopped_database_loses_nothing_that_was_acknowledged(postgresql, migrated_url, worlds) -> None:
    linkage = worlds(migrated_url)
    parcel = make_parcel(linkage)
    open_parcel(linkage, parcel)
    file = "pass-birth.parquet"
    patch(linkage, parcel, file, 0, parcel.files[file][:500])
    postgresql.stop()
    try:
        answer = patch(linkage, parcel, file, 500, parcel.files[file][500:])
        assert answer.status_code == 503
        assert answer.json()["type"] == "urn:wasl:error:storage.failed"
        assert linkage.client.get("/api/v1/status").status_code == 503
    finally:
        postgresql.ensure_postgres_running()
    assert next(f for f in open_parcel(linkage, parcel).json()["files"] if f["name"] == file)["offset"] == 500
    assert push(linkage, parcel).status_code == 200


def test_a_full_disk_is_a_clear_refusal_and_the_upload_goes_on_afterwards(linkage, monkeypatch) -> None:
    import errno
    import os

    parcel = make_parcel(linkage)
    open_parcel(linkage, parcel)
    name = "pass-birth.parquet"

    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        answer = patch(linkage, parcel, name, 0, parcel.files[name])
    assert answer.status_code == 503
    assert "Free disk space" in answer.json()["detail"]
    assert push(linkage, parcel).status_code == 200


def test_an_expired_agreement_stops_open_and_complete(linkage, monkeypatch) -> None:
    import time_machine

    parcel = make_parcel(linkage)
    open_parcel(linkage, parcel)
    for name in ("pass-birth.parquet", "pass-name.parquet"):
        patch(linkage, parcel, name, 0, parcel.files[name])
    with linkage.unit.database.read() as session:
        assert session.get(AgreementRow, linkage.agreement.id) is not None
    with time_machine.travel("2099-02-01"):
        answers = [open_parcel(linkage, make_parcel(linkage)), complete(linkage, parcel)]
    assert [answer.json()["type"] for answer in answers] == ["urn:wasl:error:agreement.refused"] * 2


def test_folder_of_uploads_is_private(linkage) -> None:
    parcel = make_parcel(linkage)
    open_parcel(linkage, parcel)
    patch(linkage, parcel, "pass-birth.parquet", 0, b"PAR1")
    path: Path = linkage.unit.settings.data_dir / "uploads" / parcel.id / "pass-birth.parquet"
    assert path.stat().st_mode & 0o777 == 0o600
