"""What an attack found, in one form for all attacks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import sqrt

import numpy as np
import numpy.typing as npt

_Z95 = 1.959963984540054


@dataclass(frozen=True)
class AttackResult:
    """The outcome of one attack on one set of encodings.

    Attributes:
        name: The attack.
        named: Share of the attacked rows given to the right person, or None where the attack measures and names nobody.
        interval: 95 % Wilson limits of `named`.
        baseline: Share that guessing names.
        details: Further figures by name.
    """

    name: str
    named: float | None
    interval: tuple[float, float] | None
    baseline: float
    details: Mapping[str, float] = field(default_factory=dict)


def wilson(hits: int, trials: int) -> tuple[float, float]:
    """Return the 95 % limits of a share (Wilson 1927); (0, 1) without trials."""
    if trials == 0:
        return 0.0, 1.0
    share, square = hits / trials, _Z95**2
    centre = (share + square / (2 * trials)) / (1 + square / trials)
    half = _Z95 * sqrt(share * (1 - share) / trials + square / (4 * trials**2)) / (1 + square / trials)
    # exact at the ends, where rounding would leave a trace
    return (0.0 if hits == 0 else centre - half), (1.0 if hits == trials else centre + half)


def share_named(
    name: str, right: npt.NDArray[np.bool_], baseline: float, details: Mapping[str, float] | None = None
) -> AttackResult:
    """Return the result of an attack from bool[n], whether each attacked row got its person."""
    hits, trials = int(right.sum()), len(right)
    named = hits / trials if trials else 0.0
    return AttackResult(name, named, wilson(hits, trials), baseline, {"rows": trials, **(details or {})})
