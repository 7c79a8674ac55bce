"""A linkage run: what it needs, what it makes, and how its edges reach the statistics unit."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import httpx2
import pytest
from sqlalchemy import update

from contract.edges import SignedEdgesManifest
from contract.errors import AgreementError, ConflictError, UnreachableError
from service.agreements.models import AgreementSignature
from service.linkage_unit.delivery import DeliveryError, EdgesClient
from service.linkage_unit.start import start_linkage
from service.linkage_unit.workflow import LinkageWorkflow
from service.runs import ledger
from service.runs.models import RunChunk
from service.runs.port import Run, RunState
from service.runs.queue import JobQueue
from service.runs.worker import Workers
from service.submissions.models import Submission
from tests.service.linkage_unit.builders import (
    VINTAGE,
    Federation,
    Register,
    make_parcel,
    make_registers,
    open_federation,
)


@pytest.fixture(scope="module")
def registers() -> dict[str, Register]:
    return make_registers()


@pytest.fixture
def federation(tmp_path: Path) -> Iterator[Federation]:
    made = open_federation(tmp_path)
    yield made
    made.close()


def start(federation: Federation, **options) -> Run:
    return start_linkage(federation.units["linkage"].database, federation.agreement.id, VINTAGE, **options)


def status(federation: Federation, run: Run) -> Run:
    return JobQueue(federation.units["linkage"].database).status(run.id)


def signed_edges(federation: Federation, run: Run) -> tuple[SignedEdgesManifest, Path]:
    unit = federation.units["linkage"]
    with unit.database.read() as session:
        (sealed,) = ledger.results(session, run.id, "seal")
    signed = SignedEdgesManifest.model_validate_json(unit.store.open(sealed.digest).read())
    return signed, unit.store.checked_path(signed.manifest.sha256)


def test_the_result_does_not_depend_on_the_chunks(federation: Federation, registers: dict[str, Register]) -> None:
    federation.push_all(registers)
    digests = []
    for pairs_per_chunk, workers in ((50, 3), (10_000_000, 1)):
        run = start(federation, pairs_per_chunk=pairs_per_chunk)
        unit = federation.units["linkage"]
        workflow = LinkageWorkflow(unit, lambda _url, _agreement, _name: federation.client())
        pool = Workers(unit.database, {"linkage": workflow}, workers)
        pool.start()
        ended = JobQueue(unit.database).wait(run.id, 60)
        pool.stop()
        assert ended.error is None
        digests.append(ended.result_digest)
    assert digests[0] == digests[1]
    quality = ended.quality
    assert quality["converged"]
    assert quality["rows"]["birth"] > 300
    for found in quality["passes"].values():
        assert 0 < found["match_rate"] < 1
        assert found["estimated_matches"] == pytest.approx(350, rel=0.1)
        assert len(found["variables"]["given"]["m"]) == len(found["variables"]["given"]["u"])


def test_a_run_waits_for_every_register_or_the_operators_own_choice(
    federation: Federation, registers: dict[str, Register]
) -> None:
    parcels = {
        name: make_parcel(federation.agreement, federation.keys, name, made, VINTAGE)
        for name, made in registers.items()
    }
    for name in ("border_crossing", "work_contract"):
        federation.push(parcels[name])
    with pytest.raises(ConflictError, match="social_security"):
        start(federation)
    with pytest.raises(ConflictError, match="social_security"):
        start(federation, registers=["work_contract", "social_security"])
    with pytest.raises(AgreementError):
        start(federation, registers=["consular"])
    run = start(federation, registers=["work_contract", "border_crossing"])
    assert sorted(run.parameters["submissions"]) == ["border_crossing", "work_contract"]
    with pytest.raises(ConflictError, match="under way"):
        start(federation, registers=["work_contract", "border_crossing"])
    federation.work("linkage")
    assert status(federation, run).state == RunState.SUCCEEDED


def test_no_run_without_a_live_agreement(federation: Federation, registers: dict[str, Register], time_machine) -> None:
    federation.push_all(registers)
    run = start(federation)
    time_machine.move_to(date(2099, 1, 2), tick=True)
    federation.work("linkage")
    ended = status(federation, run)
    assert ended.state == RunState.FAILED
    assert ended.error["type"] == "urn:wasl:error:agreement.refused"
    with pytest.raises(AgreementError, match="expired"):
        start(federation)


def test_a_missing_signature_stops_a_run(federation: Federation, registers: dict[str, Register]) -> None:
    federation.push_all(registers)
    with federation.units["linkage"].database.write() as session:
        session.delete(session.get(AgreementSignature, (federation.agreement.id, "dgsn", "signature")))
    with pytest.raises(AgreementError, match="dgsn"):
        start(federation)


def test_a_run_holds_its_submissions_until_it_ends_without_a_result(
    federation: Federation, registers: dict[str, Register]
) -> None:
    federation.push_all(registers)
    run = start(federation)
    again = make_parcel(federation.agreement, federation.keys, "work_contract", registers["work_contract"], VINTAGE)
    body = again.signed.model_dump_json().encode()
    assert federation.send("linkage", "POST", "/api/v1/submissions", "cnss", body).status_code == 409
    jobs = JobQueue(federation.units["linkage"].database)
    jobs.cancel(run.id, "operator:test")
    federation.push(again)
    with pytest.raises(ConflictError, match="no longer in force"):
        jobs.resume(run.id, "operator:test")
    assert start(federation).parameters["submissions"]["work_contract"] == again.id


def test_a_retracted_submission_stops_a_run(federation: Federation, registers: dict[str, Register]) -> None:
    parcels = federation.push_all(registers)
    run = start(federation)
    path = f"/api/v1/submissions/{parcels['border_crossing'].id}/retract"
    assert federation.send("linkage", "POST", path, "dgsn").status_code == 200
    federation.work("linkage")
    ended = status(federation, run)
    assert ended.state == RunState.FAILED
    assert ended.error["where"] == {"register": "border_crossing"}
    with federation.units["linkage"].database.read() as session:
        assert session.get(Submission, parcels["work_contract"].id).used_by_run is None


def test_without_an_address_the_run_fails_with_advice_and_can_be_resumed(
    federation: Federation, registers: dict[str, Register]
) -> None:
    federation.push_all(registers)
    run = start(federation)
    unit = federation.units["linkage"]
    nowhere = unit.settings.model_copy(update={"statistics_url": None})
    workflow = LinkageWorkflow(type(unit)(**{**vars(unit), "settings": nowhere}))
    workers = Workers(unit.database, {"linkage": workflow})
    while workers.work_once():
        pass
    ended = status(federation, run)
    assert ended.state == RunState.FAILED
    assert "WASL_STATISTICS_URL" in ended.error["detail"]
    JobQueue(unit.database).resume(run.id, "operator:test")
    federation.work("linkage")
    assert status(federation, run).state == RunState.SUCCEEDED


class Flaky(httpx2.BaseTransport):
    """Loses requests, answers, or everything."""

    def __init__(self, inner: httpx2.BaseTransport, faults: list[str]) -> None:
        self.inner, self.faults, self.sent = inner, faults, []

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        fault = self.faults.pop(0) if self.faults else ""
        self.sent.append((request.method, request.headers.get("upload-offset"), fault))
        if fault == "unsent":
            raise httpx2.ConnectError("refused")
        answer = self.inner.handle_request(request)
        if fault == "unanswered":
            raise httpx2.ReadError("reset")
        if fault == "overloaded":
            return httpx2.Response(503, json={"title": "busy"})
        return answer


def deliverable(federation: Federation, registers: dict[str, Register]) -> tuple[Run, SignedEdgesManifest, Path]:
    federation.push_all(registers)
    run = start(federation)
    unit = federation.units["linkage"]
    workflow = LinkageWorkflow(unit, lambda _url, _agreement, _name: broken_client(federation))
    workers = Workers(unit.database, {"linkage": workflow})
    while workers.work_once():
        pass
    return run, *signed_edges(federation, run)


def broken_client(federation: Federation) -> EdgesClient:
    return federation.client(Flaky(federation.transport(), ["unsent"] * 4))


def test_an_unreachable_statistics_unit_is_tried_again_later(
    federation: Federation, registers: dict[str, Register]
) -> None:
    run, _, _ = deliverable(federation, registers)
    jobs = JobQueue(federation.units["linkage"].database)
    assert jobs.status(run.id).state == RunState.RUNNING
    assert jobs.progress(run.id).trouble["type"] == "urn:wasl:error:peer.unreachable"
    with federation.units["linkage"].database.write() as session:
        session.execute(update(RunChunk).values(lease_until=None))
    federation.work("linkage")
    assert jobs.status(run.id).state == RunState.SUCCEEDED


def test_a_delivery_survives_lost_requests_and_answers(federation: Federation, registers: dict[str, Register]) -> None:
    _, signed, path = deliverable(federation, registers)
    small = federation.units["statistics"].settings.model_copy(update={"chunk_bytes": 2000})
    app_unit = federation.units["statistics"]
    federation.clients["statistics"].app.state.unit = type(app_unit)(**{**vars(app_unit), "settings": small})
    faults = ["unsent", "unanswered", "", "", "unanswered", "unanswered", "overloaded", "", "unsent", "unanswered"]
    flaky = Flaky(federation.transport(), list(faults))
    federation.client(flaky).deliver(signed, path)
    assert len([method for method, _, _ in flaky.sent if method == "PATCH"]) > 4
    federation.client().deliver(signed, path)
    held = federation.units["statistics"].database
    runs = JobQueue(held).runs()
    assert [run.parameters["edges_run"] for run in runs] == [signed.manifest.run_id]


def test_a_delivery_gives_up_for_now_and_goes_on_where_it_was(
    federation: Federation, registers: dict[str, Register]
) -> None:
    _, signed, path = deliverable(federation, registers)
    unit = federation.units["statistics"]
    small = unit.settings.model_copy(update={"chunk_bytes": 2000})
    federation.clients["statistics"].app.state.unit = type(unit)(**{**vars(unit), "settings": small})
    with pytest.raises(UnreachableError):
        federation.client(Flaky(federation.transport(), ["", "", "", *["unsent"] * 4])).deliver(signed, path)
    flaky = Flaky(federation.transport(), [])
    federation.client(flaky).deliver(signed, path)
    assert flaky.sent[1][1] == "4000"


def test_a_refusal_names_the_other_units_reason(federation: Federation, registers: dict[str, Register]) -> None:
    _, signed, path = deliverable(federation, registers)
    forged = signed.model_copy(update={"manifest": signed.manifest.model_copy(update={"edges": 1})})
    with pytest.raises(DeliveryError, match="signature") as caught:
        federation.client().deliver(forged, path)
    assert caught.value.where == {"status": 401}


def test_what_answers_may_be_something_else(federation: Federation, registers: dict[str, Register]) -> None:
    _, signed, path = deliverable(federation, registers)
    portal = httpx2.MockTransport(lambda _request: httpx2.Response(200, content=b"<html>"))
    with pytest.raises(UnreachableError, match="not a statistics unit"):
        federation.client(portal).deliver(signed, path)


def test_the_operator_starts_and_watches_runs_with_the_token_of_its_machine(
    federation: Federation, registers: dict[str, Register]
) -> None:
    from service.runs.actors import operator_token

    federation.push_all(registers)
    client = federation.clients["linkage"]
    body = {"agreement_id": federation.agreement.id, "vintage": VINTAGE}
    assert client.post("/api/v1/runs", json=body).status_code == 401
    assert client.get("/api/v1/runs", headers={"Authorization": "Bearer wrong"}).status_code == 401
    token = operator_token(federation.units["linkage"].settings)
    path = federation.units["linkage"].settings.data_dir / "operator.token"
    assert path.stat().st_mode & 0o777 == 0o600
    known = {"Authorization": f"Bearer {token}"}
    started = client.post("/api/v1/runs", json=body, headers=known)
    assert started.status_code == 201, started.text
    federation.work("linkage")
    seen = client.get(f"/api/v1/runs/{started.json()['id']}", headers=known).json()
    assert seen["state"] == "succeeded"
    assert [stage["state"] for stage in seen["progress"]["stages"]] == ["done"] * 7
    assert client.get("/api/v1/runs", headers=known).json()["runs"][0]["result_digest"] == seen["result_digest"]
    assert client.post(f"/api/v1/runs/{seen['id']}/cancel", headers=known).status_code == 409
    assert client.get(f"/api/v1/runs/{'0' * 32}", headers=known).status_code == 404
    assert "handle" not in json.dumps(seen)
