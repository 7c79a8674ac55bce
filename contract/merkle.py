"""The Merkle tree of RFC 9162 (section 2.1): what makes the audit log tamper-evident.

Pure functions over leaf hashes, shared by the units that keep a log and by everyone who verifies
one. Hashes are 32 bytes (SHA-256); leaves are hashed with the prefix 0x00 and nodes with 0x01.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from contract.errors import IntegrityError

EMPTY_ROOT = hashlib.sha256(b"").digest()


def leaf_hash(entry: bytes) -> bytes:
    """Return the hash of one log entry."""
    return hashlib.sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of an inner node."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def _split(size: int) -> int:
    """Return the largest power of two smaller than `size`."""
    return 1 << ((size - 1).bit_length() - 1)


def root(leaves: Sequence[bytes]) -> bytes:
    """Return the Merkle tree hash of leaf hashes (RFC 9162, 2.1.1), in O(n)."""
    level = list(leaves)
    if not level:
        return EMPTY_ROOT
    while len(level) > 1:
        paired = [node_hash(level[i], level[i + 1]) for i in range(0, len(level) - 1, 2)]
        level = paired + ([level[-1]] if len(level) % 2 else [])
    return level[0]


def inclusion_proof(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """Return the audit path of leaf `index` (RFC 9162, 2.1.3.1), lowest node first."""
    if len(leaves) == 1:
        return []
    split = _split(len(leaves))
    if index < split:
        return [*inclusion_proof(leaves[:split], index), root(leaves[split:])]
    return [*inclusion_proof(leaves[split:], index - split), root(leaves[:split])]


def consistency_proof(leaves: Sequence[bytes], old_size: int) -> list[bytes]:
    """Return the proof that the tree of the first `old_size` leaves is a prefix (RFC 9162, 2.1.4.1)."""
    return _subproof(leaves, old_size, True)


def _subproof(leaves: Sequence[bytes], old_size: int, complete: bool) -> list[bytes]:
    if old_size == len(leaves):
        return [] if complete else [root(leaves)]
    split = _split(len(leaves))
    if old_size <= split:
        return [*_subproof(leaves[:split], old_size, complete), root(leaves[split:])]
    return [*_subproof(leaves[split:], old_size - split, False), root(leaves[:split])]


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], expected_root: bytes) -> None:
    """Check an inclusion proof (RFC 9162, 2.1.3.2).

    Raises:
        IntegrityError: The leaf is not at this place in the tree of this root.
    """
    node, position, last = leaf, index, size - 1
    if index >= size:
        raise IntegrityError("An inclusion proof names a place outside its tree.")
    for sibling in proof:
        if last == 0:
            raise IntegrityError("An inclusion proof is too long.")
        if position % 2 or position == last:
            node = node_hash(sibling, node)
            while not position % 2 and position:
                position, last = position >> 1, last >> 1
        else:
            node = node_hash(node, sibling)
        position, last = position >> 1, last >> 1
    if last or node != expected_root:
        raise IntegrityError("A log entry is not part of the log that was signed.")


def verify_consistency(old_size: int, new_size: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]) -> None:
    """Check a consistency proof (RFC 9162, 2.1.4.2).

    Raises:
        IntegrityError: The new log is not the old one with entries added at its end.
    """
    broken = IntegrityError("The log was rewritten: its present state does not continue the one seen before.")
    if old_size == 0:
        return
    if old_size == new_size:
        if old_root != new_root or proof:
            raise broken
        return
    if old_size > new_size or not proof:
        raise broken
    path = list(proof) if old_size & (old_size - 1) else [old_root, *proof]
    position, last = old_size - 1, new_size - 1
    while position % 2:
        position, last = position >> 1, last >> 1
    old_node = new_node = path[0]
    for sibling in path[1:]:
        if last == 0:
            raise broken
        if position % 2 or position == last:
            old_node, new_node = node_hash(sibling, old_node), node_hash(sibling, new_node)
            while not position % 2 and position:
                position, last = position >> 1, last >> 1
        else:
            new_node = node_hash(new_node, sibling)
        position, last = position >> 1, last >> 1
    if last or old_node != old_root or new_node != new_root:
        raise broken
