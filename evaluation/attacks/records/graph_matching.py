"""A3: graph matching without any known pair (light form of Vidanage et al. 2020 and its successor of 2024).

The attacker encodes its own clear text under a key of its own: similarities between persons survive the change of key
where the encoding keeps them, and a person's similarities to everybody are as telling as a fingerprint. That this light
form fails proves no safety: at half overlap and at weak diffusion the full attack, with embeddings, is stronger.
"""

from __future__ import annotations

import numpy as np

from evaluation.attacks.records.propagation import SEED_SHARE, Landmarks, propagate
from evaluation.attacks.records.result import AttackResult, share_named
from evaluation.attacks.records.scenario import Positions, Scenario
from evaluation.attacks.records.similarity import Matrix, dice, mutual, standardised

RANKS = 40
NEIGHBOURS = 10


def graph_matching(attacked: Scenario, attacker_key: bytes) -> AttackResult:
    """Name encodings from the attacker's own encodings of its persons, unseeded.

    Pseudo-seeds are the mutual nearest of structural descriptors; then profiles of similarities to them name pairs,
    the surest 5 % more of which are the seeds of each of 25 rounds.

    Args:
        attacked: What the attacker sees and holds, at least 12 rows on either side.
        attacker_key: The attacker's own random key.
    """
    own_bits = attacked.encoder.encode(attacked.persons, attacker_key)
    if min(len(attacked.bits), len(own_bits)) < NEIGHBOURS + 2:
        raise ValueError(f"Graph matching takes at least {NEIGHBOURS + 2} rows.")
    theirs, own = dice(attacked.bits, attacked.bits), dice(own_bits, own_bits)
    rows, columns, _ = mutual(_closeness(descriptors(theirs), descriptors(own)))
    first = max(2, round(SEED_SHARE * min(len(theirs), len(own))))
    nobody: Positions = np.empty(0, dtype=np.int64)
    scores, rounds = propagate(theirs, own, Landmarks(nobody, nobody), Landmarks(rows, columns))
    named = scores.argmax(axis=1)
    seeds_right = attacked.truth[rows[:first]] == columns[:first]
    details = {"pseudo_seeds_right": float(seeds_right.mean()) if len(rows) else 0.0, "rounds": rounds}
    return share_named("graph matching", named == attacked.truth, attacked.guess, details)


def descriptors(similarities: Matrix) -> Matrix:
    """Return float32[n, 120]: sorted similarities at 40 log-spaced ranks, and their mean and spread over 10 neighbours.

    Args:
        similarities: float32[n, n] within one side.
    """
    count = len(similarities)
    ranks = np.unique(np.round(np.geomspace(1, count - 1, RANKS)).astype(np.int64))
    ranks = np.concatenate([ranks, np.full(RANKS - len(ranks), ranks[-1])])
    others = similarities.copy()
    np.fill_diagonal(others, -1)
    nearest = np.argpartition(-others, NEIGHBOURS, axis=1)[:, :NEIGHBOURS]
    others.sort(axis=1)
    own = others[:, count - ranks]
    around = own[nearest]
    return standardised(np.concatenate([own, around.mean(axis=1), around.std(axis=1)], axis=1))


def _closeness(one: Matrix, other: Matrix) -> Matrix:
    """Return minus the squared Euclidean distance of all pairs of rows."""
    squares = (one**2).sum(axis=1)[:, None] + (other**2).sum(axis=1)[None, :]
    return np.asarray(2 * (one @ other.T) - squares, dtype=np.float32)
