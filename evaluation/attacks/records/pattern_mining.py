"""A2: pattern mining (Christen, Vidanage, Ranbaduge and Schnell 2018): the bits of a frequent gram occur together."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from evaluation.attacks.records.frequency import MANY
from evaluation.attacks.records.persons import Persons
from evaluation.attacks.records.result import AttackResult, share_named
from evaluation.attacks.records.scenario import Scenario

MIN_GAP = 0.01
GAP_ERRORS = 1.0
SIZE_TOLERANCE = 0.2
MIN_PATTERN = 3
Floats = npt.NDArray[np.float32]
Rows = npt.NDArray[np.bool_]


@dataclass
class _Mine:
    """Both sides' matrices and the patterns found so far: gram (column of the vocabulary) to its positions."""

    bits: Floats
    grams: Floats
    min_rows: int
    patterns: dict[int, npt.NDArray[np.int64]] = field(default_factory=dict)
    used: npt.NDArray[np.bool_] = field(init=False)

    def __post_init__(self) -> None:
        self.used = np.zeros(self.bits.shape[1], dtype=bool)


def mine_patterns(attacked: Scenario, min_rows: int = 300) -> dict[str, npt.NDArray[np.int64]]:
    """Return the positions that the attacker ascribes to each gram it found.

    Args:
        attacked: What the attacker sees and holds.
        min_rows: The smallest part of the rows in which frequencies are trusted.
    """
    mine = _Mine(attacked.bits.astype(np.float32), attacked.persons.incidence.astype(np.float32), min_rows)
    parts = [(np.ones(len(mine.bits), bool), np.ones(len(mine.grams), bool))]
    while parts:
        rows, persons = parts.pop(0)
        found = _mine_part(mine, rows, persons)
        if found is None:
            continue
        gram, positions = found
        inside = rows & mine.bits[:, positions].all(axis=1)
        holders = persons & (mine.grams[:, gram] > 0)
        for part in ((inside, holders), (rows & ~inside, persons & ~holders)):
            if min(part[0].sum(), part[1].sum()) >= min_rows:
                parts.append(part)
    if not mine.patterns:
        return {}
    usual = float(np.median([len(positions) for positions in mine.patterns.values()]))
    return {
        attacked.persons.vocabulary[gram]: positions
        for gram, positions in sorted(mine.patterns.items())
        if abs(len(positions) - usual) <= SIZE_TOLERANCE * usual
    }


def pattern_mining(
    attacked: Scenario,
    true_positions: dict[str, npt.NDArray[np.int64]],
    min_rows: int = 300,
) -> AttackResult:
    """Mine patterns, read the grams of each row from them, and name the rows that one person fits.

    Args:
        attacked: What the attacker sees and holds.
        true_positions: Each gram's positions under the key, for scoring; empty where the encoding has none.
        min_rows: See `mine_patterns`.
    """
    patterns = mine_patterns(attacked, min_rows)
    accepted = sum(len(positions) for positions in patterns.values())
    truly = sum(
        int(np.isin(positions, true_positions[gram]).sum())
        for gram, positions in patterns.items()
        if gram in true_positions
    )
    details = {
        "grams_found": len(patterns),
        "positions_accepted": accepted,
        "positions_right": truly / accepted if accepted else 0.0,
        "pattern_size": float(np.median([len(found) for found in patterns.values()])) if patterns else 0.0,
    }
    right, many, wrong = _named(attacked, patterns)
    details |= {"one_to_many": float(many.mean()), "wrong": float(wrong.mean())}
    return share_named("pattern mining", right, attacked.guess, details)


def _mine_part(mine: _Mine, rows: Rows, persons: Rows) -> tuple[int, npt.NDArray[np.int64]] | None:
    """Find the positions of the most frequent unknown gram of a part, or nothing."""
    share = mine.grams[persons].mean(axis=0)
    share[list(mine.patterns)] = 0
    first, second = np.argsort(-share, kind="stable")[:2]
    # below its own sampling error, a gap does not tell which of the two is more frequent among the encodings
    error = float(np.sqrt((share[first] + share[second]) / rows.sum()))
    if share[first] - share[second] < max(MIN_GAP, GAP_ERRORS * error):
        return None
    bits = mine.bits[rows]
    threshold = float(share[first] + share[second]) / 2 * len(bits)
    candidates = np.flatnonzero((bits.sum(axis=0) >= threshold) & ~mine.used)
    positions = _certain(mine.bits, _largest_set(bits, candidates, threshold))
    if len(positions) < MIN_PATTERN or not _plausible(mine, len(positions)):
        return None
    mine.patterns[int(first)] = positions
    mine.used[positions] = True
    return int(first), positions


def _plausible(mine: _Mine, size: int) -> bool:
    """Tell whether a pattern is as large as those found before: every gram sets as many positions."""
    if not mine.patterns:
        return True
    usual = float(np.median([len(positions) for positions in mine.patterns.values()]))
    return abs(size - usual) <= SIZE_TOLERANCE * usual


def _largest_set(bits: Floats, candidates: npt.NDArray[np.int64], threshold: float) -> npt.NDArray[np.int64]:
    """Return the largest set of columns that `threshold` rows have all of, grown greedily from every start."""
    columns = bits[:, candidates]
    best: list[int] = []
    for start in range(len(candidates)):
        if start in best:
            continue
        chosen, together = [start], columns[:, start].copy()
        free = np.ones(len(candidates), dtype=bool)
        free[start] = False
        while free.any():
            support = np.where(free, together @ columns, -1.0)
            following = int(support.argmax())
            if support[following] < threshold:
                break
            chosen.append(following)
            together *= columns[:, following]
            free[following] = False
        if len(chosen) > len(best):
            best = chosen
    return np.sort(candidates[best]).astype(np.int64)


def _certain(bits: Floats, positions: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return the positions that are set wherever all others are: a filter never lacks a position of its gram."""
    missing = 1 - bits[:, positions]
    lonely = missing[missing.sum(axis=1) == 1]
    return np.asarray(positions[lonely.sum(axis=0) == 0], dtype=np.int64)


def _named(attacked: Scenario, patterns: dict[str, npt.NDArray[np.int64]]) -> tuple[Rows, Rows, Rows]:
    """Return which rows are named rightly, have the right one among a few candidates, and are named wrongly."""
    count = len(attacked.bits)
    if not patterns:
        return np.zeros(count, bool), np.zeros(count, bool), np.zeros(count, bool)
    column = {gram: place for place, gram in enumerate(attacked.persons.vocabulary)}
    seen = np.stack([attacked.bits[:, positions].all(axis=1) for positions in patterns.values()], axis=1)
    held = _held(attacked.persons, [column[gram] for gram in patterns])
    both = np.packbits(np.concatenate([seen, held]), axis=1)
    _, group = np.unique(both, axis=0, return_inverse=True)
    of_row, of_person = group.ravel()[:count], group.ravel()[count:]
    size = np.bincount(of_person, minlength=int(group.max()) + 1)
    someone = np.zeros(len(size), dtype=np.int64)
    someone[of_person] = np.arange(len(of_person))
    inside = of_person[attacked.truth] == of_row
    one = size[of_row] == 1
    right = one & (someone[of_row] == attacked.truth)
    few = (size[of_row] > 1) & (size[of_row] <= MANY) & inside
    return right, few, one & ~right


def _held(persons: Persons, columns: list[int]) -> Rows:
    return np.asarray(persons.incidence[:, columns] > 0)
