"""The Fellegi-Sunter model: m, u and λ of every pass, match weights and probabilities.

Fellegi and Sunter (1969), with two kinds of matches (`priors.MATCH_KINDS`), each with an m of its own.
The weight of a pattern is log2 of P(pattern | match) / P(pattern | other); missing values drop out of
both; the probability adds the prior odds λ / (1 - λ) of its pass.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from contract.canonical import canonical_json
from linkage.errors import PatternError
from linkage.plan import ComparisonPlan
from linkage.priors import MATCH_KINDS

FORMAT: Final = "wasl-model/1"
_SLACK: Final = 1e-9  # bits: rounding must not lose a pair at the bound; the probability decides

Table = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Model:
    """A fitted model.

    Attributes:
        plan: The comparison plan that the patterns belong to.
        m: Pass to float64[K, V, L]: probability of each level, given that the value is there and the key agrees,
            in each kind of matches. L is the largest number of levels; column 0 and unused places hold 1.
        u: Pass to float64[V, L]: the same among other pairs.
        mix: Pass to float64[K + 1]: shares of each kind of matches and of other pairs among the pass's pairs.
        converged: Whether the parameters had stopped moving before the iterations ran out.
        iterations: Iterations done from the start that was chosen.
        log_likelihood: Penalised log likelihood (natural logarithm) of the fit.
        quality: Aggregates for the report; no pair and no handle.
    """

    plan: ComparisonPlan
    m: Mapping[str, Table]
    u: Mapping[str, Table]
    mix: Mapping[str, Table]
    converged: bool
    iterations: int
    log_likelihood: float
    quality: dict[str, Any] = field(default_factory=dict)

    def with_quality(self, quality: dict[str, Any]) -> Model:
        """Return the model with its aggregates."""
        return replace(self, quality=quality)

    def match_rate(self, name: str) -> float:
        """Return λ, the share of matches among the pairs of a pass."""
        self._check_pass(name)
        return float(self.mix[name][:-1].sum())

    def blended_m(self, name: str) -> Table:
        """Return m of a pass over both kinds of matches, float64[V, L]: for reports."""
        self._check_pass(name)
        kinds = self.mix[name][:-1]
        return np.asarray(np.tensordot(kinds / kinds.sum(), self.m[name], axes=1))

    def _check_pass(self, name: str) -> None:
        if name not in self.mix:
            raise PatternError(f"The model knows no pass {name}.")

    def weights(self, name: str) -> Table:
        """Return log2(m / u) of each kind of matches in a pass, float64[K, V, L]."""
        self._check_pass(name)
        return np.asarray(np.log2(self.m[name]) - np.log2(self.u[name])[None])

    def kind_bits(self, name: str) -> Table:
        """Return log2 of each kind's share of the matches of a pass, float64[K]."""
        kinds = self.mix[name][:-1]
        return np.asarray(np.log2(kinds / kinds.sum()))

    def weight(self, name: str, patterns: npt.NDArray[np.uint64]) -> Table:
        """Return the match weight (log2 likelihood ratio) of patterns (uint64[n]).

        Raises:
            PatternError: The pass is unknown, or a pattern is not one of the plan's.
        """
        tables = self.weights(name)
        levels = self.plan.levels_of(patterns)
        bits = np.repeat(self.kind_bits(name)[:, None], len(levels), axis=1)
        for kind, table in enumerate(tables):
            for variable in range(levels.shape[1]):
                bits[kind] += table[variable, levels[:, variable]]
        top = bits.max(axis=0)
        return np.asarray(top + np.log2(np.exp2(bits - top).sum(axis=0)))

    def _prior_bits(self, name: str) -> float:
        rate = self.match_rate(name)
        return float(np.log2(rate) - np.log2(self.mix[name][-1]))

    def probability(self, name: str, patterns: npt.NDArray[np.uint64]) -> Table:
        """Return the match probability of patterns (uint64[n]) in a pass; errors as `weight`."""
        bits = self.weight(name, patterns) + self._prior_bits(name)
        return np.asarray(1.0 / (1.0 + np.exp2(-np.clip(bits, -1000, 1000))))

    def least_weight(self, name: str, probability: float) -> float:
        """Return the weight above which a pair of a pass has at least this probability."""
        share = min(max(probability, 1e-300), 1 - 1e-12)
        return float(np.log2(share) - np.log2(1 - share) - self._prior_bits(name) - _SLACK)

    def to_json(self) -> bytes:
        """Return canonical JSON from which `from_json` makes the same model, bit for bit."""
        return canonical_json(
            {
                "format": FORMAT,
                "variables": {variable.name: list(variable.levels) for variable in self.plan.variables},
                "m": {name: table.tolist() for name, table in self.m.items()},
                "u": {name: table.tolist() for name, table in self.u.items()},
                "mix": {name: shares.tolist() for name, shares in self.mix.items()},
                "converged": self.converged,
                "iterations": self.iterations,
                "log_likelihood": self.log_likelihood,
                "quality": self.quality,
            }
        )

    @classmethod
    def from_json(cls, content: bytes, plan: ComparisonPlan) -> Model:
        """Read a model back.

        Raises:
            PatternError: It is no model, not finite, or belongs to another plan.
        """
        try:
            document = json.loads(content)
            if document["format"] != FORMAT:
                raise PatternError("The file is not a linkage model of this version.")
            model = cls(
                plan,
                {name: np.array(table, dtype=np.float64) for name, table in document["m"].items()},
                {name: np.array(table, dtype=np.float64) for name, table in document["u"].items()},
                {name: np.array(shares, dtype=np.float64) for name, shares in document["mix"].items()},
                bool(document["converged"]),
                int(document["iterations"]),
                float(document["log_likelihood"]),
                dict(document["quality"]),
            )
            variables = document["variables"]
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise PatternError("The file is not a linkage model.") from error
        known = {variable.name: list(variable.levels) for variable in plan.variables}
        if variables != known or any(set(part) != set(plan.passes) for part in (model.m, model.u, model.mix)):
            raise PatternError("The model belongs to another comparison plan.")
        model._check_numbers()
        return model

    def _check_numbers(self) -> None:
        shape = (len(self.plan.variables), int(self.plan.sizes.max()))
        tables: list[tuple[Table, tuple[int, ...]]] = []
        tables += [(table, (len(MATCH_KINDS), *shape)) for table in self.m.values()]
        tables += [(table, shape) for table in self.u.values()]
        tables += [(shares, (len(MATCH_KINDS) + 1,)) for shares in self.mix.values()]
        for table, wanted in tables:
            if table.shape != wanted or not (np.isfinite(table) & (table > 0) & (table <= 1)).all():
                raise PatternError("A share of the model is missing, not finite, or not a share.")
