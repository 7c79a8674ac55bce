"""Pictures: drawn as SVG and PNG in every theme, and their tables say the same."""

from xml.etree import ElementTree as ET

import polars as pl
import pytest

from contract.errors import InputError
from tests.trajectories.builders import WINDOW
from tests.trajectories.test_cohorts import COHORT
from tests.trajectories.test_sketches import crowd
from trajectories.cohorts import dummy_run
from trajectories.exports.months import months_of
from trajectories.indicators import compute_figures, raw_indicators
from trajectories.pictures import (
    Picture,
    Theme,
    chronogram,
    coverage_matrix,
    flow_matrix,
    gap_waterfall,
    index_plot,
    shares_by_month,
    status_bars,
    survival_curves,
)
from trajectories.spells import build_spells

REGISTERS = crowd(60)
MONTHS = months_of(build_spells(REGISTERS, WINDOW), WINDOW)  # type: ignore[arg-type]
TABLE = dummy_run(COHORT).table
WORDS = {"permit": "titre de séjour", "insured_work": "الضمان الاجتماعي", "I": "insured & <seen>"}
MATRIX = pl.DataFrame({"before": ["a", "a", "b"], "after": ["a", "b", "b"], "persons": [30.0, None, 15.0]})


def pictures(theme: Theme) -> list[Picture]:
    raw = raw_indicators(compute_figures(REGISTERS, WINDOW))  # type: ignore[arg-type]
    return [
        index_plot(MONTHS, theme, "months"),
        chronogram(shares_by_month(MONTHS), theme, "share"),
        survival_curves(TABLE, theme, "without", "months"),
        status_bars(TABLE, "permit", theme, "persons", "months"),
        gap_waterfall(raw, "2021", theme, "persons"),
        flow_matrix(MATRIX, theme, "before", "after"),
        coverage_matrix(MATRIX.rename({"persons": "share"}), theme, "register", "other"),
    ]


@pytest.mark.parametrize("theme", [Theme(words=WORDS), Theme(dark=True, right_to_left=True, words=WORDS)])
def test_every_picture_is_an_svg_and_has_a_table(theme: Theme) -> None:
    for picture, again in zip(pictures(theme), pictures(theme), strict=True):
        root = ET.fromstring(picture.svg())
        assert root.tag.endswith("svg")
        assert picture.svg() == again.svg()
        assert picture.table.height
    assert "titre de séjour" in pictures(theme)[2].svg()


def test_png_and_what_the_tables_hold() -> None:
    theme = Theme()
    drawn = gap_waterfall(raw_indicators(compute_figures(REGISTERS, WINDOW)), "2021", theme, "persons")  # type: ignore[arg-type]
    assert drawn.png()[:8] == b"\x89PNG\r\n\x1a\n"
    steps = dict(drawn.table.select("step", "persons").iter_rows())
    assert (
        sum(steps[name] for name in ("gap_exempt", "gap_expired", "gap_none", "workers_both"))
        == steps["workers_insured"]
    )
    ends = drawn.table.filter(step="gap_none")["start"][0]
    assert ends == steps["workers_both"]
    shares = shares_by_month(MONTHS)
    assert shares.group_by("month").agg(pl.col("share").sum())["share"].to_list() == pytest.approx([1.0] * 36)
    assert survival_curves(TABLE, theme, "", "").table.height == TABLE.filter(table="time").height
    with pytest.raises(InputError, match="gap"):
        gap_waterfall(
            TABLE.head(0).with_columns(period=pl.lit(""), residence=pl.lit(""), indicator=pl.lit("")), "1", theme, ""
        )
