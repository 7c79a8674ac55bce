"""Links that no pass found: how many there are, by the subjects that are lost, and which found ones stand for them.

Mostly one record differs from all others of its person, and it alone is lost: of 1 135 pieces beside the largest that
persons of 50 000 fell into, 1 117 were of one register, nearly all a single subject. So missed links are estimated by
the subject that is lost, register by register, and within a register by groups of subjects that are alike to find: who
is hard to find is lost more often, and a register may hold many of another group who are rightly alone.

*How many.* Passes are captures. f1 and f2 subjects hang on the rest of their person by pairs that at most one,
at most two passes found. Chao's estimator f1 (f1 - 1) / (2 (f2 + 1)) (1987) of those that hang on nothing is a lower
bound, for it takes all subjects as equally hard to find; the first jackknife, f1 (Burnham and Overton 1978), allows
for subjects of their own difficulty and mostly overstates. The estimate is their geometric mean, and each of them lies
one standard deviation of its logarithm away (docs/adr/0015-intervals.md has the figures).

*Who.* Nobody knows whom a lost subject belongs to. But a subject that a single pass found all but got lost, so
whoever was found so, with the person he was found with, shows what a lost one is like (`linkage.detachment`).

A link between two subjects that have nobody else is missed at both ends: both registers count it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from linkage.cluster import register_masks
from linkage.pairs import SubjectPairs

LIKELY: Final = 0.5  # pairs that captures are counted on: who hangs on a doubtful one alone is the hardest to find
LEAST_SPREAD: Final = 0.4

Index = npt.NDArray[np.int64]


def _nobody() -> Index:
    return np.empty(0, dtype=np.int64)


@dataclass(frozen=True)
class MissedLinks:
    """Subjects of a register and a group that are alone because no pass found a link to the rest of their person.

    Attributes:
        register: Number of the register.
        expected: How many, on average.
        spread: Standard deviation of its logarithm.
        found: int64, subjects of theirs that were found: that hang on the rest of their person by a likely pair.
        passes: int64, how many passes found the best of those pairs of each.
        group: Number of their group.
    """

    register: int
    expected: float
    spread: float = 0.0
    found: Index = field(default_factory=_nobody)
    passes: Index = field(default_factory=_nobody)
    group: int = 0


def estimate_missed(
    register_of_subject: npt.NDArray[Any],
    pairs: SubjectPairs,
    passes: npt.NDArray[Any],
    labels: npt.NDArray[Any],
    groups: npt.NDArray[Any] | None = None,
) -> list[MissedLinks]:
    """Estimate the links that no pass found, by register and group; those without any are left out.

    Where no likely pair was found by two passes nothing is known of them, and the list is empty.

    Args:
        register_of_subject: Integer[n], the register of each subject.
        pairs: Pairs of subjects with calibrated probabilities.
        passes: Integer[m], how many passes found each pair.
        labels: Integer[n], the person of each subject.
        groups: Integer[n], at least 0: subjects of a register and a group are about as hard to find. One group by
            default.
    """
    register, person = np.asarray(register_of_subject, np.int64), np.asarray(labels, np.int64)
    group = np.zeros(len(register), dtype=np.int64) if groups is None else np.asarray(groups, np.int64)
    found = np.asarray(passes, np.int64)
    likely = (person[pairs.a] == person[pairs.b]) & (pairs.probability >= LIKELY)
    best = np.zeros(len(register), dtype=np.int64)
    for ends in (pairs.a, pairs.b):
        np.maximum.at(best, ends[likely], found[likely])
    if best.max(initial=0) < 2:
        return []
    estimates = []
    for number, alike in np.unique(np.stack([register, group], axis=1), axis=0).tolist():
        own = np.flatnonzero((register == number) & (group == alike) & (best > 0))
        once, twice = (int((best[own] == times).sum()) for times in (1, 2))
        if once:
            # of a single one Chao's numerator would be 0: half a pair stands for it
            chao = max(once - 1, 0.5) * once / (2 * (twice + 1))
            spread = max(abs(np.log(once / chao)) / 2, LEAST_SPREAD)
            estimates.append(MissedLinks(number, float(np.sqrt(chao * once)), float(spread), own, best[own], alike))
    return estimates


def sensitivities(
    register_of_subject: npt.NDArray[Any], labels: npt.NDArray[Any], missed: Sequence[MissedLinks]
) -> dict[int, float]:
    """Return, by register, the share of its subjects with a person in other registers whose link to it was found.

    Args:
        register_of_subject: Integer[n], the register of each subject.
        labels: Integer[n], the person of each subject.
        missed: Of `estimate_missed`; registers without an entry miss nothing.
    """
    register, person = np.asarray(register_of_subject, np.int64), np.asarray(labels, np.int64)
    held = np.zeros(int(person.max(initial=-1)) + 1, dtype=np.uint64)
    bit = register_masks(register, range(int(register.max(initial=-1)) + 1))
    np.bitwise_or.at(held, person, bit)
    linked = held[person] != bit
    lost: dict[int, float] = {}
    for links in missed:
        lost[links.register] = lost.get(links.register, 0.0) + links.expected
    found = {number: int((linked & (register == number)).sum()) for number in np.unique(register).tolist()}
    return {number: count / (count + lost.get(number, 0.0)) if count else 1.0 for number, count in found.items()}
