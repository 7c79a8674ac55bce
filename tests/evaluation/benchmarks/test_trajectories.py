"""The benchmark's registers are usable and its report is of what was run."""

from pathlib import Path

import polars as pl
import pytest

from contract.errors import InputError
from evaluation.benchmarks.trajectories import bench, write_registers


def test_a_small_benchmark_reports_rows_seconds_and_memory() -> None:
    result = bench(300)
    assert result["persons"] == 300
    assert 25 * 300 < result["border_crossing"] < 35 * 300
    assert 25 * 300 < result["social_security"] < 35 * 300
    assert result["spells"] > 300
    assert result["cells"] > 10_000
    assert result["peak_gib"] > 0


def test_the_same_seed_makes_the_same_registers(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_registers(tmp_path / name, 50, seed=3)
    for register in ("records", "border_crossing", "social_security"):
        frames = [pl.read_parquet(tmp_path / name / register / "*.parquet") for name in ("one", "two")]
        assert frames[0].equals(frames[1])


def test_nobody_is_no_benchmark(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="at least one"):
        write_registers(tmp_path, 0)
