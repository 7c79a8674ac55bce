"""The end of retention: nothing of a person is left at either unit, whatever is killed when, and the evidence holds."""

from __future__ import annotations

import json
import shutil
import threading
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from contract.agreement import SignedAgreement
from contract.audit_log import AuditBundle
from contract.canonical import canonical_json
from contract.errors import AgreementError, IntegrityError, SignatureError, StorageError
from contract.evidence import EvidenceError, SignedEvidence, check_logged, read_evidence
from service.agreements.service import install_agreement
from service.audit.export import export_bundle
from service.audit.log import verify_log
from service.db.models import all_metadata
from service.linkage_unit.start import start_linkage
from service.relay.models import RelayRow
from service.retention import erasure
from service.retention.erasure import end_retention, erase, evidence_of
from service.retention.inventory import FATE, take_inventory
from service.retention.jobs import retention_ticks
from service.runs.models import RunRow
from service.statistics_unit.models import SubjectRetraction
from service.statistics_unit.retraction import retracted
from service.statistics_unit.start import latest_run
from service.statistics_unit.subjects import PersonLink, subjects_database
from service.storage import ContentStore
from service.submissions.models import Submission, SubmissionObject
from service.unit import Unit
from tests.contract.builders import sign_all
from tests.service.linkage_unit.builders import VINTAGE, Federation, Register, make_registers, open_federation
from tests.service.retention.conftest import link

END = datetime(2099, 6, 1, 3, tzinfo=UTC)
ROLES = ("linkage", "statistics")


def files(unit: Unit) -> list[Path]:
    return [
        path
        for name in ("store", "subjects", "uploads", "tmp")
        for path in sorted((unit.settings.data_dir / name).rglob("*"))
        if path.is_file() and not path.name.startswith("subjects.sqlite")
    ]


def person_links(unit: Unit) -> int:
    with subjects_database(unit.settings) as database, database.read() as session:
        return len(session.scalars(select(PersonLink)).all())


def relay_message(federation: Federation) -> None:
    unit = federation.units["linkage"]
    with unit.database.write() as session:
        session.add(
            RelayRow(
                agreement_id=federation.agreement.id,
                kind="share",
                topic="",
                sender="cnss",
                recipient="dgsn",
                digest="d" * 64,
                size=4,
                document="{}  ",
                at=datetime.now(UTC),
            )
        )


def test_nothing_happens_before_the_day(federation: Federation) -> None:
    unit = federation.units["linkage"]
    before = files(unit)
    assert end_retention(unit, END - timedelta(days=1)) == []
    assert files(unit) == before
    assert end_retention(unit) == []


def test_everything_goes_at_both_units_and_the_evidence_says_what(federation: Federation) -> None:
    relay_message(federation)
    subject = json.dumps({"register_name": "work_contract", "subject_refs": ["a" * 32]}).encode()
    answer = federation.send("statistics", "POST", "/api/v1/subjects/retract", "cnss", subject)
    assert answer.status_code == 200, answer.text
    federation.work("statistics")
    assert person_links(federation.units["statistics"]) > 0
    kinds = {}
    for role in ROLES:
        unit = federation.units[role]
        assert len(files(unit)) > 4
        (signed,) = end_retention(unit, END)
        assert files(unit) == []
        signed.check()
        assert signed.evidence.reason == "retention"
        kinds[role] = {one.kind: one.items for one in signed.evidence.deleted}
        with unit.database.read() as session:
            assert session.scalars(select(SubmissionObject)).all() == []
            assert session.scalars(select(RelayRow)).all() == []
            assert session.scalars(select(SubjectRetraction)).all() == []
            assert session.scalars(select(RunRow)).all()
            assert take_inventory(unit, session, federation.agreement.id).empty
            assert verify_log(session, unit.keys) > 0
        assert end_retention(unit, END) == []
    assert kinds["linkage"]["relay_messages"] == 1
    assert kinds["linkage"]["pass_tables"] == 6
    assert kinds["statistics"]["subject_lists"] >= 3
    assert kinds["statistics"]["subject_retractions"] == 1
    assert person_links(federation.units["statistics"]) == 0


def test_no_byte_of_a_subject_is_left_in_any_file(federation: Federation, registers: dict[str, Register]) -> None:
    """Databases, their write-ahead logs and free pages included."""
    unit = federation.units["statistics"]
    subjects = sorted({subject for register in registers.values() for subject in register.persons})

    def left() -> int:
        content = b"".join(path.read_bytes() for path in unit.settings.data_dir.rglob("*") if path.is_file())
        return sum(subject.encode() in content for subject in subjects)

    assert left() > 50
    end_retention(unit, END)
    assert left() == 0


def test_the_evidence_names_the_files_as_the_institutions_signed_for_them(
    tmp_path: Path, registers: dict[str, Register]
) -> None:
    federation = open_federation(tmp_path)
    parcels = federation.push_all(registers)
    signed = erase(federation.units["linkage"], federation.agreement.id, END)
    named = {digest for one in signed.evidence.deleted for digest in one.digests}
    sent = {entry.sha256 for parcel in parcels.values() for entry in parcel.signed.manifest.half("linkage")}
    assert sent == named
    text = canonical_json(signed.evidence).decode()
    assert not any(subject in text for register in registers.values() for subject in register.persons)
    federation.close()


def test_the_evidence_verifies_offline_and_in_the_log(federation: Federation, tmp_path: Path) -> None:
    unit = federation.units["linkage"]
    (signed,) = end_retention(unit, END)
    path = unit.settings.data_dir / "evidence" / f"{federation.agreement.id}.json"
    assert read_evidence(path) == signed
    with unit.database.write() as session:
        export_bundle(session, unit.keys, unit.role, tmp_path / "log.json")
    bundle = AuditBundle.model_validate_json((tmp_path / "log.json").read_bytes())
    assert check_logged(signed, bundle) > 0
    other = federation.units["statistics"]
    with other.database.write() as session:
        export_bundle(session, other.keys, other.role, tmp_path / "other.json")
    with pytest.raises(EvidenceError, match="another unit"):
        check_logged(signed, AuditBundle.model_validate_json((tmp_path / "other.json").read_bytes()))
    with pytest.raises(EvidenceError, match="does not name"):
        check_logged(_changed(signed, finished_at=END + timedelta(days=1)), bundle)
    answer = federation.send("linkage", "GET", f"/api/v1/agreements/{federation.agreement.id}/evidence", "cnss")
    assert SignedEvidence.model_validate(answer.json()) == signed
    missing = federation.send("statistics", "GET", f"/api/v1/agreements/{federation.agreement.id}/evidence", "cnss")
    assert missing.status_code == 404


def _changed(signed: SignedEvidence, **changes: Any) -> SignedEvidence:
    return signed.model_copy(update={"evidence": signed.evidence.model_copy(update=changes)})


def test_altered_evidence_is_refused(federation: Federation, tmp_path: Path) -> None:
    (signed,) = end_retention(federation.units["linkage"], END)
    (first, *_) = signed.evidence.deleted
    with pytest.raises(SignatureError):
        _changed(signed, deleted=(first.model_copy(update={"items": first.items + 1}),)).check()
    with pytest.raises(SignatureError):
        _changed(signed, party="su", role="statistics_unit").check()
    with pytest.raises(EvidenceError, match="another role"):
        _changed(signed, party="cnss").check()
    with pytest.raises(EvidenceError, match="another agreement"):
        _changed(signed, epoch=2).check()
    with pytest.raises(AgreementError):
        _changed(signed, party="nobody").check()
    early = federation.agreement.model_copy(update={"retention_until": date(2100, 1, 1)})
    with pytest.raises(EvidenceError):
        signed.model_copy(update={"agreement": early}).check()
    for content in (b"", b"{}", b"\xff", b"[" * 100_000):
        (tmp_path / "bad.json").write_bytes(content)
        with pytest.raises(IntegrityError, match="no readable file"):
            read_evidence(tmp_path / "bad.json")


class Killed(BaseException):
    pass


@pytest.mark.parametrize("role", ROLES)
def test_killed_anywhere_it_goes_on_and_counts_everything(
    federation: Federation, role: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Dies before every third deletion and between the steps; the evidence counts what went before each kill."""
    unit = federation.units[role]
    with unit.database.read() as session:
        whole = take_inventory(unit, session, federation.agreement.id)
    real, seen = ContentStore.delete, iter(range(10_000))

    def dying(self: ContentStore, digest: str) -> bool:
        if next(seen) % 3 == 2:
            raise Killed
        return real(self, digest)

    monkeypatch.setattr(ContentStore, "delete", dying)
    for _ in range(len(whole.objects)):
        with pytest.raises(Killed):
            end_retention(unit, END)
        if len(files(unit)) < 3:
            break
    monkeypatch.setattr(ContentStore, "delete", real)
    for name in ("_delete_files", "_finish", "_compact", "write_evidence", "_sweep"):
        with monkeypatch.context() as patch:
            patch.setattr(erasure, name, lambda *_: (_ for _ in ()).throw(Killed()))
            with pytest.raises(Killed):
                end_retention(unit, END)
    end_retention(unit, END)
    assert files(unit) == []
    with unit.database.read() as session:
        signed = evidence_of(session, federation.agreement.id)
    assert signed is not None
    assert {digest for one in signed.evidence.deleted for digest in one.digests} == {
        item.digest for item in whole.objects
    }
    assert (unit.settings.data_dir / "evidence" / f"{federation.agreement.id}.json").exists()


def test_evidence_never_names_an_upload_that_is_still_there(
    federation: Federation, monkeypatch: pytest.MonkeyPatch
) -> None:
    unit = federation.units["linkage"]
    with unit.database.write() as session:
        name = session.scalars(select(Submission)).first().manifest_id
    folder = unit.settings.data_dir / "uploads" / name
    folder.mkdir(parents=True)
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "rmtree", lambda *_, **__: None)  # as on a disk that refuses
        with pytest.raises(StorageError, match="cannot be deleted"):
            end_retention(unit, END)
    with unit.database.read() as session:
        assert evidence_of(session, federation.agreement.id) is None
    assert len(end_retention(unit, END)) == 1
    assert not folder.exists()


def test_what_a_worker_wrote_meanwhile_goes_the_next_day(federation: Federation) -> None:
    unit = federation.units["linkage"]
    with unit.database.read() as session:
        kept = take_inventory(unit, session, federation.agreement.id).objects[0]
    content = unit.store.path(kept.digest).read_bytes()
    end_retention(unit, END)
    path = unit.store.path(kept.digest)
    path.write_bytes(content)
    assert end_retention(unit, END + timedelta(days=1)) == []
    assert not path.exists()


def test_what_another_agreement_names_stays(federation: Federation, registers: dict[str, Register]) -> None:
    """The same vintage under a successor: the successor's tables and results are untouched."""
    predecessor = federation.agreement
    federation.agreement = succeed(federation)
    link(federation, registers)
    before = {}
    for role in ROLES:
        unit = federation.units[role]
        with unit.database.read() as session:
            before[role] = take_inventory(unit, session, federation.agreement.id)
        erase(unit, predecessor.id, END)
        for item in before[role].objects:
            assert unit.store_at(item.place).has(item.digest)
    assert person_links(federation.units["statistics"]) == sum(len(one.persons) for one in registers.values())
    federation.send("statistics", "GET", f"/api/v1/agreements/{predecessor.id}/evidence", "cnss")


def succeed(federation: Federation, **changes: Any) -> Any:
    agreement = federation.agreement.model_copy(
        update={
            "epoch": federation.agreement.epoch + 1,
            "predecessor": federation.agreement.id,
            "expires_on": date(2110, 1, 1),
            "retention_until": date(2115, 1, 1),
            **changes,
        }
    )
    for unit in federation.units.values():
        with unit.database.write() as session:
            install_agreement(unit, session, sign_all(agreement, federation.keys))
    return agreement


def test_person_ids_live_on_in_a_successor_by_the_subject_references(
    federation: Federation, registers: dict[str, Register]
) -> None:
    unit, old = federation.units["statistics"], federation.agreement
    before = links_of(unit, old.id)
    federation.agreement = succeed(federation)
    link(federation, make_registers(persons=40, salt="another epoch"))
    after = links_of(unit, federation.agreement.id)
    assert set(after) == set(before)
    assert sum(after[key] == before[key] for key in before) / len(before) > 0.99


def links_of(unit: Unit, agreement_id: str) -> dict[tuple[str, str], str]:
    with unit.database.read() as session:
        run = latest_run(session, agreement_id, VINTAGE)
    assert run is not None
    with subjects_database(unit.settings) as database, database.read() as session:
        rows = session.scalars(select(PersonLink).where(PersonLink.run_id == run.id)).all()
    return {(row.register_name, row.subject_ref): row.person_id for row in rows}


def test_a_subject_taken_back_stays_out_of_a_successor_even_after_the_predecessors_end(
    federation: Federation, registers: dict[str, Register]
) -> None:
    subject = sorted(registers["work_contract"].persons)[0]
    body = json.dumps({"register_name": "work_contract", "subject_refs": [subject]}).encode()
    assert federation.send("statistics", "POST", "/api/v1/subjects/retract", "cnss", body).status_code == 200
    federation.work("statistics")
    unit, old = federation.units["statistics"], federation.agreement
    federation.agreement = succeed(federation)
    link(federation, registers)
    assert ("work_contract", subject) not in links_of(unit, federation.agreement.id)
    signed = erase(unit, old.id, END)
    assert {one.kind: one.items for one in signed.evidence.kept}["retractions_handed_over"] == 1
    with unit.database.read() as session:
        assert retracted(session, federation.agreement.id, 10**6) == {("work_contract", subject)}
        assert session.scalars(select(SubjectRetraction).where(SubjectRetraction.agreement_id == old.id)).all() == []


def test_a_successor_needs_a_later_epoch(federation: Federation) -> None:
    with pytest.raises(AgreementError, match="later key epoch"):
        succeed(federation, epoch=federation.agreement.epoch)


def test_an_active_run_is_cancelled(tmp_path: Path, registers: dict[str, Register]) -> None:
    federation = open_federation(tmp_path)
    federation.push_all(registers)
    unit = federation.units["linkage"]
    run = start_linkage(unit.database, federation.agreement.id, VINTAGE)
    erase(unit, federation.agreement.id, END)
    with unit.database.read() as session:
        assert session.get_one(RunRow, run.id).state == "cancelled"
    federation.close()


def test_the_unit_looks_at_its_start_and_every_day(federation: Federation, monkeypatch: pytest.MonkeyPatch) -> None:
    unit, calls, thrice = federation.units["linkage"], [], threading.Event()

    def look(looked_at: Unit) -> None:
        calls.append(looked_at)
        if len(calls) == 2:
            raise StorageError("the disk is full")  # tried again
        if len(calls) == 3:
            thrice.set()

    monkeypatch.setattr("service.retention.jobs.end_retention", look)
    with retention_ticks(unit, tick_seconds=0.01):
        assert thrice.wait(20)
    assert set(map(id, calls)) == {id(unit)}


def test_every_table_has_a_fate() -> None:
    """A new table must say what becomes of its rows when an agreement's retention ends."""
    assert set(FATE) == set(all_metadata().tables)


def test_signed_agreements_survive(federation: Federation) -> None:
    erase(federation.units["linkage"], federation.agreement.id, END)
    answer = federation.send("linkage", "GET", f"/api/v1/agreements/{federation.agreement.id}", "cnss")
    assert SignedAgreement.model_validate(answer.json()).missing() == ()
