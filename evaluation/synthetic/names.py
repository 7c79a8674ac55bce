"""Name pools of the synthetic registers: frequencies by country with Latin and Arabic forms."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from io import BytesIO

import numpy as np
import polars as pl
from numpy.typing import NDArray


@dataclass(frozen=True)
class NamePool:
    """Names of one country and role.

    Attributes:
        latin: Latin spellings, shape (n,), object.
        arabic: Arabic spellings, shape (n,), object.
        probability: Relative frequencies, shape (n,), float64, summing to 1.
    """

    latin: NDArray[np.object_]
    arabic: NDArray[np.object_]
    probability: NDArray[np.float64]

    def draw(self, rng: np.random.Generator, size: int) -> NDArray[np.intp]:
        """Draw `size` indices by frequency."""
        return rng.choice(len(self.latin), size=size, p=self.probability)


def read_table(name: str) -> pl.DataFrame:
    """Read one committed table of the data folder, every column as text."""
    content = files("evaluation.synthetic").joinpath("data", name).read_bytes()
    return pl.read_csv(BytesIO(content), infer_schema=False)


@cache
def name_pools() -> dict[tuple[str, str], NamePool]:
    """Return the pools by (country, role); roles are M and F (given names) and S (family names)."""
    table = read_table("names.csv").with_columns(pl.col("weight").cast(pl.Float64))
    pools = {}
    for (pool, role), part in table.group_by("pool", "role", maintain_order=True):
        weight = part["weight"].to_numpy()
        pools[str(pool), str(role)] = NamePool(
            latin=part["latin"].to_numpy(),
            arabic=part["arabic"].to_numpy(),
            probability=weight / weight.sum(),
        )
    return pools


@cache
def spellings() -> dict[str, tuple[str, ...]]:
    """Return for a Latin name its other attested spellings: names of one Arabic form, and the West African table."""
    groups: list[list[str]] = [row.split("|") for row in read_table("variants.csv")["forms"]]
    arabic_pools = ["MAR", "DZA", "TUN", "MRT", "SYR", "EGY", "LBN", "IRQ"]
    by_arabic = (
        read_table("names.csv")
        .filter(pl.col("pool").is_in(arabic_pools))
        .group_by("arabic", maintain_order=True)
        .agg(pl.col("latin").unique(maintain_order=True))
        .filter(pl.col("latin").list.len() > 1)
    )
    groups += by_arabic["latin"].to_list()
    found: dict[str, tuple[str, ...]] = {}
    for group in groups:
        for name in group:
            found[name] = found.get(name, ()) + tuple(other for other in group if other != name)
    return found
