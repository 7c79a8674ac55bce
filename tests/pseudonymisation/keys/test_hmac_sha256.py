import hmac

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pseudonymisation.keys.hmac_sha256 import hmac_sha256

# RFC 4231, test cases 1 to 4 (key, data, digest)
RFC_4231 = [
    ("0b" * 20, b"Hi There".hex(), "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"),
    (
        b"Jefe".hex(),
        b"what do ya want for nothing?".hex(),
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
    ),
    ("aa" * 20, "dd" * 50, "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"),
    (
        "0102030405060708090a0b0c0d0e0f10111213141516171819",
        "cd" * 50,
        "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b",
    ),
]


def digests(key: bytes, messages: list[bytes], size: int = 32) -> list[bytes]:
    offsets = np.concatenate([[0], np.cumsum([len(message) for message in messages])]).astype(np.int64)
    made = hmac_sha256(key, offsets, np.frombuffer(b"".join(messages), dtype=np.uint8), size)
    assert made.shape == (len(messages), size)
    return [row.tobytes() for row in made]


@pytest.mark.parametrize(("key", "data", "digest"), RFC_4231)
def test_rfc_4231(key, data, digest):
    assert digests(bytes.fromhex(key), [bytes.fromhex(data)])[0].hex() == digest


@given(st.binary(max_size=64), st.lists(st.binary(max_size=300), max_size=6))
@example(b"k" * 32, [b"x" * length for length in (0, 55, 56, 63, 64, 119, 120, 128)])
def test_equals_the_standard_library(key, messages):
    assert digests(key, messages) == [hmac.digest(key, message, "sha256") for message in messages]


def test_digests_are_cut_from_the_left():
    assert digests(b"k" * 32, [b"value"], 16)[0] == hmac.digest(b"k" * 32, b"value", "sha256")[:16]


def test_a_key_longer_than_a_block_is_refused():
    with pytest.raises(ValueError, match="longer"):
        digests(b"k" * 65, [b"value"])
