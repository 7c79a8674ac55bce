"""SipHash-2-4: the authors' vectors, and every twin equal to the reference."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pseudonymisation.encoding.prf import keyed_tokens, sip_bytes, sip_word, siphash24, siphash24_words

KEY = bytes(range(16))
# Aumasson, Bernstein, "SipHash: a fast short-input PRF": reference implementation's vectors.h (CC0), messages
# 00 01 02 …; each is the output's bytes
VECTORS = {
    0: "310e0edd47db6f72",
    1: "fd67dc93c539f874",
    2: "5a4fa9d909806c0d",
    3: "2d7efbd796666785",
    7: "37d1018bf50002ab",
    8: "6224939a79f5f593",
    15: "e545be4961ca29a1",
}


def _halves(key):
    return np.frombuffer(key, dtype="<u8").astype(np.uint64)


@pytest.mark.parametrize(("length", "expected"), VECTORS.items())
def test_the_authors_vectors(length, expected):
    message = bytes(range(length))
    assert siphash24(KEY, message).to_bytes(8, "little").hex() == expected
    data = np.frombuffer(message, dtype=np.uint8)
    assert int(sip_bytes(*_halves(KEY), data, 0, length)) == siphash24(KEY, message)


@settings(deadline=None)  # the first call compiles
@given(st.binary(min_size=16, max_size=16), st.binary(max_size=40))
def test_the_kernel_hashes_bytes_as_the_reference(key, message):
    data = np.frombuffer(b"xx" + message + b"yy", dtype=np.uint8)
    assert int(sip_bytes(*_halves(key), data, 2, 2 + len(message))) == siphash24(key, message)


@settings(deadline=None)  # the first call compiles
@given(st.binary(min_size=16, max_size=16), st.integers(0, 2**56 - 1))
def test_word_messages_are_seven_bytes(key, word):
    expected = siphash24(key, word.to_bytes(7, "little"))
    assert int(sip_word(*_halves(key), np.uint64(word))) == expected
    assert int(siphash24_words(key, np.array([word], dtype=np.uint64))[0]) == expected


def test_tokens_are_the_low_half():
    data = np.frombuffer(b"1984MAR", dtype=np.uint8)
    keys = np.stack([_halves(KEY), _halves(KEY), _halves(bytes(16))])
    tokens = keyed_tokens(keys, np.array([0, 1, 1]), np.array([0, 4, 7]), data)
    expected = [siphash24(KEY, b"1984"), siphash24(KEY, b"MAR"), siphash24(bytes(16), b"MAR")]
    assert [int(token) for token in tokens] == [word & 0xFFFFFFFF for word in expected]
