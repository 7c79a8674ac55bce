"""Public name frequencies: how common a name is, whoever's register it stands in.

The table holds shares of skeleton tokens from public sources (data/SOURCE.md), never from a register. Classes are used
at the institution alone, to say which names withheld rows have (`pseudonymisation.blocking.groups`). No encoding holds
them: the linkage unit saw them once, and an attacker gained much by it (docs/adr/0007).
"""

from __future__ import annotations

from typing import Final, Literal

import polars as pl

from pseudonymisation.normalisation.names import map_distinct
from pseudonymisation.normalisation.skeleton import skeleton_token
from pseudonymisation.normalisation.tables import skeleton_shares

NameKind = Literal["given", "family"]
#: Least share of class 0 (very common), 1 (common) and 2 (known); below or unknown: class 3 (rare).
CLASS_BOUNDS: Final[dict[str, tuple[float, float, float]]] = {
    "given": (0.01, 0.002, 0.0004),
    "family": (0.003, 0.0008, 0.0002),
}


def main_token(name: str, kind: NameKind) -> str:
    """Return the token that a name is weighed by: the first given name, the last family name."""
    tokens = name.split(" ")
    return tokens[0] if kind == "given" else tokens[-1]


def name_frequency_class(column: pl.Series, kind: NameKind) -> pl.Series:
    """Return the public frequency class (UInt8) of normalised names: 0 very common to 3 rare, null for null.

    Args:
        column: Normalised names (`given` or `family` of `normalise`).
        kind: Which table: given or family names.
    """
    shares = skeleton_shares(kind)
    bounds = CLASS_BOUNDS[kind]

    def class_of(name: str) -> str:
        share = shares.get(skeleton_token(main_token(name, kind)), 0.0)
        return str(sum(share < bound for bound in bounds))

    return map_distinct(column, class_of).cast(pl.UInt8)


def public_heavy_skeletons(kind: NameKind, minimum_share: float = 0.002) -> frozenset[str]:
    """Return the skeleton tokens whose public share is at least `minimum_share`.

    To look at the table. What passes refine by it follows from `pseudonymisation.blocking.public_table`.
    """
    return frozenset(token for token, share in skeleton_shares(kind).items() if share >= minimum_share)
