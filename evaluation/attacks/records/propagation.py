"""From some matched pairs to all: profiles of similarities to landmarks, and the surest matches as more landmarks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from evaluation.attacks.records.scenario import Positions
from evaluation.attacks.records.similarity import Matrix, mutual, standardised, unit_rows

SEED_SHARE = 0.05
ROUNDS = 25


@dataclass(frozen=True)
class Landmarks:
    """Pairs taken as matched: int64[s] rows of the encodings and of the attacker's own."""

    rows: Positions
    columns: Positions

    def first(self, count: int) -> Landmarks:
        """Return the first `count` pairs."""
        return Landmarks(self.rows[:count], self.columns[:count])

    def __len__(self) -> int:
        return len(self.rows)


def profile_scores(to_victims: Matrix, to_own: Matrix) -> Matrix:
    """Return float32[n, m], the cosine of two sides' similarity profiles to the same landmarks.

    Args:
        to_victims: float32[n, s], similarity of each encoding with the landmarks' encodings.
        to_own: float32[m, s], similarity of each of the attacker's encodings with the same landmarks'.
    """
    return np.asarray(unit_rows(standardised(to_victims)) @ unit_rows(standardised(to_own)).T, dtype=np.float32)


def scores_from(theirs: Matrix, own: Matrix, known: Landmarks, guessed: Landmarks) -> Matrix:
    """Return float32[n, m] profile scores by known and guessed landmarks; known pairs are out of the choice."""
    rows, columns = np.append(known.rows, guessed.rows), np.append(known.columns, guessed.columns)
    scores = profile_scores(theirs[:, rows], own[:, columns])
    # a cosine is never below -1
    scores[known.rows, :] = -2
    scores[:, known.columns] = -2
    return scores


def propagate(theirs: Matrix, own: Matrix, known: Landmarks, guessed: Landmarks) -> tuple[Matrix, int]:
    """Grow landmarks by 5 % of the rows in each of 25 rounds; return the last scores and the rounds done.

    Args:
        theirs: float32[n, n], similarities among the encodings.
        own: float32[m, m], similarities among the attacker's own.
        known: True pairs, kept throughout; maybe none.
        guessed: First guesses, surest first; they are made anew in each round.
    """
    most = min(len(theirs), len(own)) - len(known)
    step = max(2, round(SEED_SHARE * most))
    scores: Matrix = np.zeros((len(theirs), len(own)), dtype=np.float32)
    last: dict[int, int] | None = None
    for count in range(1, ROUNDS + 1):
        if len(known) + len(guessed) == 0:
            return scores, count - 1
        scores = scores_from(theirs, own, known, guessed.first(step * count))
        rows, columns, _ = mutual(scores)
        open_pairs = scores[rows, columns] > -2
        guessed = Landmarks(rows[open_pairs], columns[open_pairs])
        now = dict(zip(guessed.rows.tolist(), guessed.columns.tolist(), strict=True))
        # everybody is matched as in the round before: more landmarks say the same
        if len(now) == most and now == last:
            return scores, count
        last = now
    return scores, ROUNDS
