"""Only a party's own, fresh, unaltered request is heard, and only once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from contract.http_signing import key_id, sign_request
from tests.contract.builders import make_keys
from tests.service.parties import BASE_URL, World


def path(world: World) -> str:
    return f"/api/v1/agreements/{world.agreement.id}"


def signed_headers(world: World, method: str = "GET", url_path: str | None = None, **how) -> dict[str, str]:
    headers = sign_request(
        method,
        BASE_URL + (url_path or path(world)),
        how.pop("body", b""),
        key=how.pop("key", world.keys["cnss"].signing),
        keyid=how.pop("keyid", key_id(world.agreement.id, "cnss")),
        **how,
    )
    return {name.lower(): value for name, value in headers.items()}


def test_a_signed_request_is_heard_once(linkage) -> None:
    headers = signed_headers(linkage)
    assert linkage.client.get(path(linkage), headers=headers).status_code == 200
    again = linkage.client.get(path(linkage), headers=headers)
    assert again.status_code == 401
    assert again.json()["title"] == "This request was received before."
    assert linkage.actions()[-1] == "request:refuse"


def test_unsigned_altered_old_foreign_and_misdirected_requests_are_refused_alike(worlds) -> None:
    world = worlds()
    now = datetime.now(UTC)
    good = signed_headers(world)
    stranger = make_keys().signing
    cases = {
        "unsigned": {},
        "old": signed_headers(world, created=now - timedelta(seconds=400)),
        "of the future": signed_headers(world, created=now + timedelta(seconds=60)),
        "by a stranger's key": signed_headers(world, key=stranger),
        "as another party": signed_headers(world, keyid=key_id(world.agreement.id, "dgsn")),
        "as nobody": signed_headers(world, keyid=key_id(world.agreement.id, "nobody")),
        "of no agreement": signed_headers(world, keyid=key_id("0" * 64, "cnss")),
        "another path": signed_headers(world, url_path="/api/v1/audit/checkpoint"),
        "another method": signed_headers(world, "POST"),
        "another query": signed_headers(world, url_path=path(world) + "?a=1"),
        "signature cut": {**good, "signature": good["signature"][:-10] + "AAAAAAAA:"},
        "rubbish": {**good, "signature-input": "wasl=(((", "signature": "wasl=:::"},
        "not text": {**good, "signature-input": "wasl=é"},
        "no nonce": {**good, "signature-input": good["signature-input"].replace("nonce", "tonce")},
    }
    before = len(world.audit())
    for case, headers in cases.items():
        answer = world.client.get(path(world), headers={k: v.encode() for k, v in headers.items()})
        assert answer.status_code == 401, case
        assert answer.json()["type"] == "urn:wasl:error:signature.invalid"
    recorded = world.audit()[before:]
    assert [entry["actor"] for entry in recorded] == ["anonymous"] * len(cases)


def test_an_altered_body_is_refused(worlds) -> None:
    world = worlds()
    url = path(world) + "/signatures"
    body = b'{"party": "cnss", "signature": "AAAA"}'
    headers = signed_headers(world, "POST", url, body=body)
    answer = world.client.post(url, content=body.replace(b"AAAA", b"BBBB"), headers=headers)
    assert answer.status_code == 401


def test_another_agreements_party_learns_nothing(worlds) -> None:
    world = worlds()
    answer = world.send("GET", f"/api/v1/agreements/{'0' * 64}")
    assert answer.status_code == 404
    assert world.send("POST", f"/api/v1/agreements/{'0' * 64}/relay", body=b"{}").status_code in {404, 422}


def test_spent_nonces_are_purged_after_their_signatures_expired(worlds) -> None:
    import time_machine
    from sqlalchemy import func, select

    from service.db.models import Nonce

    world = worlds()
    world.send("GET", path(world))
    with time_machine.travel(datetime.now(UTC) + timedelta(seconds=601)):
        world.send("GET", path(world))
    with world.unit.database.read() as session:
        assert session.scalar(select(func.count()).select_from(Nonce)) == 1


def test_form_errors_name_places_and_no_values(worlds) -> None:
    world = worlds()
    body = b'{"party": "Mohammed Alaoui", "signature": 17, "Fatima": "Zahra"}'
    answer = world.send("POST", path(world) + "/signatures", body=body)
    assert answer.status_code == 422
    assert answer.json()["type"] == "urn:wasl:error:request.form"
    assert answer.json()["where"]["faults"]
    for value in ("Mohammed", "Alaoui", "Fatima", "Zahra", "17"):
        assert value not in answer.text
    assert world.send("POST", path(world) + "/signatures", body=b"{broken").status_code == 422


def test_strangers_cannot_fill_the_log_and_what_was_left_out_is_counted(worlds, monkeypatch) -> None:
    world = worlds()
    before = len(world.audit())
    for _ in range(65):
        world.client.get(path(world))
    assert len(world.audit()) == before + 60
    import service.errors

    real = service.errors.time.monotonic
    monkeypatch.setattr(service.errors.time, "monotonic", lambda: real() + 61)
    world.client.get(path(world))
    assert world.audit()[-1]["details"]["left_out"] == 5


@pytest.mark.parametrize("length", [None, "declared"])
def test_a_body_beyond_the_bound_is_refused_before_it_is_kept(worlds, length: str | None) -> None:
    world = worlds(max_body_bytes=2048)
    content = b"x" * 5000

    def pieces():
        for start in range(0, len(content), 1000):
            yield content[start : start + 1000]

    sent = content if length else pieces()
    answer = world.client.post(path(world) + "/signatures", content=sent)
    assert answer.status_code == 413
    assert answer.json()["type"] == "urn:wasl:error:input.too_large"


def test_a_chunk_beyond_the_bound_is_refused(worlds) -> None:
    from tests.service.parties import make_parcel, open_parcel, patch

    world = worlds(chunk_bytes=10)
    parcel = make_parcel(world)
    open_parcel(world, parcel)
    assert patch(world, parcel, "pass-birth.parquet", 0, b"x" * 11).status_code == 413
