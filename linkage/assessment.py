"""Self-assessment: precision and recall of the persons found, estimated without the truth.

- *False links*: pairs of one person at one minus their probability in context (`linkage.context`), compared or not.
  A pair of a person whose cores no edge joins counts as true with the share that missed links have among missed and
  chance ones.
- *Missed links among compared pairs*: pairs left apart, at their probability in context.
- *Blocking loss*: passes are captures; f1 and f2 sure pairs were found by one and two. Chao's estimator
  f1 (f1 - 1) / (2 (f2 + 1)) (1987) of those that none found takes all pairs as equally hard to find and is a lower
  bound; the first jackknife, f1 (Burnham and Overton 1978), mostly overstates. The estimate is their geometric mean.
  Pairs joined by way of others are taken off.

Intervals are log-normal around the number of errors. The variance has three parts: chance, all pairs between two
cores falling together; calibration, in which the number of errors by the pairs' own probabilities is one standard
deviation from that in context; and blocking, in which Chao's estimator and the jackknife are one standard deviation
from their mean. That held the truth on all synthetic seeds, but of other labelled sets it was too narrow: `CAUTION`
stands for what no register tells about itself (docs/adr/0009-model-and-calibration.md).
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from linkage.cluster import check_evidence
from linkage.context import CorePairs, context_of, core_pairs, questions
from linkage.errors import EvidenceError
from linkage.pairs import SubjectPairs

SURE: Final = 0.9  # pairs that captures are counted on
CAUTION: Final = 0.4  # standard deviation of log(true errors / estimated errors) that remains at best
_QUANTILE: Final = 1.96

Index = npt.NDArray[np.int64]
Real = npt.NDArray[np.float64]


class Estimate(NamedTuple):
    """A share with its 95 % interval."""

    value: float
    low: float
    high: float


class Assessment(NamedTuple):
    """Estimates over some pairs of registers.

    Attributes:
        linked: Pairs of subjects in one person.
        precision: Share of them that are one person.
        recall: Share of the true pairs that are linked.
        completeness: Share of the true pairs that some pass compared.
        missed: Expected true pairs that no pass compared and that no person joins.
    """

    linked: int
    precision: Estimate
    recall: Estimate
    completeness: Estimate
    missed: float

    def report(self) -> dict[str, Any]:
        """Return the estimates as JSON holds them."""
        shares = {name: getattr(self, name)._asdict() for name in ("precision", "recall", "completeness")}
        return {"linked_pairs": self.linked, **shares, "missed_pairs": self.missed}


def assess(
    register_of_subject: npt.NDArray[Any],
    one_record_registers: Collection[int],
    pairs: SubjectPairs,
    passes: npt.NDArray[Any],
    labels: npt.NDArray[Any],
) -> dict[tuple[int, int] | None, Assessment]:
    """Assess a clustering, as a whole (key None) and by pair of registers (a <= b).

    Args:
        register_of_subject: Integer[n], the register of each subject.
        one_record_registers: Registers in which a person has at most one subject: they have no pairs of their own.
        pairs: Pairs of subjects with their own probabilities.
        passes: Integer[m], how many passes found each pair.
        labels: Integer[n], the person of each subject.

    Raises:
        EvidenceError: Arrays do not fit together.
    """
    register, person = np.asarray(register_of_subject, np.int64), np.asarray(labels, np.int64)
    found = np.asarray(passes, np.int64)
    check_evidence(len(register), register, pairs.a, pairs.b, pairs.probability)
    if len(person) != len(register) or len(found) != len(pairs.a) or (found < 1).any():
        raise EvidenceError("Every subject has one person, every pair was found by a pass.")
    low = np.minimum(register[pairs.a], register[pairs.b])
    high = np.maximum(register[pairs.a], register[pairs.b])
    together = person[pairs.a] == person[pairs.b]
    linked = _linked(register, person)
    everything = np.ones(len(low), dtype=np.bool_)
    parts: dict[tuple[int, int] | None, tuple[int, npt.NDArray[np.bool_]]] = {None: (sum(linked.values()), everything)}
    for a, b in sorted({*linked, *zip(low.tolist(), high.tolist(), strict=True)}):
        if a != b or a not in one_record_registers:
            parts[a, b] = linked.get((a, b), 0), (low == a) & (high == b)
    cores = core_pairs(register, one_record_registers, pairs)
    joined = _Joined.of(cores, register, person)
    edges = _Edges(
        pairs.probability,
        context_of(cores, pairs).probability,
        np.where(pairs.probability >= SURE, found, 0),
        together,
        questions(cores, pairs),
    )
    numbers: dict[tuple[int, int] | None, Real] = {key: joined.pairs(*key) for key in parts if key is not None}
    numbers[None] = np.sum([np.zeros(len(joined.chance)), *numbers.values()], axis=0)
    return {key: _assessed(count, edges.taken(own), numbers[key], joined.chance) for key, (count, own) in parts.items()}


class _Edges(NamedTuple):
    """Compared pairs: own probability, that in context, number of passes if it is sure, one person, question."""

    own: Real
    chance: Real
    found: Index
    together: npt.NDArray[np.bool_]
    group: Index

    def taken(self, rows: npt.NDArray[np.bool_]) -> _Edges:
        return _Edges(self.own[rows], self.chance[rows], self.found[rows], self.together[rows], self.group[rows])


class _Joined(NamedTuple):
    """Cores, and pairs of cores, of one person: `chance` that they are, and subjects by register to count pairs of."""

    chance: Real
    held: Index  # int64[cores, registers], subjects that are in the person of the core's first
    left: Index  # int64[groups], a core
    right: Index  # the other, or the same one

    @classmethod
    def of(cls, cores: CorePairs, register: Index, person: Index) -> _Joined:
        first, place = np.unique(cores.core, return_inverse=True)
        held = np.zeros((len(first), int(register.max(initial=-1)) + 1), dtype=np.int64)
        inside = person == person[cores.core]
        np.add.at(held, (place[inside], register[inside]), 1)
        graph = cores.graph
        same = person[graph.a] == person[graph.b]
        left, right = (np.searchsorted(first, end[same]) for end in (graph.a, graph.b))
        alone = np.arange(len(first))
        odds = np.concatenate([cores.within[first], cores.odds[same]])
        return cls(1 / (1 + np.exp(-odds)), held, np.concatenate([alone, left]), np.concatenate([alone, right]))

    def pairs(self, a: int, b: int) -> Real:
        """Return float64[groups]: pairs of subjects of two registers."""
        if max(a, b) >= self.held.shape[1]:
            return np.zeros(len(self.chance))
        one, other = self.held[self.left], self.held[self.right]
        crossed = one[:, a] * other[:, b] + one[:, b] * other[:, a]
        twice = np.where(self.left == self.right, one[:, a] * (other[:, b] - (a == b)), crossed)
        return np.asarray(twice / np.where((self.left != self.right) & (a != b), 1, 1 + (a == b)), dtype=np.float64)


def _linked(register: Index, person: Index) -> dict[tuple[int, int], int]:
    """Return the number of pairs of subjects in one person, by pair of registers."""
    registers = int(register.max(initial=-1)) + 1
    held = np.zeros((int(person.max(initial=-1)) + 1, registers), dtype=np.int64)
    np.add.at(held, (person, register), 1)
    counted: dict[tuple[int, int], int] = {}
    for a in range(registers):
        for b in range(a, registers):
            both = held[:, a] * (held[:, a] - 1) // 2 if a == b else held[:, a] * held[:, b]
            if both.any():
                counted[a, b] = int(both.sum())
    return counted


def _assessed(linked: int, edges: _Edges, number: Real, chance: Real) -> Assessment:
    """Assess some pairs: those that were compared, and the `number` linked by each question with its `chance`."""
    once, twice = (float((edges.found == times).sum()) for times in (1, 2))
    unseen, doubt = _unseen(once, twice)
    known = float(number.sum())
    stray = max(linked - known, 0.0)  # pairs of one person whose cores no edge joins
    chained = stray * unseen / (unseen + stray) if stray else 0.0
    wrong = float((number * (1 - chance)).sum())
    false = wrong + stray - chained
    compared = edges.together
    drift = _drift(float((1 - edges.chance)[compared].sum()), float((1 - edges.own)[compared].sum()))
    false_variance = float((number**2 * chance * (1 - chance)).sum()) + (wrong * drift) ** 2 + (chained * doubt) ** 2
    apart = float(edges.chance[~compared].sum())
    drift = _drift(apart, float(edges.own[~compared].sum()))
    # true pairs that no pass compared and that a person joins all the same
    true_joined = max(known - wrong - float(edges.chance[compared].sum()), 0.0) + chained
    unseen = max(unseen, true_joined)
    missed = unseen - true_joined
    apart_variance = _variance(edges, ~compared) + (apart * drift) ** 2 + (missed * doubt) ** 2
    true = max(linked - false, 0.0)
    total = float(edges.chance.sum())
    return Assessment(
        linked,
        _share(linked - false, false, linked, false_variance),
        _share(true, apart + missed, true + apart + missed, apart_variance),
        _share(total, unseen, total + unseen, (unseen * doubt) ** 2 + unseen),
        missed,
    )


def _unseen(once: float, twice: float) -> tuple[float, float]:
    """Return how many pairs no pass found, and the standard deviation of its logarithm."""
    if once == 0:
        return 0.0, 0.0
    chao = max(once - 1, 0.5) * once / (2 * (twice + 1))  # of a single pair Chao's numerator would be 0
    return float(np.sqrt(chao * once)), float(abs(np.log(once / chao)) / 2)


def _drift(chance: float, own: float) -> float:
    """Return how far two estimates of a number of errors are apart, in logarithms; one more is always possible."""
    return float(abs(np.log((chance + 1) / (own + 1))))


def _variance(edges: _Edges, rows: npt.NDArray[np.bool_]) -> float:
    """Return the variance of the number of matches among some pairs: those of one question fall together."""
    pairs = np.bincount(edges.group[rows])
    chance = np.bincount(edges.group[rows], weights=edges.chance[rows]) / np.maximum(pairs, 1)
    return float((pairs**2 * chance * (1 - chance)).sum())


def _share(good: float, errors: float, total: float, variance: float) -> Estimate:
    """Return good / total with its interval: errors are log-normal."""
    if total <= 0:
        return Estimate(1.0, 0.0, 1.0)
    spread = np.exp(_QUANTILE * np.sqrt((variance + errors + 1) / (errors + 1) ** 2 + CAUTION**2))
    # an error more or less is always possible
    most, least = (errors + 1) * spread, max(errors / spread - 1, 0.0)
    rest = max(good, 0.0)
    return Estimate(rest / total, rest / (rest + most), min(rest / (rest + least), 1.0) if rest else 0.0)
