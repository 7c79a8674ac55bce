"""Groups of records by which a report breaks withheld rows down: who pays for the caps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from contract.nationality_groups import NATIONALITY_GROUPS, OTHER_GROUP
from pseudonymisation.normalisation.frequency import name_frequency_class

FREQUENCY_NAMES: Final = ("very common", "common", "known", "rare")
UNKNOWN: Final = "unknown"


def nationality_groups(identities: pl.DataFrame) -> list[str]:
    """Return the nationality group of each row."""
    if "nationality" not in identities.columns:
        return [UNKNOWN] * identities.height
    codes = identities.get_column("nationality").to_list()
    return [NATIONALITY_GROUPS.get(code, OTHER_GROUP) if code else UNKNOWN for code in codes]


def frequency_groups(identities: pl.DataFrame) -> list[str]:
    """Return how common each row's family name is by the public table."""
    if "family" not in identities.columns:
        return [UNKNOWN] * identities.height
    classes = name_frequency_class(identities.get_column("family"), "family").to_list()
    return [FREQUENCY_NAMES[one] if one is not None else UNKNOWN for one in classes]


def shares(flags: npt.NDArray[np.bool_], groups: Sequence[str]) -> dict[str, dict[str, float]]:
    """Return for each group its rows and the share of them that are flagged, sorted by name."""
    table = pl.DataFrame({"group": groups, "flag": flags}).group_by("group").agg(pl.len(), pl.col("flag").mean())
    return {str(group): {"rows": int(rows), "share": float(share)} for group, rows, share in table.sort("group").rows()}
