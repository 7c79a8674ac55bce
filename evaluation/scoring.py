"""How good a link map is, measured against the truth.

A *link map* gives each record (register, record_id) a person. A pair is an unordered pair of records
in one person; pairs inside a register count only where its `rows_per_person` is ``many``. Pairs are
never listed: they are counted from the sizes of the cells of (true person x output person x
register), so that large clusters cost nothing.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import polars as pl


def _pair_count(groups: pl.DataFrame, keys: list[str], one: Collection[str]) -> tuple[int, int]:
    """Return (all counted pairs, cross-register pairs) of records that share `keys`."""
    cells = groups.group_by([*keys, "register"]).agg(pl.col("n").sum())
    within = cells.filter(~pl.col("register").is_in(list(one)))["n"]
    inside = int((within * (within - 1) // 2).sum())
    every_inside = int((cells["n"] * (cells["n"] - 1) // 2).sum())
    totals = cells.group_by(keys).agg(pl.col("n").sum())["n"]
    cross = int((totals * (totals - 1) // 2).sum()) - every_inside
    return inside + cross, cross


def _rates(true: int, found: int, both: int) -> dict[str, float]:
    precision = both / found if found else 1.0
    recall = both / true if true else 1.0
    f1 = 2 * precision * recall / (precision + recall) if precision + recall else 0.0
    return {"precision": precision, "recall": recall, "f1": f1}


def _bcubed(cells: pl.DataFrame) -> dict[str, float]:
    """Return B-cubed precision and recall over records (Bagga and Baldwin 1998)."""
    joint = cells.group_by("entity_id", "person_id").agg(pl.col("n").sum().cast(pl.Float64))
    joint = joint.sort("entity_id", "person_id")  # sums of floats depend on their order
    joint = joint.with_columns(
        pl.col("n").sum().over("person_id").alias("size_person"),
        pl.col("n").sum().over("entity_id").alias("size_entity"),
    )
    records = float(joint["n"].sum())
    if not records:
        return {"precision": 1.0, "recall": 1.0, "f1": 1.0}
    precision = float((joint["n"] ** 2 / joint["size_person"]).sum()) / records
    recall = float((joint["n"] ** 2 / joint["size_entity"]).sum()) / records
    return {"precision": precision, "recall": recall, "f1": 2 * precision * recall / (precision + recall)}


def _exact_persons(cells: pl.DataFrame) -> float:
    """Return the share of true persons whose records are exactly one output person."""
    per_entity = cells.group_by("entity_id").agg(
        pl.col("person_id").n_unique().alias("persons"), pl.col("person_id").first(), pl.col("n").sum()
    )
    sizes = cells.group_by("person_id").agg(pl.col("n").sum().alias("size"))
    joined = per_entity.join(sizes, on="person_id")
    whole = joined.filter((pl.col("persons") == 1) & (pl.col("n") == pl.col("size"))).height
    return whole / per_entity.height if per_entity.height else 1.0


def score(
    links: pl.DataFrame,
    truth: pl.DataFrame,
    one_record_registers: Collection[str] = (),
    groups: pl.DataFrame | None = None,
) -> dict[str, Any]:
    """Score a link map.

    Args:
        links: Columns register, record_id, person_id. A record without a row is a person of its own.
        truth: Columns register, record_id, entity_id.
        one_record_registers: Registers whose own pairs do not count.
        groups: Columns entity_id, group; adds `by_group`, cross-register, of pairs whose first true
            person belongs to the group (recall) or whose output person's records do (precision).

    Returns:
        pairwise, cross_register, bcubed (precision, recall, f1 each), exact_persons, by_group.
    """
    records = truth.join(links, on=["register", "record_id"], how="left").with_columns(
        pl.coalesce(
            pl.col("person_id"),
            pl.concat_str(pl.lit("unlinked:"), "register", pl.lit(":"), "record_id"),
        ).alias("person_id")
    )
    cells = records.group_by("entity_id", "person_id", "register").agg(pl.len().cast(pl.Int64).alias("n"))
    true = _pair_count(cells, ["entity_id"], one_record_registers)
    found = _pair_count(cells, ["person_id"], one_record_registers)
    both = _pair_count(cells, ["entity_id", "person_id"], one_record_registers)
    result: dict[str, Any] = {
        "pairwise": _rates(true[0], found[0], both[0]),
        "cross_register": _rates(true[1], found[1], both[1]),
        "bcubed": _bcubed(cells),
        "exact_persons": _exact_persons(cells),
        "true_pairs": true[0],
        "found_pairs": found[0],
    }
    if groups is not None:
        result["by_group"] = _by_group(cells, groups, one_record_registers)
    return result


def _by_group(cells: pl.DataFrame, groups: pl.DataFrame, one: Collection[str]) -> dict[str, dict[str, float]]:
    grouped = cells.join(groups, on="entity_id", how="left").with_columns(pl.col("group").fill_null("unknown"))
    result = {}
    for (name,), part in sorted(grouped.group_by("group"), key=lambda item: str(item[0][0])):
        true = _pair_count(part, ["entity_id"], one)
        found = _pair_count(part, ["person_id"], one)
        both = _pair_count(part, ["entity_id", "person_id"], one)
        result[str(name)] = {**_rates(true[0], found[0], both[0]), "true_pairs": float(true[0])}
    return result
