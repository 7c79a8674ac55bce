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


def draw_detached(labels: npt.NDArray[Any], missed: Sequence[MissedLinks], *, draws: int, seed: int) -> pa.Table:
    """Draw partitions that hold the point estimate but for some subjects, which stand alone.

    How many is a Poisson number about the estimate, which errs by its spread, in the same direction for all groups of
    a register, and once upwards where it erred downwards before, so that the draws' mean is the estimate's. Those that
    the fewest passes found are taken first, at random. Of two subjects that have nobody else either one parts them
    and both registers count the link: each is taken half as often.

    Args:
        labels: Integer[n], the person of each subject, at least 0.
        missed: Of `linkage.missed.estimate_missed`.
        draws: How many.
        seed: Same seed and same input, same draws; draw d does not depend on how many there are.

    Returns:
        `linkage.draws.DRAWS_SCHEMA`, sorted: of each detached subject s the person n + s.

    Raises:
        EvidenceError: A number of links is not finite or negative, or there is no such subject.
    """
    person, subjects = np.asarray(labels, dtype=np.int64), len(labels)
    if draws < 0 or any(not (np.isfinite(m.expected) and m.expected >= 0 and 0 <= m.spread < np.inf) for m in missed):
        raise EvidenceError("Numbers of missed links and of draws are not negative.")
    if any(len(m.found) and not 0 <= m.found.min() <= m.found.max() < subjects for m in missed):
        raise EvidenceError("A subject that was found is not among the subjects.")
    of_two = np.bincount(person)[person] == 2
    tables = [DRAWS_SCHEMA.empty_table()]
    for draw in range(draws):
        taken = [np.empty(0, dtype=np.int64)]
        for number in sorted({links.register for links in missed}):
            error = np.random.Generator(np.random.PCG64([seed, draw // 2, number])).standard_normal()
            error = -error if draw % 2 else error
            random = np.random.Generator(np.random.PCG64([seed, draw, number, 1]))
            own = sorted((links for links in missed if links.register == number), key=lambda links: links.group)
            taken += [_taken(links, error, of_two, random) for links in own]
        lost = np.unique(np.concatenate(taken))
        columns = [np.full(len(lost), draw, dtype=np.int32), lost, subjects + lost]
        tables.append(pa.table([pa.array(column) for column in columns], schema=DRAWS_SCHEMA))
    return pa.concat_tables(tables).combine_chunks()


def _taken(
    links: MissedLinks, error: float, of_two: npt.NDArray[np.bool_], random: np.random.Generator
) -> npt.NDArray[np.int64]:
    wanted = int(random.poisson(links.expected * np.exp(links.spread * error - links.spread**2 / 2)))
    order = np.lexsort((random.random(len(links.found)), links.passes))[:wanted]
    first = links.found[order]
    return np.asarray(first[~of_two[first] | (random.random(len(first)) < 0.5)])
