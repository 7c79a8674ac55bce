"""What `wasl demo --registers DIR --out OUT` must have written."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from trajectories.spells import SPELL_SCHEMA

SPELLS = [
    "person_id",
    "channel",
    "state",
    "start",
    "end",
    "start_censored",
    "end_censored",
    "source",
    "confidence",
    "flag",
]
INDICATORS = ["indicator", "residence", "period", "breakdown", "category", "value", "lower", "upper", "protected"]


def check_written(out: Path, sources: Path, registers: tuple[str, ...]) -> None:
    """Every record once with a person; spells and indicators with exactly the columns that others rely on."""
    links = pl.read_csv(out / "links.csv", infer_schema=False)
    assert links.columns == ["register", "record_id", "person_id"]
    expected = {
        (name, record_id)
        for name in registers
        for record_id in pl.read_csv(sources / f"{name}.csv", infer_schema=False)["record_id"]
    }
    assert links.height == len(expected)
    assert set(links.select("register", "record_id").iter_rows()) == expected
    assert links["person_id"].null_count() == 0
    spells = pl.read_parquet(out / "spells.parquet")
    assert spells.columns == SPELLS == list(SPELL_SCHEMA)
    assert dict(spells.schema) == dict(SPELL_SCHEMA)
    assert spells.height > 0
    assert set(spells["person_id"]) <= set(links["person_id"])
    assert spells.filter(pl.col("start") >= pl.col("end")).is_empty()
    indicators = pl.read_csv(out / "indicators.csv", infer_schema=False)
    assert indicators.columns == INDICATORS
    assert set(indicators["protected"]) == {"true"}
    counts = indicators.filter(pl.col("value").is_not_null() & ~pl.col("indicator").str.contains("share|rate|median"))
    assert (counts["value"].cast(pl.Float64) % 5 == 0).mean() > 0.9
