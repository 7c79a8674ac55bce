"""Groups of records by which withheld rows are broken down: who pays for the caps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from contract.nationality_groups import NATIONALITY_GROUPS, OTHER_GROUP
from pseudonymisation.normalisation.frequency import name_frequency_class

FREQUENCY_NAMES: Final = ("very common", "common", "known", "rare")
UNKNOWN: Final = "unknown"


def record_groups(identities: pl.DataFrame) -> dict[str, pl.Series]:
    """Return each row's group by nationality and by how common its family name is in the public table."""
    unknown = pl.Series([UNKNOWN], dtype=pl.String).new_from_index(0, identities.height)
    groups = {"nationality": unknown, "family_name": unknown}
    if "nationality" in identities.columns:
        codes = identities.get_column("nationality")
        made = codes.replace_strict(NATIONALITY_GROUPS, default=OTHER_GROUP, return_dtype=pl.String)
        groups["nationality"] = pl.select(pl.when(codes.is_null()).then(pl.lit(UNKNOWN)).otherwise(made)).to_series()
    if "family" in identities.columns:
        classes = name_frequency_class(identities.get_column("family"), "family")
        names = dict(enumerate(FREQUENCY_NAMES))
        groups["family_name"] = classes.replace_strict(names, default=UNKNOWN, return_dtype=pl.String)
    return groups


def group_shares(
    flags: npt.NDArray[np.bool_], groups: pl.Series | Sequence[str]
) -> Mapping[str, Mapping[str, int | float]]:
    """Return for each group, sorted, its `rows` and the `share` of them that are flagged."""
    table = pl.DataFrame({"group": groups, "flag": flags}).group_by("group").agg(pl.len(), pl.col("flag").mean())
    return {str(group): {"rows": int(rows), "share": float(share)} for group, rows, share in table.sort("group").rows()}
