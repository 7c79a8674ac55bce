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
    firsts = {
        name: made.handles.group_by("subject").agg(pl.col("handle").min()).sort("subject").head(SAMPLE)
        for name, made in sorted(passes.items())
    }
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
