"""Test vectors of the key tree: a change of any of them makes all vintages of all institutions incomparable."""

import hashlib
import json
from pathlib import Path

import pytest
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
    block = tree.block_key(of_pass, 0, "1984|5|17")
    return {
        "epoch": epoch.hex(),
        "vintage": vintage.hex(),
        "pass": of_pass.hex(),
        "block": block.hex(),
        "token": str(tree.block_token(block)),
        "field": tree.field_key(block, "names").hex(),
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
