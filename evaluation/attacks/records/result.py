"""What an attack found, in one form for all attacks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from contract.audit_report import wilson


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


def share_named(
    name: str, right: npt.NDArray[np.bool_], baseline: float, details: Mapping[str, float] | None = None
) -> AttackResult:
    """Return the result of an attack from bool[n], whether each attacked row got its person."""
    hits, trials = int(right.sum()), len(right)
    named = hits / trials if trials else 0.0
    return AttackResult(name, named, wilson(hits, trials), baseline, {"rows": trials, **(details or {})})
