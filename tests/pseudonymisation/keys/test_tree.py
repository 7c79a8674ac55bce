"""Test vectors of the key tree: a change of any of them makes all vintages of all institutions incomparable."""

import hashlib
import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF, HKDFExpand
from hypothesis import given
from hypothesis import strategies as st

from pseudonymisation.keys import tree

VECTORS = json.loads((Path(__file__).parent / "tree_vectors.json").read_text())
SHARES = {"cnss": bytes(range(32)), "dgsn": bytes(range(32, 64))}


def _path():
    epoch = tree.epoch_key(SHARES, "a" * 64, 1)
    vintage = tree.vintage_key(epoch, "2026")
    of_pass = tree.pass_key(vintage, "birth")
    secrets = tree.block_secrets(of_pass, 0, ["1984\x1f5\x1f17", "x"])
    return {
        "epoch": epoch.hex(),
        "vintage": vintage.hex(),
        "pass": of_pass.hex(),
        "blocks": [secret.tobytes().hex() for secret in secrets],
        "tokens": [f"{token:016x}" for token in tree.block_tokens(of_pass, secrets)],
        "fields": [key.tobytes().hex() for key in tree.field_keys(of_pass, "names", secrets)],
    }


def test_the_committed_vectors_hold():
    assert _path() == VECTORS


def test_an_edge_is_hkdf_expand_of_the_standard():
    key = hashlib.sha256(b"key").digest()
    info = b"wasl/tree/v1\x00" + b"\x00\x00\x00\x07vintage" + b"\x00\x00\x00\x042026"
    assert tree.vintage_key(key, "2026") == HKDFExpand(SHA256(), 32, info).derive(key)


def test_the_epoch_key_is_hkdf_of_the_standard():
    material = b"".join(len(p).to_bytes(4, "big") + p for name in sorted(SHARES) for p in (name.encode(), SHARES[name]))
    info = b"wasl/epoch-key/v1\x00\x00\x00\x011"
    assert tree.epoch_key(SHARES, "a" * 64, 1) == HKDF(SHA256(), 32, b"a" * 64, info).derive(material)


@pytest.mark.parametrize("length", [0, 16, 31])
def test_a_short_key_is_refused(length):
    with pytest.raises(tree.WeakKeyError):
        tree.derive(bytes(length), "vintage", "2026")
    with pytest.raises(tree.WeakKeyError):
        tree.epoch_key({"cnss": bytes(length)}, "a", 1)


def test_no_share_is_no_key():
    with pytest.raises(tree.WeakKeyError):
        tree.epoch_key({}, "a", 1)


@given(st.lists(st.text(max_size=4), max_size=3), st.lists(st.text(max_size=4), max_size=3))
def test_no_two_paths_share_a_key(one, other):
    key = bytes(32)
    assert (tree.derive(key, "x", *one) == tree.derive(key, "x", *other)) == (one == other)


def test_epoch_agreement_and_every_share_matter():
    base = tree.epoch_key(SHARES, "a", 1)
    swapped = {"cnss": SHARES["dgsn"], "dgsn": SHARES["cnss"]}
    others = [tree.epoch_key(SHARES, "a", 2), tree.epoch_key(SHARES, "b", 1), tree.epoch_key(swapped, "a", 1)]
    assert len({base, *others}) == 4
    assert tree.epoch_key(dict(reversed(SHARES.items())), "a", 1) == base


def test_blocks_fields_levels_and_passes_have_keys_of_their_own():
    one, other = tree.pass_key(bytes(32), "one"), tree.pass_key(bytes(32), "other")
    secrets = [tree.block_secrets(of_pass, level, ["a", "b"]) for of_pass in (one, other) for level in (0, 1)]
    assert len({secret.tobytes() for pair in secrets for secret in pair}) == 8
    keys = [tree.field_keys(of_pass, group, secrets[0]) for of_pass in (one, other) for group in ("x", "y")]
    tokens = {int(token) for of_pass in (one, other) for token in tree.block_tokens(of_pass, secrets[0])}
    assert len({key.tobytes() for pair in keys for key in pair}) == 8
    assert len(tokens) == 4


def test_field_keys_are_aes_of_the_blocks_secret():
    of_pass = tree.pass_key(bytes(32), "one")
    secrets = tree.block_secrets(of_pass, 0, ["a", "b", "c"])
    for secret, key in zip(secrets, tree.field_keys(of_pass, "names", secrets), strict=True):
        # counter mode's first key stream block is AES of the start value: the standard's primitive by another door
        stream = Cipher(algorithms.AES256(tree.derive(of_pass, "field", "names")), modes.CTR(secret.tobytes()))
        assert stream.encryptor().update(bytes(16)) == key.tobytes()


def test_no_block_is_no_key():
    empty = tree.block_secrets(bytes(32), 0, [])
    assert tree.field_keys(bytes(32), "x", empty).shape == (0, 2)
    assert tree.block_tokens(bytes(32), empty).shape == (0,)
