"""What would follow if rows of different passes could be joined: the reason why handles are independent.

`joins` checks that nothing in the tables joins passes: no handle occurs twice, and the order of rows says nothing.
`linkable_handles` is the what-if: with rows joined over passes, blocks and rows are a graph that the attacker draws in
the clear as well, and colour refinement finds persons by structure alone, without a look at any encoding.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
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
    handles = [made.columns(HANDLE).column(HANDLE).to_numpy() for made in encoded.values()]
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
    rows = pl.DataFrame({"handle": pl.Series(made.columns(HANDLE).column(HANDLE).to_numpy(), dtype=pl.UInt64)})
    # of several rows of an identity any one, not the first: the least of many places is small in every pass
    chosen = rows.with_row_index("place").join(made.handles, on="handle").sort(pl.col("handle").hash(seed=0))
    one = chosen.unique(["subject", "identity"], keep="first", maintain_order=True)
    return one.select("subject", "identity", "place")


@njit(nogil=True, cache=True)
def _gather(colour: Any, rows: Any, blocks: Any, count: Any, number: Any, total: Any) -> None:
    """Add to each row's total what its block in one pass looks like.

    Args:
        colour: uint64[n], of the rows.
        rows: int32[e], row of each edge.
        blocks: int32[e], its block, numbered within the pass.
        count: Blocks.
        number: The pass, uint64.
        total: uint64[n], added to.
    """
    of_block = np.zeros(count, dtype=np.uint64)
    for e in range(len(rows)):
        of_block[blocks[e]] += mix(colour[rows[e]])
    of_pass = mix(number)
    for e in range(len(rows)):
        total[rows[e]] += mix(of_block[blocks[e]] ^ of_pass)


@njit(nogil=True, cache=True)
def _mixed(colour: Any, total: Any) -> Any:
    out = np.empty(len(colour), dtype=np.uint64)
    for at in range(len(colour)):
        out[at] = mix(colour[at] ^ mix(total[at]))
    return out


@dataclass(frozen=True)
class _Edges:
    """Rows and blocks of one pass: row (int32[e]) and block within the pass (int32[e]) of each edge."""

    rows: npt.NDArray[np.int32]
    blocks: npt.NDArray[np.int32]

    @classmethod
    def of(cls, rows: Ints, blocks: Ints) -> _Edges:
        return cls(rows.astype(np.int32), blocks.astype(np.int32))


@dataclass(frozen=True)
class _Graph:
    """Rows and blocks: `subject` int64[n] of rows (-1: a dummy), and the edges of each pass."""

    subject: Ints
    passes: Sequence[_Edges]

    def colours(self) -> list[Words]:
        """Return uint64[n], the colours of rows, at the start and after each round."""
        colours = [np.zeros(len(self.subject), dtype=np.uint64)]
        for _ in range(_ROUNDS):
            total = np.zeros(len(self.subject), dtype=np.uint64)
            for number, edges in enumerate(self.passes):
                count = int(edges.blocks.max(initial=-1)) + 1
                _gather(colours[-1], edges.rows, edges.blocks, count, np.uint64(number), total)
            colours.append(_mixed(colours[-1], total))
        return colours


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
    passes = []
    for terms in attacker.agreement.passes:
        placed = choose_levels(identities, terms, vintage_key, CrowdedKeys(), attacker.agreement.caps)
        passes.append(_Edges.of(placed.rows, placed.blocks))
    seen = _Graph(identities.get_column("subject").to_numpy().astype(np.int64), passes)
    return _named(seen, _clear_graph(attacker), sample)


def _named(seen: _Graph, clear: _Graph, sample: Sample) -> Share:
    seen_colours, clear_colours = seen.colours(), clear.colours()
    claimed = np.zeros(len(seen.subject), dtype=np.bool_)
    right = np.zeros(len(seen.subject), dtype=np.bool_)
    for step in range(_ROUNDS, -1, -1):
        colours, rows = _alone(seen_colours[step])
        theirs, clear_rows = _alone(clear_colours[step])
        _, here, there = np.intersect1d(colours, theirs, assume_unique=True, return_indices=True)
        row, person = rows[here], clear.subject[clear_rows[there]]
        fresh = ~claimed[row]
        right[row[fresh]] = person[fresh] == seen.subject[row[fresh]]
        claimed[row] = True
    return Share(len(np.intersect1d(seen.subject[right], sample.drawn)), len(sample.drawn))


def _alone(colours: Words) -> tuple[Words, Ints]:
    """Return the colours that one row alone has, and their rows."""
    distinct, first, count = np.unique(colours, return_index=True, return_counts=True)
    return distinct[count == 1], first[count == 1]


def _seen_graph(encoded: Mapping[str, EncodedPass]) -> _Graph:
    """Join the passes' rows by the identity behind them, as linkable handles would; dummies stay single rows."""
    most = max((int(made.handles.get_column("identity").max() or 0) for made in encoded.values()), default=0) + 1  # type: ignore[arg-type]

    def keys_of(made: EncodedPass) -> Ints:
        whose = made.handles.select(pl.col("subject").cast(pl.Int64) * most + pl.col("identity").cast(pl.Int64))
        return whose.to_series().to_numpy()

    known = np.empty(0, dtype=np.int64)
    for made in encoded.values():
        known = np.union1d(known, keys_of(made))
    passes, dummies = [], 0
    for made in encoded.values():
        table = made.columns(HANDLE, BLOCK)
        own = made.handles.get_column("handle").to_numpy()
        order = np.argsort(own, kind="stable")
        handle = table.column(HANDLE).to_numpy()
        at = order[np.minimum(np.searchsorted(own[order], handle), len(own) - 1)] if len(own) else order
        real = own[at] == handle if len(own) else np.zeros(len(handle), dtype=np.bool_)
        rows = np.empty(len(handle), dtype=np.int64)
        rows[real] = np.searchsorted(known, keys_of(made)[at[real]] if len(own) else known[:0])
        fictitious = int((~real).sum())
        rows[~real] = len(known) + dummies + np.arange(fictitious)
        dummies += fictitious
        passes.append(_Edges.of(rows, np.unique(table.column(BLOCK).to_numpy(), return_inverse=True)[1]))
    return _Graph(np.concatenate([known // most, np.full(dummies, -1, dtype=np.int64)]), passes)


def _clear_graph(attacker: Attacker) -> _Graph:
    """Draw the graph that the attacker expects: every key value refined that more persons than the cap have."""
    caps = attacker.agreement.caps
    passes = [_Edges.of(*_expected_blocks(attacker, terms, caps)) for terms in attacker.agreement.passes]
    return _Graph(attacker.known, passes)


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
