"""The comparison of intervals with the truth, by hand."""

import polars as pl
import pytest

from contract.errors import InputError
from evaluation.intervals import KEYS, compare_intervals


def table(**columns: list[float | None]) -> pl.DataFrame:
    size = len(next(iter(columns.values())))
    keys = {
        "indicator": ["resident_stock"] * (size - 1) + ["turnover"],
        "residence": ["12_16"] * size,
        "period": [str(2020 + place) for place in range(size)],
        "breakdown": ["total"] * size,
        "category": ["total"] * size,
    }
    return pl.DataFrame({**keys, **columns})


def test_coverage_and_differences() -> None:
    ours = table(value=[1000.0, 2000.0, 50.0, 0.5], lower=[990.0, 1990, 49, 0.4], upper=[1010.0, 2010, 51, 0.6])
    truth = table(value=[1005.0, 2100.0, 48.0, 0.5]).with_columns(pl.col("value").cast(pl.String))
    found = compare_intervals(ours, truth)
    assert (found["cells"], found["coverage"]) == (4, 0.5)
    assert (found["missed_low"], found["missed_high"]) == (0.25, 0.25)
    assert found["coverage_by_indicator"] == {"resident_stock": pytest.approx(1 / 3), "turnover": 1.0}
    assert (found["large_cells"], found["within_3_percent"]) == (2, 0.5)
    assert found["largest_difference"] == pytest.approx(100 / 2100)


def test_cells_without_a_value_are_not_judged() -> None:
    ours = table(value=[None, 5.0], lower=[None, 4.0], upper=[None, 6.0])
    assert compare_intervals(ours, table(value=[1.0, None]))["cells"] == 0


def test_tables_of_other_cells_are_refused() -> None:
    ours = table(value=[1.0], lower=[1.0], upper=[1.0])
    with pytest.raises(InputError, match="no cell in common"):
        compare_intervals(ours, ours.with_columns(period=pl.lit("1999")).select(*KEYS, "value"))
