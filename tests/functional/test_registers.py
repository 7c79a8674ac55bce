"""`wasl demo --registers DIR --out OUT` with some of the six registers, and what it writes."""

from __future__ import annotations

import shutil
from pathlib import Path

import polars as pl
import pytest

from evaluation.scoring import score
from tests.functional.commands import Ended, wasl
from tests.functional.watched import Watched
from trajectories.spells import SPELL_SCHEMA

pytestmark = pytest.mark.functional

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
CHOSEN = ("residence_permit", "placement")


@pytest.fixture(scope="module")
def subset(country: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Ended, Path, Path]:
    """Two registers, one of them without events and with a column nobody knows."""
    folder = tmp_path_factory.mktemp("subset")
    sources = folder / "sources"
    sources.mkdir()
    for name in ("residence_permit.csv", "residence_permit_events.csv"):
        shutil.copy(country / name, sources)
    placement = pl.read_csv(country / "placement.csv", infer_schema=False)
    placement.with_columns(pl.lit("x").alias("remark")).write_csv(sources / "placement.csv")
    return (
        wasl("demo", "--registers", sources, "--out", folder / "out", "--json", folder=folder / "run"),
        sources,
        folder / "out",
    )


def test_any_subset_of_the_registers(subset: tuple[Ended, Path, Path]) -> None:
    ended, sources, out = subset
    assert ended.code == 0, ended.err[-3000:]
    result = ended.json()
    assert result["registers"] == 2
    assert result["unknown_columns"] == {"placement.csv": ["remark"]}
    assert "remark" in ended.err
    assert not ended.left_running
    _check_written(out, sources, CHOSEN)
    spells = pl.read_parquet(out / "spells.parquet")
    assert set(spells["source"]) <= {"residence_permit", "other_channels"}


def test_all_six(watched: Watched) -> None:
    _check_written(watched.out, watched.sources, tuple(watched.stores))


def test_the_links_of_all_six_are_good(watched: Watched, country: Path) -> None:
    links = pl.read_csv(watched.out / "links.csv", infer_schema=False)
    truth = pl.read_csv(country / "truth.csv", infer_schema=False)
    known = links.join(truth.select("register", "record_id"), on=["register", "record_id"], how="semi")
    assert known.height == links.height - 6  # the planted person has no truth
    assert score(known, truth)["cross_register"]["f1"] >= 0.93


def _check_written(out: Path, sources: Path, registers: tuple[str, ...]) -> None:
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
