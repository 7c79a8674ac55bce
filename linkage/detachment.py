"""What missed links change: draws in which subjects that were all but lost are lost.

Whom a subject belongs to that no pass found, nobody knows; to give it to somebody of its kind mostly gives it to the
wrong person, who left the country when it began to work. But a subject that was found by a single pass might as well
have been lost, and whom it belongs to is known. So a draw takes as many of those as are estimated to be lost, and lets
each stand alone: by what a figure changes then, it has changed already by the links that are lost, to first order.
(The thought of the jackknife, which learns from what is left out on purpose: Burnham and Overton 1978.)

Figures are corrected by the mean change over the draws, with its sign turned (`trajectories.correction`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from linkage.draws import DRAWS_SCHEMA
from linkage.errors import EvidenceError
from linkage.missed import MissedLinks


def draw_detached(subjects: int, missed: Sequence[MissedLinks], *, draws: int, seed: int) -> pa.Table:
    """Draw partitions that hold the point estimate but for some subjects, which stand alone.

    How many is a Poisson number about the estimate, which errs by its spread, in the same direction for all groups of
    a register. Those found once are taken first, at random; where they are too few, those found twice.

    Args:
        subjects: How many there are.
        missed: Of `linkage.missed.estimate_missed`.
        draws: How many.
        seed: Same seed and same input, same draws; draw d does not depend on how many there are.

    Returns:
        `linkage.draws.DRAWS_SCHEMA`, sorted: of each detached subject s the person n + s.

    Raises:
        EvidenceError: A number of links is not finite or negative, or there is no such subject.
    """
    if draws < 0 or any(not (np.isfinite(m.expected) and m.expected >= 0 and 0 <= m.spread < np.inf) for m in missed):
        raise EvidenceError("Numbers of missed links and of draws are not negative.")
    pools = [np.concatenate([links.once, links.twice]) for links in missed]
    if any(len(pool) and not 0 <= pool.min() <= pool.max() < subjects for pool in pools):
        raise EvidenceError("A subject that was found is not among the subjects.")
    tables = [DRAWS_SCHEMA.empty_table()]
    for draw in range(draws):
        taken = [np.empty(0, dtype=np.int64)]
        for number in sorted({links.register for links in missed}):
            random = np.random.Generator(np.random.PCG64([seed, draw, number]))
            error = random.standard_normal()
            own = sorted((links for links in missed if links.register == number), key=lambda links: links.group)
            taken += [_taken(links, error, random) for links in own]
        lost = np.unique(np.concatenate(taken))
        columns = [np.full(len(lost), draw, dtype=np.int32), lost, subjects + lost]
        tables.append(pa.table([pa.array(column) for column in columns], schema=DRAWS_SCHEMA))
    return pa.concat_tables(tables).combine_chunks()


def _taken(links: MissedLinks, error: float, random: np.random.Generator) -> npt.NDArray[Any]:
    wanted = int(random.poisson(links.expected * np.exp(links.spread * error)))
    return np.concatenate([random.permutation(links.once), random.permutation(links.twice)])[:wanted]
