"""What would follow if rows of different passes could be joined: the reason why handles are independent.

`joins` checks that nothing in the tables joins passes: no handle occurs twice, and the order of rows says nothing.
`linkable_handles` is the what-if: with rows joined over passes, blocks and rows are a graph that the attacker draws in
the clear as well, and colour refinement finds persons by structure alone, without a look at any encoding.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import polars as pl
from numba import njit
from scipy.stats import norm

from contract.agreement import CapTerms, PassTerms
from evaluation.attacks.blocks.attacker import Attacker
from evaluation.attacks.blocks.equality import Words, mix
from evaluation.attacks.blocks.keys import level_keys
from evaluation.attacks.blocks.knowledge import Ints
from evaluation.attacks.blocks.leakage import Sample, Share
from pseudonymisation.blocking.caps import CrowdedKeys, choose_levels
from pseudonymisation.encoding.columns import BLOCK, HANDLE
from pseudonymisation.encoding.profile import EncodedPass

_ROUNDS: Final = 4


@dataclass(frozen=True)
class HandleJoins:
    """Whether passes can be joined.

    Attributes:
        shared: Handles that occur in more than one pass.
        order: Largest rank correlation, in absolute value, between the places of the same identities in two passes.
        order_bound: What chance alone exceeds for no pair of passes at all with probability .999 (Bonferroni).
    """

    shared: int
    order: float
    order_bound: float

    @property
    def independent(self) -> bool:
        """Whether nothing joins passes."""
        return self.shared == 0 and self.order <= self.order_bound

    def as_dict(self) -> dict[str, object]:
        """Return plain values."""
        return {
            "shared": self.shared,
            "order": self.order,
            "order_bound": self.order_bound,
            "independent": self.independent,
        }


def joins(encoded: Mapping[str, EncodedPass]) -> HandleJoins:
    """Check that handles and order of rows are independent over passes."""
    handles = [made.table.column(HANDLE).to_numpy() for made in encoded.values()]
    together = np.concatenate(handles) if handles else np.empty(0, dtype=np.uint64)
    distinct = sum(len(np.unique(one)) for one in handles)
    places = [_places(made) for made in encoded.values()]
    worst, bound, pairs = 0.0, 0.0, max(1, len(places) * (len(places) - 1) // 2)
    for number, one in enumerate(places):
        for other in places[number + 1 :]:
            both = one.join(other, on=["subject", "identity"], suffix="_other")
            if both.height > 2:
                # ranks of a random order: the correlation is normal with variance 1 / (n - 1)
                found = both.select(pl.corr("place", "place_other", method="spearman")).item()
                limit = float(norm.isf(0.0005 / pairs)) / float(np.sqrt(both.height - 1))
                if abs(found) / limit > (worst / bound if bound else 0.0):
                    worst, bound = abs(found), limit
    return HandleJoins(distinct - len(np.unique(together)), worst, bound)


def _places(made: EncodedPass) -> pl.DataFrame:
    rows = pl.DataFrame({"handle": pl.Series(made.table.column(HANDLE).to_numpy(), dtype=pl.UInt64)})
    return rows.with_row_index("place").join(made.handles, on="handle").select("subject", "identity", "place")


@njit(nogil=True, cache=True)
def _refined(colour: Any, rows: Any, blocks: Any, passes: Any, count: Any, rounds: Any) -> Any:
    """Return uint64[rounds + 1, n]: colours of rows after each round.

    Args:
        colour: uint64[n], at the start.
        rows: int64[e], row of each edge.
        blocks: int64[e], its block, numbered over all passes.
        passes: uint64[e], its pass.
        count: Blocks.
        rounds: Rounds.
    """
    out = np.empty((rounds + 1, len(colour)), dtype=np.uint64)
    out[0] = colour
    for step in range(rounds):
        of_block = np.zeros(count, dtype=np.uint64)
        for e in range(len(rows)):
            of_block[blocks[e]] += mix(out[step, rows[e]])
        total = np.zeros(len(colour), dtype=np.uint64)
        for e in range(len(rows)):
            total[rows[e]] += mix(of_block[blocks[e]] ^ mix(passes[e]))
        for at in range(len(colour)):
            out[step + 1, at] = mix(out[step, at] ^ mix(total[at]))
    return out


@dataclass(frozen=True)
class _Graph:
    """Rows and blocks: `subject` int64[n] of rows (-1: a dummy), edges as of `_refined`."""

    subject: Ints
    rows: Ints
    blocks: Ints
    passes: Words
    count: int

    def colours(self) -> Words:
        start = np.zeros(len(self.subject), dtype=np.uint64)
        return _refined(start, self.rows, self.blocks, self.passes, self.count, _ROUNDS)  # type: ignore[no-any-return]


def linkable_handles(encoded: Mapping[str, EncodedPass], attacker: Attacker, sample: Sample) -> Share:
    """Return the share of the sampled persons whom colour refinement names if handles are joined over passes.

    A claim is made where a colour belongs to one person alone on either side; later rounds first.
    """
    return _named(_seen_graph(encoded), _clear_graph(attacker), sample)


def linkable_handles_uncapped(
    identities: pl.DataFrame, attacker: Attacker, vintage_key: bytes, sample: Sample
) -> Share:
    """Return what `linkable_handles` names where nothing is refined and there are no dummies: a control.

    Args:
        identities: With `subject`.
        attacker: Over the same persons, under an agreement without a cap.
        vintage_key: Any.
        sample: Persons that count.
    """
    rows, blocks, passes, count = [], [], [], 0
    for number, terms in enumerate(attacker.agreement.passes):
        placed = choose_levels(identities, terms, vintage_key, CrowdedKeys(), attacker.agreement.caps)
        rows.append(placed.rows)
        blocks.append(placed.blocks + count)
        passes.append(np.full(len(placed.rows), number, dtype=np.uint64))
        count += len(placed.tokens)
    subject = identities.get_column("subject").to_numpy().astype(np.int64)
    seen = _Graph(subject, np.concatenate(rows), np.concatenate(blocks), np.concatenate(passes), count)
    return _named(seen, _clear_graph(attacker), sample)


def _named(seen: _Graph, clear: _Graph, sample: Sample) -> Share:
    seen_colours, clear_colours = seen.colours(), clear.colours()
    named: dict[int, int] = {}
    for step in range(_ROUNDS, -1, -1):
        ours = _alone(clear_colours[step])
        for colour, row in _alone(seen_colours[step]).items():
            if colour in ours and row not in named:
                named[row] = int(clear.subject[ours[colour]])
    right = {int(seen.subject[row]) for row, person in named.items() if person == seen.subject[row]}
    return Share(len(right.intersection(sample.drawn.tolist())), len(sample.drawn))


def _alone(colours: Words) -> dict[int, int]:
    """Return the row of each colour that one row alone has."""
    distinct, first, count = np.unique(colours, return_index=True, return_counts=True)
    return dict(zip(distinct[count == 1].tolist(), first[count == 1].tolist(), strict=True))


def _seen_graph(encoded: Mapping[str, EncodedPass]) -> _Graph:
    """Join the passes' rows by the identity behind them, as linkable handles would; dummies stay single rows."""
    parts, dummies, blocks = [], 0, 0
    for number, made in enumerate(encoded.values()):
        block, of_row = np.unique(made.table.column(BLOCK).to_numpy(), return_inverse=True)
        rows = pl.DataFrame(
            {
                "handle": pl.Series(made.table.column(HANDLE).to_numpy(), dtype=pl.UInt64),
                "block": of_row.astype(np.int64) + blocks,
            }
        ).join(made.handles.select("handle", "subject", "identity"), on="handle", how="left", maintain_order="left")
        fictitious = rows.get_column("subject").is_null()
        mark = pl.Series(dummies + np.cumsum(fictitious.to_numpy()) - 1)
        dummies += int(fictitious.sum())
        parts.append(
            rows.select(
                pl.col("subject").cast(pl.Int64).fill_null(-1),
                pl.when(fictitious).then(mark).otherwise(pl.col("identity").cast(pl.Int64)).alias("identity"),
                "block",
                pl.lit(number, dtype=pl.UInt64).alias("pass"),
            )
        )
        blocks += len(block)
    edges = pl.concat(parts)
    nodes = edges.select("subject", "identity").unique().sort("subject", "identity").with_row_index("node")
    edges = edges.join(nodes, on=["subject", "identity"], how="left", maintain_order="left")
    return _Graph(
        subject=nodes.get_column("subject").to_numpy(),
        rows=edges.get_column("node").cast(pl.Int64).to_numpy(),
        blocks=edges.get_column("block").to_numpy(),
        passes=edges.get_column("pass").to_numpy(),
        count=blocks,
    )


def _clear_graph(attacker: Attacker) -> _Graph:
    """Draw the graph that the attacker expects: every key value refined that more persons than the cap have."""
    rows, blocks, passes, count = [], [], [], 0
    for number, terms in enumerate(attacker.agreement.passes):
        row, block = _expected_blocks(attacker, terms, attacker.agreement.caps)
        rows.append(row)
        blocks.append(block + count)
        passes.append(np.full(len(row), number, dtype=np.uint64))
        count += int(block.max(initial=-1)) + 1
    return _Graph(attacker.known, np.concatenate(rows), np.concatenate(blocks), np.concatenate(passes), count)


def _expected_blocks(attacker: Attacker, terms: PassTerms, caps: CapTerms) -> tuple[Ints, Ints]:
    variants, person = attacker.keys.of(terms), attacker.known
    active = np.flatnonzero(person[variants.row] >= 0)
    everybody, number = np.unique(person, return_inverse=True)
    rows, blocks, made = [np.empty(0, dtype=np.int64)], [np.empty(0, dtype=np.int64)], 0
    for level in terms.levels:
        keyed, key, share = level_keys(variants, active, level)
        if len(keyed) == 0:
            continue
        row = variants.row[keyed]
        pairs = np.unique(key * len(everybody) + number[row])
        persons = np.bincount(pairs // len(everybody), minlength=len(share))
        heavy = (persons > caps.persons_per_key) | (share * len(everybody) > caps.persons_per_key)
        placed = np.unique(key[~heavy[key]] * len(person) + row[~heavy[key]])
        rows.append(placed % len(person))
        blocks.append(placed // len(person) + made)
        made += len(share)
        active = keyed[heavy[key]]
    return np.concatenate(rows), np.concatenate(blocks)
