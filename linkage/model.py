"""The Fellegi-Sunter model: m, u and λ of every pass, match weights and probabilities.

Fellegi and Sunter (1969), with two kinds of matches (`priors.MATCH_KINDS`), each with an m of its own.
The weight of a pattern is log2 of P(pattern | match) / P(pattern | other); missing values drop out of
both; the probability adds the prior odds λ / (1 - λ) of its pass. Where pairs of registers have an m of
their own (`register_pairs`), patterns are weighed by it as long as the registers are given.
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
from linkage.evidence import LEAST_SHARE
from linkage.plan import ComparisonPlan
from linkage.priors import MATCH_KINDS
from linkage.register_pairs import RegisterPairs

FORMAT: Final = "wasl-model/2"
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
        own: What pairs of registers have of their own; None where there is one pair of registers.
        possible: Pass to float64[V, L]: factors for what its key rules out, 1 where it touches nothing.
    """

    plan: ComparisonPlan
    m: Mapping[str, Table]
    u: Mapping[str, Table]
    mix: Mapping[str, Table]
    converged: bool
    iterations: int
    log_likelihood: float
    quality: dict[str, Any] = field(default_factory=dict)
    own: RegisterPairs | None = None
    possible: Mapping[str, Table] = field(default_factory=dict)

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

    def m_of(self, name: str) -> Table:
        """Return m of a pass by pair of registers, float64[G, K, V, L]; G is 0 where they have none of their own."""
        self._check_pass(name)
        if self.own is None:
            return np.empty((0, *self.m[name].shape))
        used = np.arange(self.own.m.shape[-1])[None, :] < self.plan.sizes.astype(np.int64)[:, None]
        used[:, 0] = False
        table = np.where(used, np.maximum(self.own.m * self.possible[name], LEAST_SHARE), 0.0)
        return np.asarray(np.where(used, table / table.sum(axis=-1, keepdims=True), 1.0))

    def most_weights(self, name: str) -> tuple[Table, Table]:
        """Return bounds on `weights` and `kind_bits` over all pairs of registers: no pair weighs more."""
        weights, kinds = self.weights(name), self.kind_bits(name)
        if self.own is None:
            return weights, kinds
        own = np.log2(self.m_of(name)) - np.log2(self.u[name])
        return np.maximum(weights, own.max(axis=0)), np.maximum(kinds, np.log2(self.own.kinds[name]).max(axis=0))

    def weight(self, name: str, patterns: npt.NDArray[np.uint64], places: npt.NDArray[np.int64] | None = None) -> Table:
        """Return the match weight (log2 likelihood ratio) of patterns (uint64[n]).

        Args:
            name: The pass.
            patterns: uint64[n].
            places: int64[n], the pattern's pair of registers (`RegisterPairs.places`); -1, as by default: that of all.

        Raises:
            PatternError: The pass is unknown, or a pattern is not one of the plan's.
        """
        levels = self.plan.levels_of(patterns)
        if self.own is None or places is None:
            return self._summed(self.weights(name), self.kind_bits(name), levels)
        bits = np.empty(len(levels))
        log_u, kinds = np.log2(self.u[name]), np.log2(self.own.kinds[name])
        for place in np.unique(places).tolist():
            rows = places == place
            if place < 0:
                bits[rows] = self._summed(self.weights(name), self.kind_bits(name), levels[rows])
            else:
                bits[rows] = self._summed(np.log2(self.m_of(name)[place]) - log_u, kinds[place], levels[rows])
        return bits

    def most_weight(self, name: str, patterns: npt.NDArray[np.uint64]) -> Table:
        """Return a bound on the weight of patterns (uint64[n]), whatever registers their pairs are of."""
        return self._summed(*self.most_weights(name), self.plan.levels_of(patterns))

    def keys(
        self,
        patterns: npt.NDArray[np.uint64],
        register_a: npt.NDArray[np.uint16],
        register_b: npt.NDArray[np.uint16],
    ) -> npt.NDArray[np.uint64]:
        """Return uint64[n]: what decides a pair's weight, its pattern and where it matters its pair of registers."""
        if self.own is None:
            return patterns
        places = self.own.places(register_a, register_b) + 1
        return np.asarray(patterns * np.uint64(len(self.own.pairs) + 1) + places.astype(np.uint64))

    def parted(self, keys: npt.NDArray[np.uint64]) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.int64] | None]:
        """Return patterns and places of `keys`, as `weight` takes them."""
        if self.own is None:
            return keys, None
        size = np.uint64(len(self.own.pairs) + 1)
        return keys // size, (keys % size).astype(np.int64) - 1

    @staticmethod
    def _summed(tables: Table, kind_bits: Table, levels: npt.NDArray[np.uint8]) -> Table:
        bits = np.repeat(kind_bits[:, None], len(levels), axis=1)
        for kind, table in enumerate(tables):
            for variable in range(levels.shape[1]):
                bits[kind] += table[variable, levels[:, variable]]
        top = bits.max(axis=0)
        return np.asarray(top + np.log2(np.exp2(bits - top).sum(axis=0)))

    def _prior_bits(self, name: str) -> float:
        rate = self.match_rate(name)
        return float(np.log2(rate) - np.log2(self.mix[name][-1]))

    def probability(
        self, name: str, patterns: npt.NDArray[np.uint64], places: npt.NDArray[np.int64] | None = None
    ) -> Table:
        """Return the match probability of patterns (uint64[n]) in a pass; arguments and errors as `weight`."""
        return self.probability_of(name, self.weight(name, patterns, places))

    def probability_of(self, name: str, weight: Table) -> Table:
        """Return the match probability of pairs of a pass with these weights."""
        bits = weight + self._prior_bits(name)
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
                "own": None if self.own is None else _own_json(self.own),
                "possible": {name: table.tolist() for name, table in self.possible.items()},
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
                _own_of(document["own"]),
                {name: np.array(table, dtype=np.float64) for name, table in document["possible"].items()},
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
        if self.own is not None:
            groups = len(self.own.pairs)
            if any(set(part) != set(self.plan.passes) for part in (self.own.kinds, self.possible)):
                raise PatternError("The model belongs to another comparison plan.")
            tables.append((self.own.m, (groups, len(MATCH_KINDS), *shape)))
            tables += [(shares, (groups, len(MATCH_KINDS))) for shares in self.own.kinds.values()]
            tables += [(table, shape) for table in self.possible.values()]
        for table, wanted in tables:
            if table.shape != wanted or not (np.isfinite(table) & (table > 0) & (table <= 1)).all():
                raise PatternError("A share of the model is missing, not finite, or not a share.")


def _own_json(own: RegisterPairs) -> dict[str, Any]:
    return {
        "pairs": [list(pair) for pair in own.pairs],
        "m": own.m.tolist(),
        "kinds": {name: shares.tolist() for name, shares in own.kinds.items()},
    }


def _own_of(document: dict[str, Any] | None) -> RegisterPairs | None:
    if document is None:
        return None
    return RegisterPairs(
        tuple((int(a), int(b)) for a, b in document["pairs"]),
        np.array(document["m"], dtype=np.float64),
        {name: np.array(shares, dtype=np.float64) for name, shares in document["kinds"].items()},
    )
