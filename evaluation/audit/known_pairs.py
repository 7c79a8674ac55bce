"""Known pairs against blocks: whoever knows a row's person knows the block's key value, and so its mates.

Nothing crosses a block: keys are the block's own. So the most that known pairs can name are the other persons' rows in
the blocks of known rows, and all of them are counted as named. This is an upper limit, not one attack's success.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
import polars as pl

from contract.audit_report import Hits, KnownPairs
from pseudonymisation.encoding.profile import EncodedPass

_NONE: Final = Hits(hits=0, total=0)


def block_mates(passes: Mapping[str, EncodedPass], pairs: int, seed: int) -> KnownPairs:
    """Return what known pairs name at most, in the worst pass.

    Args:
        passes: The pass tables with their truth.
        pairs: Subjects all of whose rows the attacker knows, drawn at random; half of them at most.
        seed: Of the draw.
    """
    subjects = pl.concat(made.handles.get_column("subject").cast(pl.Int64) for made in passes.values()).unique().sort()
    known = min(pairs, len(subjects) // 2)
    drawn = subjects[np.sort(np.random.default_rng([seed, 0x9A1B]).permutation(len(subjects))[:known])]
    found = [_mates(made, drawn) for _, made in sorted(passes.items())]
    return KnownPairs(pairs=known, named=max(found, key=lambda one: one.share, default=_NONE))


def _mates(made: EncodedPass, known: pl.Series) -> Hits:
    rows = pl.DataFrame(made.table.select(["handle", "block"])).join(made.handles, on="handle")
    is_known = pl.col("subject").cast(pl.Int64).is_in(known.implode())
    blocks = rows.filter(is_known).get_column("block").unique()
    others = rows.filter(~is_known)
    return Hits(hits=others.filter(pl.col("block").is_in(blocks.implode())).height, total=others.height)
