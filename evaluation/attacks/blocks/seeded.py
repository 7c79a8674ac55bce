"""Known pairs: what an attacker who knows the person behind some rows learns of their block-mates.

A known row gives away its block's key value, and with it the few persons among whom the block's other rows must be.
Nothing crosses blocks: keys differ. Further rows of a known person count neither as rows nor as named: they are no
news.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import polars as pl

from evaluation.attacks.blocks.fingerprint import BlockSearch
from evaluation.attacks.blocks.leakage import Share


def attack_from_known_rows(search: BlockSearch, truth: pl.DataFrame, known: int, seed: int) -> Share:
    """Return the share of other persons' rows that known (handle, person) pairs name: block-mates alone.

    Args:
        search: Of the pass.
        truth: `handle` and `person` of the table's real rows whose persons the attacker knows in the clear.
        known: Pairs known, drawn at random; at most half of the rows.
        seed: Of the draw.
    """
    ordered = truth.sort("handle")
    rng = np.random.default_rng([seed, 0x5EED, known])
    pairs = ordered[np.sort(rng.permutation(ordered.height)[: min(known, ordered.height // 2)])]
    observed = search.observed
    by_handle = np.argsort(observed.handles, kind="stable")

    def rows_of(handles: pl.Series) -> npt.NDArray[np.int64]:
        return by_handle[np.searchsorted(observed.handles[by_handle], handles.to_numpy())]

    given = dict(zip(rows_of(pairs.get_column("handle")).tolist(), pairs.get_column("person").to_list(), strict=True))
    blocks = np.unique(observed.block[list(given)]) if given else np.empty(0, dtype=np.int64)
    blocks = blocks[observed.sizes[blocks] > 1]
    rows, person = rows_of(ordered.get_column("handle")), ordered.get_column("person").to_numpy()
    near = np.isin(observed.block[rows], blocks)  # all others stay unnamed
    of_row = dict(zip(rows[near].tolist(), person[near].tolist(), strict=True))
    familiar = set(given.values())
    hits = 0
    if len(search.groups.members):
        for block in blocks.tolist():
            of_block = observed.rows_of(block)
            inside = {row: given[row] for row in of_block.tolist() if row in given}
            found = search.name_block(of_block, inside)
            hits += sum(of_row.get(row) == who and who not in familiar for row, (who, _) in found.items())
    others = ~ordered.get_column("person").is_in(pairs.get_column("person").implode())
    return Share(hits, int(others.sum()))
