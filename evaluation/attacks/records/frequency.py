"""A1: the frequency attack on equal encodings, and the grams that their bits can stand for (Christen et al. 2017)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from evaluation.attacks.records.result import AttackResult, share_named
from evaluation.attacks.records.scenario import Bits, Positions, Scenario

MANY = 10  # at most so many candidates count as a one-to-many guess


@dataclass(frozen=True)
class _Distinct:
    """Distinct rows, most frequent first: a row of each, its count, and each row's rank."""

    example: Positions
    count: Positions
    rank: Positions


def frequency(attacked: Scenario) -> AttackResult:
    """Align the most frequent encodings with the most frequent values, then exclude by bits.

    A row is named where one value is left and it is the right one. Where no frequency is told from the next, nothing
    can be aligned and nobody is named. The baseline guesses the most frequent value for all.
    """
    encodings = _distinct(np.packbits(attacked.bits, axis=1))
    values = _distinct(attacked.persons.values[:, None])
    aligned = _told_apart(encodings.count, values.count)
    true_value = values.rank[attacked.truth]
    guess = float(values.count[0] / len(attacked.persons))
    if aligned == 0:
        nobody = np.zeros(len(attacked.bits), dtype=bool)
        return share_named("frequency", nobody, guess, {"aligned": 0, "one_to_many": 0.0, "wrong": 0.0})
    bits, grams = attacked.bits[encodings.example], attacked.persons.incidence[values.example]
    left = _candidates(bits, grams, aligned)
    number = left.sum(axis=1)
    first = left.argmax(axis=1)
    one = (number == 1)[encodings.rank]
    right = one & (first[encodings.rank] == true_value)
    few = (number > 1) & (number <= MANY)
    many = few[encodings.rank] & left[encodings.rank, true_value]
    details = {"aligned": aligned, "one_to_many": float(many.mean()), "wrong": float((one & ~right).mean())}
    return share_named("frequency", right, guess, details)


def _distinct(rows: npt.NDArray[np.uint8] | Positions) -> _Distinct:
    _, example, inverse, count = np.unique(rows, axis=0, return_index=True, return_inverse=True, return_counts=True)
    order = np.argsort(-count, kind="stable")
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))
    return _Distinct(example[order], count[order], rank[inverse.ravel()])


def _told_apart(one: Positions, other: Positions) -> int:
    """Return how many leading ranks have, on both sides, a count that no other rank has."""
    return min(_leading(one), _leading(other))


def _leading(count: Positions) -> int:
    falls = np.append(count[:-1] > count[1:], True)
    return len(count) if falls.all() else int(falls.argmin())


def _candidates(bits: Bits, grams: npt.NDArray[np.uint8], aligned: int) -> npt.NDArray[np.bool_]:
    """Return bool[encodings, values]: which values the bits leave, the aligned ones being given.

    A bit can stand for the grams of aligned values where it is set, less those of aligned values where it is not.
    A value is left where it has such a gram for every bit that is set and of which anything is known.
    """
    seen, held = bits[:aligned].astype(np.float32), grams[:aligned].astype(np.float32)
    possible = ((seen.T @ held) > 0) & ~(((1 - seen).T @ held) > 0)
    known = seen.any(axis=0)
    explains = (grams.astype(np.float32) @ possible.T.astype(np.float32) > 0) & known
    needed = bits.astype(np.float32) * known
    left = np.asarray((needed @ explains.T.astype(np.float32)) >= needed.sum(axis=1)[:, None] - 0.5)
    left[:aligned] = False
    left[np.arange(aligned), np.arange(aligned)] = True
    return left
