"""The gap of insured and authorised workers as a waterfall; flows between states and coverage as matrices."""

from __future__ import annotations

from typing import Final

import polars as pl

from contract.errors import InputError
from trajectories.pictures.theme import Picture, Theme, finished, rows_of

#: From the insured down to those who are also authorised.
GAP_PARTS: Final = ("gap_exempt", "gap_expired", "gap_none")


def gap_waterfall(indicators: pl.DataFrame, period: str, theme: Theme, axis: str) -> Picture:
    """Draw how the insured divide into exempt, expired, none and authorised, at the end of a year.

    Args:
        indicators: An indicator table; `all`, `total` of the year is drawn.
        period: The year.
        theme: How it looks.
        axis: Title of the horizontal axis.

    Raises:
        InputError: The table lacks one of the figures; a suppressed one is drawn as nothing, and the table says so.
    """
    import altair

    own = indicators.filter(
        (pl.col("period") == period) & (pl.col("residence") == "all") & (pl.col("breakdown") == "total")
    )
    values = dict(own.select("indicator", "value").iter_rows())
    steps = ("workers_insured", *GAP_PARTS, "workers_both")
    missing = [step for step in steps if step not in values]
    if missing:
        raise InputError("The table lacks figures of the gap.", where={"indicator": ", ".join(missing)})
    rows, top = [], values["workers_insured"] or 0.0
    for step in steps:
        value = values[step]
        whole = step in {"workers_insured", "workers_both"}
        start = 0.0 if whole else top - (value or 0.0)
        rows.append((theme.word(step), start, start + (value or 0.0), value, "whole" if whole else "part"))
        if not whole:
            top = start
    table = pl.DataFrame(rows, schema=["step", "start", "end", "persons", "kind"], orient="row")
    order = [theme.word(step) for step in steps]
    bars = (
        altair.Chart(rows_of(table), width=560, height=220)
        .mark_bar(size=24)
        .encode(
            y=altair.Y("step:N", sort=order, axis=altair.Axis(title=None, orient=theme.side)),
            x=altair.X(
                "start:Q",
                axis=altair.Axis(title=axis, format="d"),
                scale=altair.Scale(reverse=theme.right_to_left),
            ),
            x2="end:Q",
            color=altair.Color(
                "kind:N",
                legend=None,
                scale=altair.Scale(domain=["whole", "part"], range=list(theme.colours["series"][:2])),
            ),
        )
    )
    return finished(bars, theme, table)


def flow_matrix(flows: pl.DataFrame, theme: Theme, before: str, after: str) -> Picture:
    """Draw persons by state before (rows) and after (columns), with the numbers in the cells.

    Args:
        flows: `before`, `after`, `persons` (null: not shown).
        theme: How it looks.
        before: Title of the rows.
        after: Title of the columns.
    """
    return _matrix(flows.rename({"persons": "value"}), theme, (before, after), "d")


def transition_shares(indicators: pl.DataFrame) -> tuple[str, pl.DataFrame] | None:
    """Return the newest year with transitions, and `before`, `after`, `share` (null: not shown) of all persons.

    Drawn by `coverage_matrix`. None of a table without transitions.
    """
    own = indicators.filter(pl.col("indicator").str.starts_with("transition_"), pl.col("breakdown") == "total")
    shown = own.drop_nulls("value")
    if not shown.height:
        return None
    period = str(shown["period"].max())
    parts = pl.col("indicator").str.split("_")
    cells = own.filter(pl.col("period") == period)
    return period, cells.select(before=parts.list.get(1), after=parts.list.get(2), share="value")


def coverage_matrix(coverage: pl.DataFrame, theme: Theme, register: str, other: str) -> Picture:
    """Draw the share of each register's persons (rows) who are in another register (columns) too.

    Args:
        coverage: `before` (the register), `after` (the other one), `share` (null: not shown).
        theme: How it looks.
        register: Title of the rows.
        other: Title of the columns.
    """
    return _matrix(coverage.rename({"share": "value"}), theme, (register, other), ".0%")


def _matrix(table: pl.DataFrame, theme: Theme, titles: tuple[str, str], form: str) -> Picture:
    import altair

    order = [theme.word(code) for code in table["before"].unique(maintain_order=True)]
    across = [theme.word(code) for code in table["after"].unique(maintain_order=True)]
    shown = table.with_columns(pl.col("before", "after").map_elements(theme.word, pl.String))
    high = float(table["value"].max() or 1.0)  # type: ignore[arg-type]
    y = altair.Y("before:N", sort=order, axis=altair.Axis(title=titles[0], orient=theme.side))
    x = altair.X("after:N", sort=across, axis=altair.Axis(title=titles[1], labelAngle=0, orient="top"))
    base = altair.Chart(rows_of(shown), width=max(90 * len(across), 240), height=max(44 * len(order), 120))
    cells = base.mark_rect(stroke=theme.colours["grid"]).encode(
        x=x,
        y=y,
        color=altair.Color(
            "value:Q",
            legend=None,
            scale=altair.Scale(
                domain=[0, high], range=["#17212b", "#00517f"] if theme.dark else ["#ffffff", "#9fd0ee"]
            ),
        ),
    )
    numbers = base.mark_text(fontSize=13, color=theme.colours["ink"]).encode(
        x=x, y=y, text=altair.Text("value:Q", format=form)
    )
    return finished(altair.layer(cells, numbers), theme, table)
