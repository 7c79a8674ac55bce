"""Expectation-maximisation on pattern counts, over all passes at once.

m and u of a variable are pooled over the passes whose key does not touch it; each pass may differ
from the pool as far as its pairs outweigh `POOL_WEIGHT` pseudo-pairs. A variable that the key touches
has shares of its own in that pass, drawn towards the shares among the pass's pairs, that is towards no
evidence. λ is estimated for each pass. Patterns, not pairs, are iterated over (Enamorado, Fifield and
Imai 2019); missing values add no evidence; pseudo-counts keep every share above zero.

Several starts run for a few iterations, the best penalised likelihood goes on (Biernacki, Celeux and
Govaert 2003). A fit whose "matches" agree less than its others is refused as turned round.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from linkage.errors import PatternError
from linkage.model import Model
from linkage.patterns import PatternCounts
from linkage.plan import ComparisonPlan
from linkage.priors import GENERIC_WEIGHT, LOCAL_WEIGHT, MATCH_PRIOR, POOL_WEIGHT, generic_shares, starts
from linkage.quality import quality_of

MAX_ITERATIONS: Final = 1000
SHORT_RUN: Final = 25
TOLERANCE: Final = 1e-6  # largest move of any share or match rate in one iteration
_START_RATES: Final = (0.2, 0.2, 0.5, 0.05)
_LEAST_SHARE: Final = 1e-12

Table = npt.NDArray[np.float64]


@dataclass(frozen=True)
class _State:
    """m, u: float64[P, V, L]; match_rate: float64[P]."""

    m: Table
    u: Table
    match_rate: Table


class _Evidence:
    """All patterns of all passes with their counts, and what never changes while EM runs."""

    def __init__(self, counts: Mapping[str, PatternCounts], plan: ComparisonPlan) -> None:
        self.plan = plan
        shape = (len(plan.passes), len(plan.variables), int(plan.sizes.max()))
        self.shape = shape
        levels, number, which = [np.empty((0, shape[1]), dtype=np.uint8)], [np.empty(0)], [np.empty(0, dtype=np.int64)]
        for at, name in enumerate(plan.passes):
            found = counts.get(name, PatternCounts.empty())
            merged = PatternCounts.gathered(
                found.pattern, np.zeros_like(found.register_a), np.zeros_like(found.register_b), found.count
            )
            levels.append(plan.levels_of(merged.pattern))
            number.append(merged.count.astype(np.float64))
            which.append(np.full(len(merged.pattern), at, dtype=np.int64))
        self.levels, self.number, self.which = np.concatenate(levels), np.concatenate(number), np.concatenate(which)
        cell = (self.which[:, None] * shape[1] + np.arange(shape[1])) * shape[2] + self.levels
        self.cell = np.ascontiguousarray(cell.T)  # [V, N]
        self.pairs = np.bincount(self.which, weights=self.number, minlength=shape[0])
        self.used = np.arange(shape[2])[None, :] < plan.sizes.astype(np.int64)[:, None]  # [V, L]
        self.used[:, 0] = False
        touched = [[v.name in plan.touched[name] for v in plan.variables] for name in plan.passes]
        self.touched = np.array(touched, dtype=np.bool_).reshape(shape[:2])
        generic = [generic_shares(variable) for variable in plan.variables]
        self.generic_m, self.generic_u = (self._padded([pair[side] for pair in generic]) for side in (0, 1))
        observed = self._tally(self.number)
        self.marginal = self._normalised(observed + GENERIC_WEIGHT * (self.generic_m + self.generic_u)[None] / 2)

    def _padded(self, shares: list[Table]) -> Table:
        table = np.zeros(self.shape[1:])
        for at, row in enumerate(shares):
            table[at, : len(row)] = row
        return table

    def _normalised(self, table: Table) -> Table:
        table = np.where(self.used, np.maximum(table, _LEAST_SHARE), 0.0)
        return np.asarray(table / table.sum(axis=-1, keepdims=True))

    def _tally(self, weight: Table) -> Table:
        """Sum weights (one a pattern) by pass, variable and level."""
        size = int(np.prod(self.shape))
        total = np.zeros(size)
        for cells in self.cell:
            total += np.bincount(cells, weights=weight, minlength=size)
        return total.reshape(self.shape)

    def start(self, number: int) -> _State:
        pairs = [starts(variable)[number] for variable in self.plan.variables]
        m, u = (self._padded([pair[side] for pair in pairs]) for side in (0, 1))
        local = self.touched[:, :, None]
        rate = np.full(self.shape[0], _START_RATES[number])
        return _State(np.where(local, self.marginal, m), np.where(local, self.marginal, u), rate)

    def _log(self, table: Table) -> Table:
        return np.log(np.where(self.used[None], np.maximum(table, _LEAST_SHARE), 1.0)).ravel()

    def expect(self, state: _State) -> tuple[Table, float]:
        """Return the match probability of each pattern and the penalised log likelihood."""
        rate = state.match_rate[self.which]
        log_m, log_u = self._log(state.m), self._log(state.u)
        match, other = np.log(rate), np.log1p(-rate)
        for cells in self.cell:
            match = match + log_m[cells]
            other = other + log_u[cells]
        total = np.logaddexp(match, other)
        likelihood = float((self.number * total).sum())
        return np.exp(match - total), likelihood + self._penalty(state)

    def _penalty(self, state: _State) -> float:
        a, b = MATCH_PRIOR
        rate = state.match_rate
        prior = float((a * np.log(rate) + b * np.log1p(-rate)).sum())
        for table, generic in ((state.m, self.generic_m), (state.u, self.generic_u)):
            logs = self._log(table).reshape(self.shape)
            lean = np.where(self.touched[:, :, None], LOCAL_WEIGHT * self.marginal, GENERIC_WEIGHT * generic[None])
            prior += float((lean * logs).sum())
        return prior

    def maximise(self, match: Table) -> _State:
        inside = self.number * match
        m = self._shares(self._tally(inside), self.generic_m)
        u = self._shares(self._tally(self.number - inside), self.generic_u)
        a, b = MATCH_PRIOR
        matches = np.bincount(self.which, weights=inside, minlength=self.shape[0])
        return _State(m, u, (matches + a) / (self.pairs + a + b))

    def _shares(self, tally: Table, generic: Table) -> Table:
        pooled = np.where(self.touched[:, :, None], 0.0, tally).sum(axis=0)
        pool = self._normalised(pooled + GENERIC_WEIGHT * generic)
        local = tally + LOCAL_WEIGHT * self.marginal
        return self._normalised(np.where(self.touched[:, :, None], local, tally + POOL_WEIGHT * pool[None]))


def _run(evidence: _Evidence, state: _State, iterations: int) -> tuple[_State, float, int, bool]:
    """Iterate until nothing moves by more than `TOLERANCE`, or the iterations are used up."""
    match, likelihood = evidence.expect(state)
    for done in range(1, iterations + 1):
        after = evidence.maximise(match)
        moved = max(
            float(np.abs(after.m - state.m).max(initial=0)),
            float(np.abs(after.u - state.u).max(initial=0)),
            float(np.abs(after.match_rate - state.match_rate).max(initial=0)),
        )
        state = after
        match, likelihood = evidence.expect(state)
        if moved < TOLERANCE:
            return state, likelihood, done, True
    return state, likelihood, iterations, False


def _agreement(evidence: _Evidence, state: _State) -> float:
    """Return how much more the match class agrees: positive unless the classes are turned round.

    The mean, over untouched variables, of the generic weight of the levels in the match class less the
    same in the other class.
    """
    m, u = (np.where(evidence.used, table, 1.0) for table in (evidence.generic_m, evidence.generic_u))
    difference = ((state.m - state.u) * np.log(m / u)[None]).sum(axis=2)
    return float(np.where(evidence.touched, 0.0, difference).sum())


def fit(counts: Mapping[str, PatternCounts], plan: ComparisonPlan) -> Model:
    """Estimate the model from the pattern counts of all passes.

    Args:
        counts: Pass to its counts; a pass that is not there had no pairs.
        plan: The plan that made the patterns.

    Raises:
        PatternError: A pass or pattern is not one of the plan's, or every start ended turned round.
    """
    strangers = sorted(set(counts) - set(plan.passes))
    if strangers:
        raise PatternError(f"The pass {strangers[0]} is not one of the plan's.")
    evidence = _Evidence(counts, plan)
    tried = []
    for number in range(len(_START_RATES)):
        state, likelihood, _, _ = _run(evidence, evidence.start(number), SHORT_RUN)
        if _agreement(evidence, state) > 0 or not evidence.touched.size:
            tried.append((likelihood, -number, state))
    for _, _, short in sorted(tried, key=lambda one: one[:2], reverse=True):
        state, likelihood, iterations, converged = _run(evidence, short, MAX_ITERATIONS)
        if _agreement(evidence, state) > 0 or evidence.touched.all():
            return _model(evidence, state, likelihood, iterations + SHORT_RUN, converged)
    raise PatternError(
        "No start of EM ends with matches that agree more than other pairs.",
        advice="The passes or fields do not tell persons apart: review them in the agreement.",
    )


def _model(evidence: _Evidence, state: _State, likelihood: float, iterations: int, converged: bool) -> Model:
    plan = evidence.plan
    tables = {
        key: {name: np.where(evidence.used, table[at], 1.0) for at, name in enumerate(plan.passes)}
        for key, table in (("m", state.m), ("u", state.u))
    }
    rates = {name: float(state.match_rate[at]) for at, name in enumerate(plan.passes)}
    match, _ = evidence.expect(state)
    quality = quality_of(plan, tables["m"], tables["u"], rates, evidence.levels, evidence.number, evidence.which, match)
    return Model(plan, tables["m"], tables["u"], rates, converged, iterations, likelihood, quality)
