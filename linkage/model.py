"""The Fellegi-Sunter model: m, u and λ of every pass, match weights and probabilities.

Fellegi and Sunter (1969). The weight of a pattern is the sum over variables of log2(m / u) of its
level, 0 where a value is missing; the probability adds the prior odds λ / (1 - λ) of its pass.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from contract.canonical import canonical_json
from linkage.errors import PatternError
from linkage.plan import ComparisonPlan

_SLACK: Final = 1e-9  # bits: rounding must not lose a pair at the bound; the probability decides


@dataclass(frozen=True)
class Model:
    """A fitted model.

    Attributes:
        plan: The comparison plan that the patterns belong to.
        m, u: Pass to float64[V, L]: probability of each level given that the value is there, among matches
            and among others. L is the largest number of levels; column 0 and unused places hold 1.
        match_rate: Pass to λ, the share of matches among its pairs.
        converged: Whether the parameters had stopped moving before the iterations ran out.
        iterations: Iterations done from the start that was chosen.
        log_likelihood: Penalised log likelihood (natural logarithm) of the fit.
        quality: Aggregates for the report; no pair and no handle.
    """

    plan: ComparisonPlan
    m: Mapping[str, npt.NDArray[np.float64]]
    u: Mapping[str, npt.NDArray[np.float64]]
    match_rate: Mapping[str, float]
    converged: bool
    iterations: int
    log_likelihood: float
    quality: dict[str, Any] = field(default_factory=dict)

    def _check_pass(self, name: str) -> None:
        if name not in self.match_rate:
            raise PatternError(f"The model knows no pass {name}.")

    def weights(self, name: str) -> npt.NDArray[np.float64]:
        """Return the match weights log2(m / u) of a pass, float64[V, L]."""
        self._check_pass(name)
        return np.log2(self.m[name]) - np.log2(self.u[name])

    def weight(self, name: str, patterns: npt.NDArray[np.uint64]) -> npt.NDArray[np.float64]:
        """Return the match weight (log2 likelihood ratio) of patterns (uint64[n])."""
        table = self.weights(name)
        levels = self.plan.levels_of(patterns)
        total = np.zeros(len(levels))
        for variable in range(levels.shape[1]):  # one order of summation, the kernels' own
            total += table[variable, levels[:, variable]]
        return total

    def _prior_bits(self, name: str) -> float:
        rate = self.match_rate[name]
        return float(np.log2(rate) - np.log2(1 - rate))

    def probability(self, name: str, patterns: npt.NDArray[np.uint64]) -> npt.NDArray[np.float64]:
        """Return the match probability of patterns (uint64[n]) in a pass.

        Raises:
            PatternError: The pass is unknown, or a pattern is not one of the plan's.
        """
        bits = self.weight(name, patterns) + self._prior_bits(name)
        return np.asarray(1.0 / (1.0 + np.exp2(-np.clip(bits, -1000, 1000))))

    def least_weight(self, name: str, probability: float) -> float:
        """Return the weight above which a pair of a pass has at least this probability."""
        self._check_pass(name)
        share = min(max(probability, 1e-300), 1 - 1e-12)
        return float(np.log2(share) - np.log2(1 - share) - self._prior_bits(name) - _SLACK)

    def to_json(self) -> bytes:
        """Return canonical JSON from which `from_json` makes the same model, bit for bit."""
        return canonical_json(
            {
                "format": "wasl-model/1",
                "variables": {variable.name: list(variable.levels) for variable in self.plan.variables},
                "m": {name: table.tolist() for name, table in self.m.items()},
                "u": {name: table.tolist() for name, table in self.u.items()},
                "match_rate": dict(self.match_rate),
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
            if document["format"] != "wasl-model/1":
                raise PatternError("The file is not a linkage model of this version.")
            variables = document["variables"]
            m, u = ({name: np.array(table, dtype=np.float64) for name, table in document[key].items()} for key in "mu")
            rates = {name: float(rate) for name, rate in document["match_rate"].items()}
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise PatternError("The file is not a linkage model.") from error
        if variables != {variable.name: list(variable.levels) for variable in plan.variables} or set(rates) != set(
            plan.passes
        ):
            raise PatternError("The model belongs to another comparison plan.")
        shape = (len(plan.variables), int(plan.sizes.max()))
        for name in plan.passes:
            tables = (m.get(name), u.get(name))
            if any(t is None or t.shape != shape or not (np.isfinite(t) & (t > 0)).all() for t in tables):
                raise PatternError("A share of the model is missing, not finite or not positive.", where={"pass": name})
            if not 0 < rates[name] < 1:
                raise PatternError("A match rate is not a probability.", where={"pass": name})
        return cls(
            plan,
            m,
            u,
            rates,
            bool(document["converged"]),
            int(document["iterations"]),
            float(document["log_likelihood"]),
            dict(document["quality"]),
        )
