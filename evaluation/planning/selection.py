"""The set of passes with the best recall under the bounds of leakage: greedy forward selection.

Recall is the share of true pairs that some chosen pass compares, a monotone submodular function of the set: at each
step the pass with the greatest gain is taken, which is within 1 - 1/e of the best set of that size (Nemhauser, Wolsey
and Fisher 1978). A pass that alone is above its bound, or takes the union above the bound, is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from evaluation.planning.simulation import Simulation

#: A pass that adds less than this share of the true pairs is not worth its rows.
LEAST_GAIN = 0.0002


@dataclass(frozen=True)
class Step:
    """One pass chosen: its gain, and what the set so far finds and leaks."""

    name: str
    gain: float
    completeness: float
    union_leakage: float


def select(
    simulation: Simulation,
    leakage: Callable[[Sequence[str]], tuple[float, float]],
    *,
    pass_bound: float,
    union_bound: float,
    most: int,
    least_gain: float = LEAST_GAIN,
    thrifty: bool = False,
) -> tuple[tuple[Step, ...], dict[str, str]]:
    """Choose passes one by one.

    Args:
        simulation: Of all candidates.
        leakage: Names of passes to the leakage of the last of them and of their union, upper ends.
        pass_bound: Most a pass may leak.
        union_bound: Most the chosen passes may leak together.
        most: Passes at most.
        least_gain: Stop below this gain.
        thrifty: Weigh a gain by what it adds to the union's leakage, for where the bound binds before the number of
            passes does.

    Returns:
        The passes in the order they were chosen, and why others were not, by name.
    """
    refused: dict[str, str] = {}
    chosen: list[str] = []
    steps: list[Step] = []
    met = np.zeros(len(simulation.left), dtype=np.bool_)
    for name in simulation.passes:
        if leakage([name])[0] > pass_bound:
            refused[name] = "alone above the bound of a pass"
    while len(chosen) < most:
        free = [name for name in simulation.passes if name not in chosen and name not in refused]
        gains = {name: int((simulation.passes[name].met & ~met).sum()) for name in free}
        if not gains:
            break
        worth = {name: float(gains[name]) for name in free}
        if thrifty:
            before = leakage(chosen)[1] if chosen else 0.0
            # a pass that names nobody new still costs something: half a point of a thousand
            worth = {name: gains[name] / (leakage([*chosen, name])[1] - before + 0.0005) for name in free}
            worth = {name: one if gains[name] >= least_gain * len(met) else 0.0 for name, one in worth.items()}
        best = max(free, key=lambda name: (worth[name], -free.index(name)))
        gain = gains[best] / max(len(met), 1)
        if gain < least_gain:
            break
        union = leakage([*chosen, best])[1]
        if union > union_bound:
            refused[best] = "takes the union above its bound"
            continue
        chosen.append(best)
        met |= simulation.passes[best].met
        steps.append(Step(best, gain, float(met.mean()), union))
    for name in simulation.passes:
        if name not in chosen:
            refused.setdefault(name, "adds too little" if len(chosen) < most else "no room")
    return tuple(steps), refused
