"""Frequencies of block tokens and of field tokens against frequencies in the clear (attack A7).

The attacker sorts blocks by size and key values by count, and aligns the ranks. Field tokens are keyed by the block, so
that their frequencies over a whole table must say nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy.stats import spearmanr

from evaluation.attacks.blocks.attacker import Attacker
from evaluation.attacks.blocks.fingerprint import BlockSearch
from evaluation.attacks.blocks.keys import level_keys
from evaluation.attacks.blocks.knowledge import Ints
from evaluation.attacks.blocks.leakage import Share

#: Blocks that rank alignment looks at: beyond the largest ones sizes tie.
LARGEST: Final = 200
#: Rows over which size of block and count of key value are correlated.
SAMPLE: Final = 5000


@dataclass(frozen=True)
class BlockFrequency:
    """What the sizes of a pass's blocks tell.

    Attributes:
        sizes: Number of rows of a block, to the number of such blocks.
        unique_sizes: Blocks whose size no other block has.
        aligned: Of the largest blocks, those whose key value rank alignment found: the person of one of their rows
            has the key value of the same rank.
        combinations: Key components of every level of every pass, to the Kolmogorov-Smirnov distance between the sizes
            of the blocks and the counts of that combination's values: the smallest is what the attacker takes the key
            for.
        correlation: Spearman correlation between a block's size and the count in the clear of its true key value,
            0 where either never varies.
        repeated_tokens: Largest share, over the token columns, of the tokens that stand in more than one block; chance
            repeats about n / 2**32 of n tokens.
    """

    sizes: dict[int, int]
    unique_sizes: int
    aligned: Share
    combinations: dict[str, float]
    correlation: float
    repeated_tokens: float

    def as_dict(self) -> dict[str, object]:
        """Return plain values."""
        return {
            "sizes": {str(size): blocks for size, blocks in self.sizes.items()},
            "unique_sizes": self.unique_sizes,
            "aligned": self.aligned.as_dict(),
            "combinations": self.combinations,
            "correlation": self.correlation,
            "repeated_tokens": self.repeated_tokens,
        }


def block_frequency(search: BlockSearch, truth: pl.DataFrame, combinations: Mapping[str, Ints]) -> BlockFrequency:
    """Attack the frequencies of a pass.

    Args:
        search: Of the pass.
        truth: `handle` and `person` of real rows; the more, the more of the largest blocks can be judged.
        combinations: See `combinations_of`.
    """
    observed, groups = search.observed, search.groups
    sizes = observed.sizes
    distinct, blocks = np.unique(sizes, return_counts=True)
    expected = np.asarray(np.exp(groups.prior) * groups.sizes, dtype=np.float64)
    largest = np.argsort(-sizes, kind="stable")[:LARGEST]
    ranked = np.argsort(-expected, kind="stable")[: len(largest)]
    rows = _rows_with_person(search, truth, largest)
    held = {(int(person), int(group)) for person, group in _memberships(search, ranked)}
    hits = 0
    for block, group in zip(largest.tolist(), ranked.tolist(), strict=False):
        hits += any((rows[row], group) in held for row in observed.rows_of(block).tolist() if row in rows)
    return BlockFrequency(
        sizes=dict(zip(distinct.tolist(), blocks.tolist(), strict=True)),
        unique_sizes=int((blocks == 1).sum()),
        aligned=Share(hits, min(len(largest), len(ranked))),
        combinations={name: _distance(sizes, counts) for name, counts in combinations.items()},
        correlation=_correlation(search, rows, expected),
        repeated_tokens=_repeated(search),
    )


def combinations_of(attacker: Attacker) -> dict[str, Ints]:
    """Return the persons' rows of each value of each key combination that some level of some pass has."""
    out = {}
    for terms in attacker.agreement.passes:
        variants = attacker.keys.of(terms)
        known = np.flatnonzero(attacker.known[variants.row] >= 0)
        for level in terms.levels:
            if "+".join(level) not in out:
                out["+".join(level)] = np.bincount(level_keys(variants, known, level)[1]).astype(np.int64)
    return dict(sorted(out.items()))


def _rows_with_person(search: BlockSearch, truth: pl.DataFrame, blocks: Ints) -> dict[int, int]:
    """Return the person of the rows of some blocks, and of as many rows as suffice for a correlation."""
    observed = search.observed
    order = np.argsort(observed.handles, kind="stable")
    ordered = truth.sort("handle")  # handles are random: the first ones are a random sample
    rows = order[np.searchsorted(observed.handles[order], ordered.get_column("handle").to_numpy())]
    chosen = np.isin(observed.block[rows], blocks) | (np.arange(len(rows)) < SAMPLE)
    return dict(zip(rows[chosen].tolist(), ordered.filter(pl.Series(chosen)).get_column("person"), strict=True))


def _memberships(search: BlockSearch, of_groups: Ints) -> Iterator[tuple[int, int]]:
    groups, known = search.groups, search.attacker.known
    for group in of_groups.tolist():
        for person in known[groups.members[groups.offsets[group] : groups.offsets[group + 1]]].tolist():
            yield person, group


def _distance(sizes: Ints, counts: Ints) -> float:
    """Return the Kolmogorov-Smirnov distance of two samples of whole numbers; 1 where one is empty."""
    if len(sizes) == 0 or len(counts) == 0:
        return 1.0
    top = int(max(sizes.max(), counts.max())) + 1
    one, other = (np.cumsum(np.bincount(part, minlength=top)) / len(part) for part in (sizes, counts))
    return float(np.abs(one - other).max())


def _correlation(search: BlockSearch, rows: Mapping[int, int], expected: npt.NDArray[np.float64]) -> float:
    observed, groups = search.observed, search.groups
    persons = search.attacker.known[groups.members]
    wanted = np.flatnonzero(np.isin(persons, np.array(sorted(set(rows.values())), dtype=np.int64)))
    most: dict[int, float] = {}
    for person, group in zip(persons[wanted].tolist(), search.group_of[wanted].tolist(), strict=True):
        most[person] = max(most.get(person, 0.0), float(expected[group]))
    pairs = [(int(observed.sizes[observed.block[row]]), most[who]) for row, who in rows.items() if who in most]
    if len({seen for seen, _ in pairs}) < 2 or len({clear for _, clear in pairs}) < 2:
        return 0.0
    return float(spearmanr([seen for seen, _ in pairs], [clear for _, clear in pairs]).statistic)


def _repeated(search: BlockSearch) -> float:
    observed, worst = search.observed, 0.0
    for at in range(observed.tokens.shape[1]):
        present = observed.tokens[:, at] >= 0
        pairs = np.unique((observed.tokens[present, at] << 31) | observed.block[present])
        if len(pairs):
            _, blocks = np.unique(pairs >> 31, return_counts=True)
            worst = max(worst, float((blocks > 1).mean()))
    return worst
