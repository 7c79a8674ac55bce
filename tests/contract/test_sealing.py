"""What is sealed opens for one party and one purpose, whole or not at all."""

import io

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from contract.sealing import CHUNK_BYTES, SealError, seal, seal_stream, sealing_public_text, unseal, unseal_stream

KEY = X25519PrivateKey.generate()
PUBLIC = sealing_public_text(KEY)


def _sealed(size: int) -> bytes:
    target = io.BytesIO()
    seal_stream(PUBLIC, io.BytesIO(bytes(size)), target, b"purpose")
    return target.getvalue()


def _open(sealed: bytes, key=KEY, info=b"purpose") -> bytes:
    target = io.BytesIO()
    unseal_stream(key, io.BytesIO(sealed), target, info)
    return target.getvalue()


@pytest.mark.parametrize("size", [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES])
def test_a_stream_opens_to_what_was_sealed(size):
    assert _open(_sealed(size)) == bytes(size)


def test_cut_swapped_altered_or_doubled_chunks_do_not_open():
    sealed = _sealed(3 * CHUNK_BYTES)
    header, chunk = 9 + 80, CHUNK_BYTES + 16
    first, second = sealed[header : header + chunk], sealed[header + chunk : header + 2 * chunk]
    rest = sealed[header + 2 * chunk :]
    bad = [
        sealed[:-1],
        sealed[: header + chunk],
        sealed[:header] + second + first + rest,
        sealed[:header] + first + first + second + rest,
        sealed[:100] + bytes([sealed[100] ^ 1]) + sealed[101:],
        sealed[:20] + bytes([sealed[20] ^ 1]) + sealed[21:],
        sealed + b"x",
        b"",
        b"PK\x03\x04 not sealed at all",
    ]
    for case in bad:
        with pytest.raises(SealError):
            _open(case)


def test_another_party_or_purpose_does_not_open_it():
    with pytest.raises(SealError):
        _open(_sealed(10), key=X25519PrivateKey.generate())
    with pytest.raises(SealError):
        _open(_sealed(10), info=b"another purpose")
    message = seal(PUBLIC, b"share", b"ceremony")
    assert unseal(KEY, message, b"ceremony") == b"share"
    with pytest.raises(SealError):
        unseal(KEY, message, b"another")
