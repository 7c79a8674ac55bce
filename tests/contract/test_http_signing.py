"""A signed request is bound to its method, address, body, sender and time."""

from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from contract.errors import SignatureError
from contract.http_signing import key_id, sign_request, verify_request
from contract.signing import public_text

KEY = Ed25519PrivateKey.generate()
URL = "http://127.0.0.1:8400/api/v1/submissions?x=1"


def _known(agreement_id, party):
    return public_text(KEY) if (agreement_id, party) == ("a" * 64, "cnss") else None


def _headers(**options):
    return sign_request("POST", URL, b"body", key=KEY, keyid=key_id("a" * 64, "cnss"), **options)


def test_it_says_who_sent_it():
    caller = verify_request("POST", URL, _headers().items(), b"body", _known)
    assert (caller.agreement_id, caller.party) == ("a" * 64, "cnss")
    assert caller.nonce


@pytest.mark.parametrize(
    ("method", "url", "body"),
    [
        ("PUT", URL, b"body"),
        ("POST", URL.replace("x=1", "x=2"), b"body"),
        ("POST", URL.replace("8400", "8500"), b"body"),
        ("POST", URL, b"another"),
        ("POST", URL, b""),
    ],
)
def test_another_request_under_the_same_signature_is_refused(method, url, body):
    with pytest.raises(SignatureError):
        verify_request(method, url, _headers().items(), body, _known)


def test_old_unsigned_unknown_and_foreign_requests_are_refused():
    old = _headers(created=datetime.now(UTC) - timedelta(seconds=400))
    with pytest.raises(SignatureError):
        verify_request("POST", URL, old.items(), b"body", _known)
    with pytest.raises(SignatureError):
        verify_request("POST", URL, (), b"body", _known)
    with pytest.raises(SignatureError):
        verify_request("POST", URL, _headers().items(), b"body", lambda *_: None)
    other = public_text(Ed25519PrivateKey.generate())
    with pytest.raises(SignatureError):
        verify_request("POST", URL, _headers().items(), b"body", lambda *_: other)
