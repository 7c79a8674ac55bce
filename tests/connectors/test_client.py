"""The client: signed requests, retries with back-off, refusals as typed errors."""

from __future__ import annotations

from collections.abc import Callable

import httpx2
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from connectors.client import UnitClient
from connectors.errors import UnitRefusedError, UnitUnreachableError
from contract.http_signing import verify_request
from contract.signing import public_text

KEY = Ed25519PrivateKey.generate()
AGREEMENT = "ab" * 32


def client(handler: Callable[[httpx2.Request], httpx2.Response], waits: list[float]) -> UnitClient:
    return UnitClient(
        "http://unit.test",
        agreement_id=AGREEMENT,
        party="cnss",
        key=KEY,
        transport=httpx2.MockTransport(handler),
        attempts=4,
        sleep=waits.append,
    )


def test_each_attempt_is_signed_anew_and_waits_longer() -> None:
    nonces: list[str] = []
    waits: list[float] = []

    def flaky(request: httpx2.Request) -> httpx2.Response:
        caller = verify_request(
            request.method, str(request.url), request.headers.items(), request.content, lambda *_: public_text(KEY)
        )
        assert (caller.agreement_id, caller.party) == (AGREEMENT, "cnss")
        nonces.append(caller.nonce)
        if len(nonces) == 1:
            raise httpx2.ConnectError("refused")
        return httpx2.Response(503 if len(nonces) == 2 else 200, json={"fine": True})

    answer = client(flaky, waits).get("/api/v1/x", {"topic": "a/b c", "kind": "é"})
    assert answer == {"fine": True}
    assert len(set(nonces)) == 3
    assert waits == [0.25, 0.5]


def test_a_unit_that_never_answers_is_unreachable() -> None:
    def dead(request: httpx2.Request) -> httpx2.Response:
        raise httpx2.ReadTimeout("slow")

    waits: list[float] = []
    with pytest.raises(UnitUnreachableError) as caught:
        client(dead, waits).post("/api/v1/x", "{}")
    assert caught.value.where == {"unit": "http://unit.test"}
    assert len(waits) == 3


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (httpx2.Response(409, json={"title": "A run has used it.", "detail": "New vintage.", "type": "t"}), "A run"),
        (httpx2.Response(500, text="<html>"), "refused the request"),
        (httpx2.Response(401, json=["odd"]), "refused the request"),
    ],
)
def test_a_refusal_carries_the_units_words_and_is_not_repeated(answer: httpx2.Response, message: str) -> None:
    waits: list[float] = []
    with pytest.raises(UnitRefusedError, match=message) as caught:
        client(lambda request: answer, waits).get("/api/v1/x")
    assert caught.value.where["status"] == answer.status_code
    assert not waits
