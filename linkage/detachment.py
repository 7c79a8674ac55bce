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
from scipy.special import ndtri

from linkage.draws import DRAWS_SCHEMA
from linkage.errors import EvidenceError
from linkage.missed import MissedLinks


def draw_detached(labels: npt.NDArray[Any], missed: Sequence[MissedLinks], *, draws: int, seed: int) -> pa.Table:
    """Draw partitions that hold the point estimate but for some subjects, which stand alone.

    How many is a Poisson number about the estimate, which errs by its spread, in the same direction for all groups of
    a register. The errors of the draws are the quantiles of a normal distribution in an order of each register's own,
    scaled so that over all draws the mean is the estimate. Those that the fewest passes found are taken first, at
    random, at most all. Two subjects that have nobody else are parted by either of them, and both registers count
    their link: in a draw one coin says which of the two may be taken.

    Args:
        labels: Integer[n], the person of each subject, at least 0.
        missed: Of `linkage.missed.estimate_missed`.
        draws: How many.
        seed: Same seed, same number of draws and same input, same draws.

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
    size = np.bincount(person, minlength=1)
    first = np.full(len(size), subjects, dtype=np.int64)
    np.minimum.at(first, person, np.arange(subjects))
    quantiles = ndtri((np.arange(draws) + 0.5) / max(draws, 1))
    by_register = [[m for m in missed if m.register == number] for number in sorted({m.register for m in missed})]
    errors = [_generator(seed, own[0].register).permutation(quantiles) for own in by_register]
    tables = [DRAWS_SCHEMA.empty_table()]
    for draw in range(draws):
        coin = _generator(seed, draw, 0).random(len(size)) < 0.5
        free = (size[person] != 2) | (coin[person] == (first[person] == np.arange(subjects)))
        taken = [np.empty(0, dtype=np.int64)]
        for own, error in zip(by_register, errors, strict=True):
            random = _generator(seed, draw, own[0].register, 1)
            for links in sorted(own, key=lambda links: links.group):
                scale = np.exp(links.spread * error[draw]) / np.exp(links.spread * quantiles).mean()
                taken.append(_taken(links, int(random.poisson(links.expected * scale)), random))
        lost = np.unique(np.concatenate(taken))
        lost = lost[free[lost]]
        columns = [np.full(len(lost), draw, dtype=np.int32), lost, subjects + lost]
        tables.append(pa.table([pa.array(column) for column in columns], schema=DRAWS_SCHEMA))
    return pa.concat_tables(tables).combine_chunks()


def _generator(*key: int) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(key))


def _taken(links: MissedLinks, wanted: int, random: np.random.Generator) -> npt.NDArray[np.int64]:
    """Return so many subjects, those of fewest passes first, at random."""
    reached = int(np.searchsorted(np.cumsum(np.bincount(links.passes)), wanted))  # so many passes are enough
    pool = np.flatnonzero(links.passes <= reached)
    order = np.lexsort((random.random(len(pool)), links.passes[pool]))
    return np.asarray(links.found[pool[order[:wanted]]])
