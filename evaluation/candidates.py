"""What the passes compared: pairs completeness, reduction ratio, block sizes in distinct persons.

Measured by the harness alone, which knows the truth and holds all keys: the units could not.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import polars as pl


def compared_pairs(rows: Mapping[str, pl.DataFrame], one: Collection[str]) -> pl.DataFrame:
    """Return the distinct true pairs that some pass compares.

    Args:
        rows: Pass to `block`, `register`, `record` (number), `entity_id`: one row an encoded record.
        one: Registers whose own pairs are not compared.
    """
    found = []
    for frame in rows.values():
        pairs = frame.join(frame, on=["block", "entity_id"], suffix="_b").filter(pl.col("record") < pl.col("record_b"))
        pairs = pairs.filter((pl.col("register") != pl.col("register_b")) | ~pl.col("register").is_in(list(one)))
        found.append(pairs.select("record", "record_b").unique())
    empty = pl.DataFrame(schema={"record": pl.Int64, "record_b": pl.Int64})
    return pl.concat([empty, *found]).unique()


def count_true_pairs(records: pl.DataFrame, one: Collection[str]) -> int:
    """Return the number of true pairs of `records` (`register`, `entity_id`)."""
    cells = records.group_by("entity_id", "register").agg(pl.len().cast(pl.Int64).alias("n"))
    total = cells.group_by("entity_id").agg(pl.col("n").sum())["n"]
    inside = cells.filter(pl.col("register").is_in(list(one)))["n"]
    return int((total * (total - 1) // 2).sum()) - int((inside * (inside - 1) // 2).sum())


def all_pairs(records: pl.DataFrame, one: Collection[str]) -> int:
    """Return the number of all pairs that could be compared."""
    sizes = records.group_by("register").agg(pl.len().cast(pl.Int64).alias("n"))
    total = int(sizes["n"].sum())
    inside = sizes.filter(pl.col("register").is_in(list(one)))["n"]
    return total * (total - 1) // 2 - int((inside * (inside - 1) // 2).sum())


def pair_counts(rows: Mapping[str, pl.DataFrame], one: Collection[str]) -> dict[str, int]:
    """Return the number of pairs each pass compares."""
    counts = {}
    for name, frame in rows.items():
        blocks = frame.group_by("block").agg(pl.len().cast(pl.Int64).alias("n"))["n"]
        own = (
            frame.filter(pl.col("register").is_in(list(one))).group_by("block", "register").len()["len"].cast(pl.Int64)
        )
        counts[name] = int((blocks * (blocks - 1) // 2).sum()) - int((own * (own - 1) // 2).sum())
    return counts


def distinct_pairs(rows: Mapping[str, pl.DataFrame], one: Collection[str], at_once: int = 5_000_000) -> int:
    """Return the number of pairs that at least one pass compares, each counted once.

    Args:
        rows: As in `compared_pairs`.
        one: As in `compared_pairs`.
        at_once: About how many pairs are held in memory at a time.
    """
    parts = 1 + sum(pair_counts(rows, one).values()) // at_once
    total = 0
    for part in range(parts):
        found = [pl.DataFrame(schema={"record": pl.Int64, "record_b": pl.Int64})]
        for frame in rows.values():
            own = frame.filter(pl.col("record") % parts == part)
            pairs = own.join(frame, on="block", suffix="_b").filter(pl.col("record") < pl.col("record_b"))
            pairs = pairs.filter((pl.col("register") != pl.col("register_b")) | ~pl.col("register").is_in(list(one)))
            found.append(pairs.select("record", "record_b").unique())
        total += pl.concat(found).unique().height
    return total


def block_sizes(frame: pl.DataFrame) -> dict[str, Any]:
    """Return a pass's blocks by distinct true persons: mean, largest, share of rows in blocks of three or more."""
    sizes = frame.group_by("block").agg(pl.col("entity_id").n_unique().alias("persons"), pl.len().alias("rows"))
    rows = int(sizes["rows"].sum())
    persons = sizes["persons"].to_numpy()
    crowded = int(sizes.filter(pl.col("persons") >= 3)["rows"].sum())
    return {
        "rows": rows,
        "blocks": sizes.height,
        "mean_persons": float(persons.mean()) if len(persons) else 0.0,
        "largest_persons": int(persons.max(initial=0)),
        "rows_in_blocks_of_3_or_more": crowded / rows if rows else 0.0,
    }
