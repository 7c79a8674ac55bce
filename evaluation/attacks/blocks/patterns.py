"""What missing cells and membership tell by themselves: how many persons a pattern pins down.

Upper bounds: the attacker is taken to know every person's pattern exactly. A pattern that one person alone has names
them; of a pattern that k persons share a guess is right once in k.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from evaluation.attacks.blocks.leakage import Share
from pseudonymisation.encoding.columns import BLOCK, HANDLE


@dataclass(frozen=True)
class PatternLeakage:
    """What patterns alone pin down.

    Attributes:
        alone: Rows (or persons) with a pattern that nobody else has.
        guessed: Share that the best guesses by pattern alone name: patterns by rows.
        patterns: Different patterns.
        smallest_common: Fewest rows of any pattern.
    """

    alone: Share
    guessed: float
    patterns: int
    smallest_common: int

    def as_dict(self) -> dict[str, object]:
        """Return plain values."""
        return {
            "alone": self.alone.as_dict(),
            "guessed": self.guessed,
            "patterns": self.patterns,
            "smallest_common": self.smallest_common,
        }


def of_patterns(patterns: npt.NDArray[np.int64]) -> PatternLeakage:
    """Judge patterns, int64[n]: the number of each row's or person's pattern."""
    if len(patterns) == 0:
        return PatternLeakage(Share(0, 0), 0.0, 0, 0)
    _, counts = np.unique(patterns, return_counts=True)
    return PatternLeakage(
        Share(int((counts == 1).sum()), len(patterns)), len(counts) / len(patterns), len(counts), int(counts.min())
    )


def _missing_codes(table: pa.Table) -> npt.NDArray[np.int64]:
    """Return int64[n], equal where the same cells of a row are missing."""
    names = [name for name in table.column_names if name not in {HANDLE, BLOCK}]
    code = np.zeros(table.num_rows, dtype=np.int64)
    for name in names:
        missing = table.column(name).combine_chunks().is_null().to_numpy(zero_copy_only=False)
        code = np.unique(code * 2 + missing, return_inverse=True)[1].astype(np.int64)
    return code


def missing_values(table: pa.Table) -> PatternLeakage:
    """Judge the missing cells of a pass table's rows, dummies among them."""
    return of_patterns(_missing_codes(table))


def membership(tables: Mapping[str, pa.Table], persons: Mapping[str, pl.DataFrame]) -> PatternLeakage:
    """Judge what a match cluster shows of a person in one pass: which registers hold them, and what each lacks.

    Args:
        tables: The pass's table of each register.
        persons: `handle` and `person` of each register's real rows: clusters are taken to be found without error.
    """
    parts = []
    for number, name in enumerate(sorted(tables)):
        table = tables[name]
        handles = pl.Series("handle", table.column(HANDLE).to_numpy())
        code = pl.Series("code", _missing_codes(table))
        parts.append(
            pl.DataFrame([handles, code])
            .join(persons[name].select("handle", "person"), on="handle")
            .select("person", pl.lit(number).alias("register"), "code")
        )
    if not parts:
        return of_patterns(np.empty(0, dtype=np.int64))
    signature = (
        pl.concat(parts)
        .sort("person", "register", "code")
        .with_columns(pl.format("{}/{}", "register", "code").alias("part"))
        .group_by("person")
        .agg(pl.col("part").str.join(" "))
        .get_column("part")
    )
    return of_patterns(signature.rank("dense").cast(pl.Int64).to_numpy() if len(signature) else np.empty(0, np.int64))
