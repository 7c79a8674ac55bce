"""A4: a few known persons as landmarks; everybody else is told by the similarities to them."""

from __future__ import annotations

import numpy as np

from evaluation.attacks.records.propagation import Landmarks, propagate, scores_from
from evaluation.attacks.records.result import AttackResult, share_named
from evaluation.attacks.records.scenario import Scenario
from evaluation.attacks.records.similarity import dice, mutual


def seeded_profile(attacked: Scenario, seeds: int, attacker_key: bytes, seed: int) -> AttackResult:
    """Name all but the seeds by their similarities with `seeds` true pairs, then with the surest matches too.

    `first_pass` in the details is what the seeds alone name.

    Args:
        attacked: What the attacker sees and holds.
        seeds: True pairs known, at least 1 and fewer than the encodings.
        attacker_key: The attacker's own random key.
        seed: Of the draw of pairs.
    """
    if not 0 < seeds < len(attacked.bits):
        raise ValueError("There must be at least one seed, and a row that is none.")
    own_bits = attacked.encoder.encode(attacked.persons, attacker_key)
    order = np.random.default_rng(seed).permutation(len(attacked.bits)).astype(np.int64)
    known, others = Landmarks(order[:seeds], attacked.truth[order[:seeds]]), np.sort(order[seeds:])
    theirs, own = dice(attacked.bits, attacked.bits), dice(own_bits, own_bits)
    first = scores_from(theirs, own, known, Landmarks(order[:0], order[:0]))
    rows, columns, _ = mutual(first)
    open_pairs = first[rows, columns] > -2
    scores, rounds = propagate(theirs, own, known, Landmarks(rows[open_pairs], columns[open_pairs]))
    truth = attacked.truth[others]
    details = {
        "seeds": seeds,
        "rounds": rounds,
        "first_pass": float((first[others].argmax(axis=1) == truth).mean()),
    }
    right = scores[others].argmax(axis=1) == truth
    return share_named("seeded profile", right, 1 / (len(own) - seeds), details)
