"""Aggregates of a fit for the run's quality report: no pair, no handle, no value."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from linkage.plan import ComparisonPlan

Table = npt.NDArray[np.float64]


def quality_of(
    plan: ComparisonPlan,
    m: Mapping[str, Table],
    u: Mapping[str, Table],
    match_rate: Mapping[str, float],
    levels: npt.NDArray[np.uint8],
    number: Table,
    which: npt.NDArray[np.int64],
    match: Table,
) -> dict[str, Any]:
    """Return m, u and weights of each pass, λ, estimated matches, and the histogram of probabilities.

    Args:
        plan: The comparison plan.
        m: As in `model.Model`.
        u: As in `model.Model`.
        match_rate: As in `model.Model`.
        levels: uint8[n, V], agreement levels of the patterns.
        number: float64[n], pairs with that pattern.
        which: int64[n], the pattern's pass.
        match: float64[n], its match probability.
    """
    passes = {}
    for at, name in enumerate(plan.passes):
        own = which == at
        passes[name] = {
            "pairs": int(number[own].sum()),
            "patterns": int(own.sum()),
            "match_rate": match_rate[name],
            "estimated_matches": float((number * match)[own].sum()),
            "estimated_links": int(number[own & (match >= 0.5)].sum()),
            "probability_histogram": np.histogram(match[own], bins=20, range=(0, 1), weights=number[own])[0].tolist(),
            "variables": _variables(plan, name, m[name], u[name], levels[own], number[own]),
        }
    return {"passes": passes, "inverted": _inverted(plan, m, u)}


def _variables(
    plan: ComparisonPlan, name: str, m: Table, u: Table, levels: npt.NDArray[np.uint8], number: Table
) -> dict[str, Any]:
    found = {}
    total = max(float(number.sum()), 1.0)
    for at, variable in enumerate(plan.variables):
        size = len(variable.levels)
        found[variable.name] = {
            "levels": list(variable.levels[1:]),
            "m": m[at, 1:size].tolist(),
            "u": u[at, 1:size].tolist(),
            "weight": np.log2(m[at, 1:size] / u[at, 1:size]).tolist(),
            "missing": float(number[levels[:, at] == 0].sum()) / total,
            "touched_by_key": variable.name in plan.touched[name],
        }
    return found


def _inverted(plan: ComparisonPlan, m: Mapping[str, Table], u: Mapping[str, Table]) -> list[str]:
    """Return `pass/variable` where full agreement weighs less than full disagreement: a warning, not an error."""
    found = []
    for name in plan.passes:
        for at, variable in enumerate(plan.variables):
            if variable.name in plan.touched[name] or variable.kind == "order":
                continue
            best, worst = (m[name][at, level] / u[name][at, level] for level in (1, len(variable.levels) - 1))
            if best < worst:
                found.append(f"{name}/{variable.name}")
    return found
