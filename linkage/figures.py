"""Figures of a comparison for the quality report: aggregates of patterns, never of one pair.

- *Unlinkable records*: a record compared with itself agrees on all it has. If even that pattern is no likely match, no
  record can be linked to it (the "unlinkables" of Linacre, Lindsay et al. 2022, Splink).
- *Score histogram*, *threshold curve*: pairs by match weight, and expected precision and recall of "link every pair of
  at least this probability", from the calibrated probabilities.
- *Masked pair*: an agreement pattern that many pairs have, its weight split by comparison.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from linkage.kernels import patterns_kernel
from linkage.layout import layout_of
from linkage.model import Model
from linkage.patterns import PatternCounts
from linkage.plan import ComparisonPlan
from linkage.record import record_patterns
from linkage.tables import PassArrays

LIKELY: Final = 0.5  # match probability from which a pair counts as linked
THRESHOLDS: Final = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)
#: Match probabilities between which the example pairs of the waterfall lie.
EXAMPLES: Final = {"match": (0.95, 1.0), "doubt": (0.2, 0.8), "other": (0.0, 0.05)}
_STEP: Final = 2  # bits of one bin of the score histogram
_LEAST, _MOST = -40, 60  # bits; what lies beyond is counted in the outermost bins

Numbers = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]


def own_patterns(arrays: PassArrays, plan: ComparisonPlan) -> PatternCounts:
    """Count the patterns that the rows of a pass have with themselves, by register (`register_a` = `register_b`)."""
    rows = np.arange(len(arrays), dtype=np.int64)
    if plan.profile == "record":
        patterns = record_patterns(arrays, plan, rows, rows)
    else:
        many = np.array(plan.many, dtype=np.bool_)
        patterns = patterns_kernel(layout_of(plan), arrays.rows(), many, rows, rows).astype(np.uint64)
    return PatternCounts.gathered(patterns, arrays.register, arrays.register, np.ones(len(rows), dtype=np.int64))


def rows_alone(arrays: PassArrays, plan: ComparisonPlan) -> Counts:
    """Return int64[R], the rows of each register that their block compares with no other row."""
    n = len(arrays)
    if not n:
        return np.zeros(len(plan.registers), dtype=np.int64)
    new = (np.diff(arrays.ends, prepend=-1) != 0) | (np.diff(arrays.register.astype(np.int64), prepend=-1) != 0)
    runs = np.flatnonzero(new)
    alike = np.repeat(np.diff(np.append(runs, n)), np.diff(np.append(runs, n)))  # rows of the same block and register
    many = np.array(plan.many, dtype=np.bool_)[arrays.register]
    partners = arrays.ends - arrays.starts - np.where(many, 1, alike)
    return np.bincount(arrays.register[partners == 0], minlength=len(plan.registers)).astype(np.int64)


def score_histogram(weight: Numbers, count: Counts, match: Numbers) -> dict[str, Any]:
    """Return pairs and expected matches by match weight (log2), in bins of two bits.

    Args:
        weight: float64[n], match weight of each pattern (or pair).
        count: int64[n], how many pairs have it.
        match: float64[n], its match probability.
    """
    bins = (_MOST - _LEAST) // _STEP
    place = np.clip(np.floor((np.clip(weight, _LEAST, _MOST) - _LEAST) / _STEP).astype(np.int64), 0, bins - 1)
    pairs = np.bincount(place, weights=count, minlength=bins)
    matches = np.bincount(place, weights=count * match, minlength=bins)
    used = np.flatnonzero(pairs)
    first, last = (int(used[0]), int(used[-1]) + 1) if len(used) else (0, 0)
    return {
        "from": _LEAST + _STEP * first,
        "step": _STEP,
        "pairs": pairs[first:last].astype(np.int64).tolist(),
        "expected_matches": matches[first:last].tolist(),
    }


def threshold_curve(probability: Numbers, count: Counts, missed: float = 0.0) -> list[dict[str, Any]]:
    """Return expected links, precision and recall at each of `THRESHOLDS`.

    Args:
        probability: float64[n], calibrated match probability of each pattern (or pair).
        count: int64[n], how many pairs have it.
        missed: Expected matches that were never compared.
    """
    true = float((count * probability).sum()) + missed
    curve = []
    for threshold in THRESHOLDS:
        kept = probability >= threshold
        links, good = int(count[kept].sum()), float((count * probability)[kept].sum())
        precision = good / links if links else None
        curve.append(
            {
                "threshold": threshold,
                "links": links,
                "precision": precision,
                "recall": min(good / true, 1.0) if true > 0 else None,
            }
        )
    return curve


def waterfall(model: Model, name: str, pattern: int, place: int = -1) -> dict[str, Any]:
    """Split the weight of a pattern by comparison: what each adds to those before it, in the plan's order.

    Weights of single levels do not add up where matches are of two kinds; these steps do.

    Args:
        model: The fitted model.
        name: The pass.
        pattern: The pattern.
        place: Its pair of registers, as `Model.weight` takes it.

    Returns:
        `prior` (log2 odds of λ), `steps` of variable, level and weight (log2), `weight`, `probability`.
    """
    plan = model.plan
    whole = plan.levels_of(np.array([pattern], dtype=np.uint64))[0]
    partial = np.tril(np.tile(whole, (len(whole) + 1, 1)), k=-1)[:, : len(whole)]
    weights = model.weight(name, plan.pack(partial), np.full(len(partial), place, dtype=np.int64))
    steps = [
        {"variable": variable.name, "level": variable.levels[whole[at]], "weight": float(weights[at + 1] - weights[at])}
        for at, variable in enumerate(plan.variables)
    ]
    rate = model.match_rate(name)
    return {
        "prior": float(np.log2(rate) - np.log2(model.mix[name][-1])),
        "steps": steps,
        "weight": float(weights[-1]),
        "probability": float(model.probability_of(name, weights[-1:])[0]),
    }


def masked_pairs(model: Model, counts: Mapping[str, PatternCounts], least: int) -> list[dict[str, Any]]:
    """Return, for a match, a doubt and a chance pair, the waterfall of the pattern that most pairs have.

    Args:
        model: Fitted on the counts.
        counts: Pass to its pattern counts.
        least: A pattern of fewer pairs in its pass is no example: it might be known by its levels.
    """
    best: dict[str, tuple[int, str, int, int]] = {}
    for name in model.plan.passes:
        pattern, place, count = _by_weight(model, counts.get(name, PatternCounts.empty()))
        match = model.probability(name, pattern, place)
        for kind, (low, high) in EXAMPLES.items():
            own = np.flatnonzero((match >= low) & (match <= high) & (count >= least))
            if len(own):
                top = own[np.argmax(count[own])]
                if kind not in best or count[top] > best[kind][0]:
                    best[kind] = (int(count[top]), name, int(pattern[top]), int(place[top]))
    return [
        {"kind": kind, "pass": name, "pairs": number, **waterfall(model, name, pattern_of_kind, place_of_kind)}
        for kind, (number, name, pattern_of_kind, place_of_kind) in sorted(
            best.items(), key=lambda one: list(EXAMPLES).index(one[0])
        )
    ]


def comparison_figures(
    model: Model, counts: Mapping[str, PatternCounts], own: Mapping[str, PatternCounts], least: int
) -> dict[str, Any]:
    """Return all figures that a fit adds to the quality report.

    Args:
        model: The fitted model.
        counts: Pass to the pattern counts it was fitted on.
        own: Pass to `own_patterns`.
        least: Of `masked_pairs`.

    Returns:
        `scores` and `thresholds` over all passes, where a pair counts in each pass that compared it; `masked_pairs`;
        and by register and pass `rows`, `unlinkable` and `missing` (variable to rows without a value).
    """
    weight, count, match = [np.empty(0)], [np.empty(0, dtype=np.int64)], [np.empty(0)]
    for name in model.plan.passes:
        pattern, place, pairs = _by_weight(model, counts.get(name, PatternCounts.empty()))
        weight.append(model.weight(name, pattern, place))
        count.append(pairs)
        match.append(model.probability_of(name, weight[-1]))
    number, probability = np.concatenate(count), np.concatenate(match)
    return {
        "scores": score_histogram(np.concatenate(weight), number, probability),
        "thresholds": threshold_curve(probability, number),
        "masked_pairs": masked_pairs(model, counts, least),
        "registers": _registers(model, own),
    }


def _registers(model: Model, own: Mapping[str, PatternCounts]) -> dict[str, Any]:
    plan = model.plan
    found: dict[str, Any] = {}
    for place, register in enumerate(plan.registers):
        passes = {}
        for name in plan.passes:
            held = own.get(name, PatternCounts.empty())
            rows = held.register_a == place
            pattern, count = held.pattern[rows], held.count[rows]
            if not len(pattern):
                continue
            levels = plan.levels_of(pattern)
            passes[name] = {
                "rows": int(count.sum()),
                "unlinkable": int(count[_most_probable(model, name, pattern, place) < LIKELY].sum()),
                "missing": {
                    variable.name: int(count[levels[:, at] == 0].sum()) for at, variable in enumerate(plan.variables)
                },
            }
        if passes:
            found[register] = passes
    return found


def _most_probable(model: Model, name: str, pattern: npt.NDArray[np.uint64], register: int) -> Numbers:
    """Return the probability of patterns between records of a register and of the one that suits them best."""
    partners = [] if model.own is None else [at for at, pair in enumerate(model.own.pairs) if register in pair]
    places = [np.full(len(pattern), place, dtype=np.int64) for place in partners or [-1]]
    return np.asarray(np.max([model.probability(name, pattern, place) for place in places], axis=0))


def _by_weight(model: Model, found: PatternCounts) -> tuple[npt.NDArray[np.uint64], Counts, Counts]:
    """Return patterns (uint64[n]), the pairs of registers they are weighed by (int64[n], -1: all), and their counts."""
    keys, which = np.unique(model.keys(found.pattern, found.register_a, found.register_b), return_inverse=True)
    pattern, place = model.parted(keys)
    count = np.zeros(len(keys), dtype=np.int64)
    np.add.at(count, which, found.count)
    return pattern, np.full(len(keys), -1, dtype=np.int64) if place is None else place, count
