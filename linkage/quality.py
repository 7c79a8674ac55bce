"""Aggregates of a fit for the run's quality report: no pair, no handle, no value."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from linkage.model import Model
from linkage.priors import MATCH_KINDS

Table = npt.NDArray[np.float64]


def quality_of(
    model: Model,
    levels: npt.NDArray[np.uint8],
    number: Table,
    which: npt.NDArray[np.int64],
    match: Table,
) -> dict[str, Any]:
    """Return m, u and weights of each pass, λ, estimated matches, and the histogram of probabilities.

    Args:
        model: The fitted model.
        levels: uint8[n, V], agreement levels of the patterns.
        number: float64[n], pairs with that pattern.
        which: int64[n], the pattern's pass.
        match: float64[n], its match probability.
    """
    passes = {}
    for at, name in enumerate(model.plan.passes):
        own = which == at
        passes[name] = {
            "pairs": int(number[own].sum()),
            "patterns": int(own.sum()),
            "match_rate": model.match_rate(name),
            "kinds": dict(zip(MATCH_KINDS, model.mix[name][:-1].tolist(), strict=True)),
            "estimated_matches": float((number * match)[own].sum()),
            "estimated_links": int(number[own & (match >= 0.5)].sum()),
            "probability_histogram": np.histogram(match[own], bins=20, range=(0, 1), weights=number[own])[0].tolist(),
            "variables": _variables(model, name, levels[own], number[own]),
        }
    return {"passes": passes, "inverted": _inverted(model)}


def _variables(model: Model, name: str, levels: npt.NDArray[np.uint8], number: Table) -> dict[str, Any]:
    found = {}
    total = max(float(number.sum()), 1.0)
    m, u = model.blended_m(name), model.u[name]
    for at, variable in enumerate(model.plan.variables):
        size = len(variable.levels)
        found[variable.name] = {
            "levels": list(variable.levels[1:]),
            "m": m[at, 1:size].tolist(),
            "u": u[at, 1:size].tolist(),
            "weight": np.log2(m[at, 1:size] / u[at, 1:size]).tolist(),
            "missing": float(number[levels[:, at] == 0].sum()) / total,
            "touched_by_key": variable.name in model.plan.touched[name],
        }
    return found


def _inverted(model: Model) -> list[str]:
    """Return `pass/variable` where full agreement weighs less than full disagreement: a warning, not an error."""
    found = []
    for name in model.plan.passes:
        m, u = model.blended_m(name), model.u[name]
        for at, variable in enumerate(model.plan.variables):
            if variable.name in model.plan.touched[name] or variable.kind == "order":
                continue
            last = len(variable.levels) - 1
            if m[at, 1] / u[at, 1] < m[at, last] / u[at, last]:
                found.append(f"{name}/{variable.name}")
    return found
