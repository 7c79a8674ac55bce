"""The unit's append-only audit log: a Merkle tree with signed, cosigned checkpoints."""
