"""The Merkle tree of RFC 9162: known roots, proofs for every place, and no proof for a lie."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.errors import IntegrityError
from contract.merkle import (
    EMPTY_ROOT,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    node_hash,
    root,
    verify_consistency,
    verify_inclusion,
)

ENTRIES = st.lists(st.binary(max_size=8), min_size=1, max_size=40)


def test_roots_by_hand():
    assert root([]) == EMPTY_ROOT == hashlib.sha256().digest()
    a, b, c = (leaf_hash(x) for x in (b"a", b"b", b"c"))
    assert leaf_hash(b"a") == hashlib.sha256(b"\x00a").digest()
    assert root([a]) == a
    assert root([a, b, c]) == node_hash(node_hash(a, b), c)


@given(ENTRIES, st.data())
def test_every_entry_proves_its_place_and_no_other(entries, data):
    leaves = [leaf_hash(bytes([n]) + e) for n, e in enumerate(entries)]
    index = data.draw(st.integers(0, len(leaves) - 1))
    proof = inclusion_proof(leaves, index)
    verify_inclusion(leaves[index], index, len(leaves), proof, root(leaves))
    with pytest.raises(IntegrityError):
        verify_inclusion(leaf_hash(b"another entry"), index, len(leaves), proof, root(leaves))
    with pytest.raises(IntegrityError):
        verify_inclusion(leaves[index], len(leaves), len(leaves), proof, root(leaves))


@given(ENTRIES, st.data())
def test_an_appended_log_is_consistent_and_a_rewritten_one_is_not(entries, data):
    leaves = [leaf_hash(bytes([n]) + e) for n, e in enumerate(entries)]
    size = data.draw(st.integers(1, len(leaves)))
    proof = consistency_proof(leaves, size)
    verify_consistency(size, len(leaves), root(leaves[:size]), root(leaves), proof)
    place = data.draw(st.integers(0, size - 1))
    rewritten = [*leaves[:place], leaf_hash(b"rewritten"), *leaves[place + 1 :]]
    with pytest.raises(IntegrityError):
        verify_consistency(size, len(leaves), root(leaves[:size]), root(rewritten), consistency_proof(rewritten, size))


def test_a_shorter_log_is_no_continuation():
    leaves = [leaf_hash(bytes([n])) for n in range(5)]
    with pytest.raises(IntegrityError):
        verify_consistency(5, 4, root(leaves), root(leaves[:4]), [])
