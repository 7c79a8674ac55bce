"""Whether handles of one subject have anything in common between passes: only who knows the truth can ask.

Linkable handles give 93 to 99 % of a register away, so nothing may join them: not a constant between the passes, not
their order. The gate's own checks (`connectors.structure`) see the rest.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from math import sqrt
from typing import Final

import numpy as np
import polars as pl

from connectors.structure import SIGMAS
from contract.audit_report import StructureFigure
from pseudonymisation.encoding.profile import EncodedPass

#: Subjects looked at for each pair of passes.
SAMPLE: Final = 20_000


def linkability_figures(passes: Mapping[str, EncodedPass]) -> tuple[StructureFigure, ...]:
    """Return for all pairs of passes the most common difference of a subject's handles, and the rank correlation."""
    firsts = {name: _one_row_a_subject(made.handles).head(SAMPLE) for name, made in sorted(passes.items())}
    repeated, strongest, limit = 0, 0.0, 1.0
    for one, other in combinations(firsts, 2):
        both = firsts[one].join(firsts[other], on="subject", suffix="_other").sort("subject")
        if both.height < 3:
            continue
        left, right = both.get_column("handle").to_numpy(), both.get_column("handle_other").to_numpy()
        for joined in (left ^ right, left - right):  # both modulo 2**64
            repeated = max(repeated, int(np.unique(joined, return_counts=True)[1].max()) - 1)
        correlation = float(abs(np.corrcoef(left.argsort().argsort(), right.argsort().argsort())[0, 1]))
        slack = min(SIGMAS / sqrt(both.height - 1), 1.0)
        if correlation / slack >= strongest / limit:
            strongest, limit = correlation, slack
    return (
        StructureFigure(check="equal differences of handles", where="pairs of passes", found=repeated, least=0, most=0),
        StructureFigure(
            check="rank correlation of handles",
            where="pairs of passes",
            found=round(strongest, 6),
            least=0,
            most=round(limit, 6),
        ),
    )


def _one_row_a_subject(handles: pl.DataFrame) -> pl.DataFrame:
    """Return (subject, handle) of each subject's first identity, sorted by subject.

    Among several rows of an identity the choice must not lean on the handle's size: the least of three handles is
    small in every pass, which would look like a common order.
    """
    mixed = handles.get_column("handle").to_numpy().astype(np.uint64)
    for odd in (np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)):  # the finaliser of splitmix64
        mixed = (mixed ^ (mixed >> np.uint64(29))) * odd
    chosen = handles.with_columns(pl.Series("mixed", mixed ^ (mixed >> np.uint64(32)), dtype=pl.UInt64))
    return chosen.sort("subject", "identity", "mixed").unique("subject", keep="first", maintain_order=True)
