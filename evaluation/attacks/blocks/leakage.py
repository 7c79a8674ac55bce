"""Leakage: which share of the rows, and of the persons over all passes, an attack named correctly.

Intervals are Wilson's (1927) at 95 %. A blind guess is right once in as many as the attacker chose among.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from contract.agreement import PassTerms
from contract.audit_report import wilson
from evaluation.attacks.blocks.attacker import Attacker
from evaluation.attacks.blocks.fingerprint import BlockSearch, Claims, attack_rows, search_of
from pseudonymisation.encoding.profile import EncodedPass

#: Passes attacked side by side: kernels release the interpreter's lock; memory grows with them.
WORKERS: Final = 2
#: A claim with at least this posterior is confident.
CONFIDENT: Final = 0.9
#: Blocks by their rows as seen: lowest and highest.
BLOCK_SIZES: Final = ((1, 1), (2, 2), (3, 4), (5, 9), (10, 10**9))


@dataclass(frozen=True)
class Share:
    """Hits among a total, with the 95 % interval of the share."""

    hits: int
    total: int

    def as_dict(self) -> dict[str, float | int]:
        """Return hits, total, share and its interval."""
        return {"hits": self.hits, "total": self.total, "share": self.share, "low": self.low, "high": self.high}

    @property
    def share(self) -> float:
        """Hits by total; 0 of nothing."""
        return self.hits / self.total if self.total else 0.0

    @property
    def low(self) -> float:
        """Lower end of the interval."""
        return wilson(self.hits, self.total)[0]

    @property
    def high(self) -> float:
        """Upper end of the interval: what a gate compares with its bound."""
        return wilson(self.hits, self.total)[1]


@dataclass(frozen=True)
class PassLeakage:
    """What an attack on one pass achieved.

    Attributes:
        rows: `handle`, `person` (the truth), `named`, `posterior`, `block_rows` of the overlap rows attacked.
        baseline: Share that blind guesses would name.
    """

    rows: pl.DataFrame
    baseline: float

    @property
    def all(self) -> Share:
        """Of all overlap rows attacked."""
        return _share(self.rows)

    def of_blocks(self, least: int, most: int = 10**9) -> Share:
        """Of the rows in blocks of so many rows."""
        return _share(self.rows.filter(pl.col("block_rows").is_between(least, most)))

    def by_block_size(self) -> dict[str, Share]:
        """Return the shares by size of block: 1, 2, 3-4, 5-9, 10+."""
        names = [f"{low}" if low == high else f"{low}-{high}" if high < 100 else f"{low}+" for low, high in BLOCK_SIZES]
        return {name: self.of_blocks(*sizes) for name, sizes in zip(names, BLOCK_SIZES, strict=True)}

    @property
    def confident(self) -> Share:
        """Precision of the confident claims on overlap rows."""
        return _share(self.rows.filter(pl.col("posterior") >= CONFIDENT))

    def as_dict(self) -> dict[str, object]:
        """Return the figures without the rows."""
        return {
            "all": self.all.as_dict(),
            "confident": self.confident.as_dict(),
            "baseline": self.baseline,
            "by_block_size": {size: share.as_dict() for size, share in self.by_block_size().items()},
        }


def _share(rows: pl.DataFrame) -> Share:
    return Share(int(rows.get_column("named").sum()), rows.height)


def score_pass(claims: Claims, truth: pl.DataFrame) -> PassLeakage:
    """Score claims.

    Args:
        claims: Of one pass.
        truth: `handle` and `person` of the overlap rows, whose persons the attacker knows; others do not count.
    """
    rows = claims.table.rename({"person": "claimed"}).join(
        truth.select("handle", pl.col("person").cast(pl.Int64)), on="handle"
    )
    named = (pl.col("claimed") == pl.col("person")).fill_null(value=False)
    scored = rows.select("handle", "person", named.alias("named"), "posterior", "block_rows").sort("handle")
    return PassLeakage(scored, 1 / max(claims.candidates, 1))


@dataclass(frozen=True)
class Leakage:
    """Leakage of the passes and of their union.

    Attributes:
        passes: By name.
        union: Persons named in at least one pass among all persons attacked.
        union_confident: Persons named by a confident claim in at least one pass.
    """

    passes: dict[str, PassLeakage]
    union: Share
    union_confident: Share

    def as_dict(self) -> dict[str, object]:
        """Return the figures without the rows."""
        return {
            "union": self.union.as_dict(),
            "union_confident": self.union_confident.as_dict(),
            "passes": {name: leak.as_dict() for name, leak in self.passes.items()},
        }


def union_of(passes: Mapping[str, PassLeakage], persons: int) -> Leakage:
    """Unite passes that were attacked for the same persons; `persons` of them, also those that no pass holds."""
    rows = pl.concat([leak.rows for leak in passes.values()])
    named = rows.filter(pl.col("named"))
    sure = named.filter(pl.col("posterior") >= CONFIDENT)
    return Leakage(
        dict(passes),
        Share(named.get_column("person").n_unique(), persons),
        Share(sure.get_column("person").n_unique(), persons),
    )


def of_persons(found: Leakage, persons: npt.NDArray[np.int64]) -> Leakage:
    """Return what an attack achieved on some of the persons attacked."""
    whose = pl.col("person").is_in(persons)
    passes = {name: PassLeakage(leak.rows.filter(whose), leak.baseline) for name, leak in found.passes.items()}
    return union_of(passes, len(persons))


@dataclass(frozen=True)
class Sample:
    """Persons under attack, the same ones in all passes.

    Attributes:
        known: Persons whom the attacker knows, sorted.
        drawn: Those of them that are attacked, drawn at random, sorted.
    """

    known: npt.NDArray[np.int64]
    drawn: npt.NDArray[np.int64]


def draw_persons(everybody: npt.NDArray[np.int64], persons: int, seed: int, overlap: float = 1.0) -> Sample:
    """Draw whom the attacker knows and who of them is attacked."""
    rng = np.random.default_rng([seed, 0x0E1A])
    ordered = np.unique(everybody)
    known = np.sort(rng.permutation(ordered)[: max(1, round(overlap * len(ordered)))])
    return Sample(known, np.sort(rng.permutation(known)[:persons]))


def truth_of(made: EncodedPass, persons: npt.NDArray[np.int64]) -> pl.DataFrame:
    """Return `handle` and `person` of these persons' rows."""
    whose = made.handles.select("handle", pl.col("subject").cast(pl.Int64).alias("person"))
    return whose.filter(pl.Series(np.isin(whose.get_column("person").to_numpy(), persons)))


def attack_passes(
    encoded: Mapping[str, EncodedPass],
    attacker: Attacker,
    sample: Sample,
    *,
    seed: int,
) -> Leakage:
    """Attack all passes of a register for the same persons.

    Args:
        encoded: The register's passes, profile `blind_blocks`.
        attacker: Who attacks; persons are numbered as the register's subjects.
        sample: Who is attacked.
        seed: Of the attacks.
    """

    def attack(terms: PassTerms) -> PassLeakage:
        search = search_of(encoded[terms.name].table, attacker, terms, seed=seed)
        truth = judged(search, truth_of(encoded[terms.name], sample.drawn))
        return score_pass(attack_rows(search, rows_of(search, truth)), truth)

    passes = attacker.agreement.passes
    with ThreadPoolExecutor(WORKERS) as pool:
        scored = dict(zip([terms.name for terms in passes], pool.map(attack, passes), strict=True))
    return union_of(scored, len(sample.drawn))


def judged(search: BlockSearch, truth: pl.DataFrame) -> pl.DataFrame:
    """Return the truth of the persons whom the search could name at all (see `pairs.within_budget`)."""
    if search.covered is None:
        return truth
    return truth.filter(pl.Series(np.isin(truth.get_column("person").to_numpy(), search.covered)))


def rows_of(search: BlockSearch, truth: pl.DataFrame) -> npt.NDArray[np.int64]:
    """Return the rows of a search's table whose handles the truth has."""
    wanted = truth.get_column("handle").to_numpy()
    return np.flatnonzero(np.isin(search.observed.handles, wanted)).astype(np.int64)


def either(one: PassLeakage, other: PassLeakage) -> PassLeakage:
    """Return what two attackers name together: of a row the one that is right, else the surer one."""
    rows = pl.concat([one.rows, other.rows]).sort(
        "handle", "named", "posterior", descending=[False, True, True], maintain_order=True
    )
    return PassLeakage(rows.unique("handle", keep="first", maintain_order=True), one.baseline)
