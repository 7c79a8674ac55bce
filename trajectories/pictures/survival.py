"""Survival curves with intervals, and the state after entry as bars, from a cohort's protected tables."""

from __future__ import annotations

from typing import Any, Final

import polars as pl

from trajectories.cohorts.compute import STATUSES
from trajectories.exports.months import STATES
from trajectories.pictures.theme import DASHES, Picture, Theme, finished, rows_of

_TOTAL: Final = "total"


def survival_curves(cohort_table: pl.DataFrame, theme: Theme, axis: str, months: str) -> Picture:
    """Draw the share without a first month in each channel, as steps with the 95 % interval.

    Args:
        cohort_table: `trajectories.cohorts.COHORT_SCHEMA`.
        theme: How it looks.
        axis: Title of the vertical axis.
        months: Title of the horizontal axis.
    """
    import altair

    table = cohort_table.filter(pl.col("table") == "time").select("variable", "month", "value", "lower", "upper")
    variables = table["variable"].unique(maintain_order=True).to_list()
    starts = pl.DataFrame(
        [(variable, 0, 1.0, 1.0, 1.0) for variable in variables if not _at_once(table, variable)],
        schema=table.schema,
        orient="row",
    )
    shown = pl.concat([starts, table]).sort("variable", "month", maintain_order=True)
    shown = shown.with_columns(pl.col("variable").map_elements(theme.word, pl.String))
    colours = theme.colours["series"]
    domain: dict[str, Any] = {"domain": [theme.word(variable) for variable in variables]}
    base = altair.Chart(rows_of(shown), width=640, height=260)
    x = altair.X("month:Q", axis=altair.Axis(title=months, tickMinStep=1, grid=False))
    legend = altair.Legend(symbolType="stroke", symbolOpacity=1, symbolStrokeWidth=3, symbolSize=400)
    color = altair.Color(
        "variable:N", title=None, legend=legend, scale=altair.Scale(range=list(colours[: len(variables)]), **domain)
    )
    band = base.mark_area(interpolate="step-after", opacity=0.18).encode(
        x=x, y=altair.Y("lower:Q"), y2="upper:Q", color=color
    )
    line = base.mark_line(interpolate="step-after", strokeWidth=2.5).encode(
        x=x,
        y=altair.Y(
            "value:Q",
            scale=altair.Scale(domain=[0, 1]),
            axis=altair.Axis(title=axis, orient=theme.side, format="%"),
        ),
        color=color,
        strokeDash=altair.StrokeDash(
            "variable:N",
            title=None,
            scale=altair.Scale(range=[list(dash) for dash in DASHES[: len(variables)]], **domain),
        ),
    )
    return finished(altair.layer(band, line), theme, table)


def status_bars(cohort_table: pl.DataFrame, variable: str, theme: Theme, axis: str, months: str) -> Picture:
    """Draw the persons in a channel, not in it, and not observed, by months after entry; hidden cells are left out."""
    import altair

    own = cohort_table.filter((pl.col("table") == "status") & (pl.col("variable") == variable))
    total = own.filter(
        pl.col("category").str.split(" × ").list.eval(pl.element() == _TOTAL).list.all() | (pl.col("category") == "all")
    )
    table = total.filter(pl.col("category") == total["category"].last()).select("month", "status", "value")
    shown = table.drop_nulls("value").with_columns(pl.col("status").map_elements(theme.word, pl.String))
    domain = [theme.word(status) for status in STATUSES]
    drawn = (
        altair.Chart(rows_of(shown), width=640, height=220)
        .mark_bar()
        .encode(
            x=altair.X("month:O", axis=altair.Axis(title=months, labelAngle=0)),
            y=altair.Y("value:Q", stack=True, axis=altair.Axis(title=axis, orient=theme.side, format="d")),
            color=altair.Color(
                "status:N", title=None, scale=altair.Scale(domain=domain, range=list(theme.colours["series"][:3]))
            ),
            order=altair.Order("status:N"),
        )
    )
    return finished(drawn, theme, table)


def state_shares(cohort_table: pl.DataFrame) -> pl.DataFrame:
    """Return `month` after entry, `state`, `persons` (null: not shown), `share` of those shown: a chronogram's table.

    States that nobody is ever in are left out, as is whoever was not observed so long.
    """
    own = cohort_table.filter(pl.col("table") == "states", pl.col("status") != STATUSES[2])
    ever = pl.col("value").is_null().any() | (pl.col("value") > 0).any()
    shown = own.filter(ever.over("status")).select("month", state="status", persons="value")
    members = pl.col("persons").sum().over("month")
    return shown.with_columns(share=pl.when(members > 0).then(pl.col("persons") / members)).sort(
        pl.col("state").replace_strict({state: place for place, state in enumerate(STATES)}), "month"
    )


def _at_once(table: pl.DataFrame, variable: str) -> bool:
    return bool((table.filter(pl.col("variable") == variable)["month"] == 0).any())
