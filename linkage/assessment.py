"""Self-assessment: precision and recall of the persons found, estimated without the truth.

- *False links*: pairs of one person at one minus their probability in context (`linkage.context`). A pair that no
  pass compared, joined by way of others, counts as true with the share that missed links have among missed and
  chance ones.
- *Missed links among compared pairs*: pairs left apart, at their probability.
- *Blocking loss*: passes are captures; from the sure pairs that one and two passes found, Chao's estimator (1987)
  gives those that none found, f1 (f1 - 1) / (2 (f2 + 1)). Pairs joined by way of others are taken off.

Intervals are log-normal around the number of errors: its sampling variance, and `DOUBT`, the spread of true over
estimated errors on labelled sets, because neither calibration nor independence of passes is perfect.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from linkage.cluster import check_evidence
from linkage.context import in_context
from linkage.errors import EvidenceError
from linkage.pairs import SubjectPairs

DOUBT: Final = 0.7  # standard deviation of log(true errors / estimated errors)
SURE: Final = 0.9  # pairs that captures are counted on
_QUANTILE: Final = 1.96

Index = npt.NDArray[np.int64]


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
    sure = pairs.probability >= SURE
    chance = in_context(register, one_record_registers, pairs).probability
    return {
        key: _assessed(count, chance[own], found[own] * sure[own], together[own]) for key, (count, own) in parts.items()
    }


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


def _assessed(
    linked: int, probability: npt.NDArray[np.float64], found: Index, together: npt.NDArray[np.bool_]
) -> Assessment:
    """Assess some pairs; `found` is the number of passes of the sure ones, 0 of the others."""
    once, twice = (int((found == times).sum()) for times in (1, 2))
    unseen = once * max(once - 1, 0) / (2 * (twice + 1))
    joined = max(linked - int(together.sum()), 0)  # pairs of one person that no pass compared
    true_joined = joined * unseen / (unseen + joined) if joined else 0.0
    false = float((1 - probability[together]).sum()) + joined - true_joined
    apart = float(probability[~together].sum())
    missed = max(unseen - true_joined, 0.0)
    true = max(linked - false, 0.0)
    compared = float(probability.sum())
    return Assessment(
        linked,
        _share(linked - false, false, linked),
        _share(true, apart + missed, true + apart + missed),
        _share(compared, unseen, compared + unseen),
        missed,
    )


def _share(good: float, errors: float, total: float) -> Estimate:
    """Return good / total with its interval: errors are log-normal."""
    if total <= 0:
        return Estimate(1.0, 0.0, 1.0)
    spread = np.exp(_QUANTILE * np.sqrt(DOUBT**2 + 1 / (errors + 1)))
    # an error more or less is always possible
    most, least = (errors + 1) * spread, max(errors / spread - 1, 0.0)
    rest = max(good, 0.0)
    return Estimate(rest / total, rest / (rest + most), min(rest / (rest + least), 1.0) if rest else 0.0)
