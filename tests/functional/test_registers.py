"""`wasl demo --registers DIR --out OUT` with two of the six registers, and what it writes; all six: `test_canary`."""

from __future__ import annotations

import shutil
from pathlib import Path

import polars as pl
import pytest

from tests.functional.commands import Ended, wasl
from tests.functional.written import check_written

pytestmark = pytest.mark.functional

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
    check_written(out, sources, CHOSEN)
    spells = pl.read_parquet(out / "spells.parquet")
    assert set(spells["source"]) <= {"residence_permit", "other_channels"}
