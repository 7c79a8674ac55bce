"""Charts of the quality report, drawn on the server as SVG; each has its table on the page.

A hidden figure (None) is drawn as nothing. What is told by colour is told by length, dash or number too.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from trajectories.pictures.theme import DASHES, Theme, canonical_text, finished

Row = dict[str, Any]
_WIDTH: Final = 560
_BAR: Final = 22


def _svg(chart: Any, theme: Theme) -> str:
    import polars as pl
    import vl_convert

    return str(vl_convert.vegalite_to_svg(canonical_text(finished(chart, theme, pl.DataFrame()).document)))


def _data(rows: Sequence[Row]) -> Any:
    import altair

    return altair.Data(values=list(rows))  # type: ignore[no-untyped-call]


def histogram(rows: Sequence[Row], theme: Theme, axis: str, weight: str) -> str:
    """Draw pairs by match weight as bars, one layer a series.

    Args:
        rows: `from`, `to` (bits), `series` (in the reader's words), `pairs` (0 is not drawn: the axis is logarithmic).
        theme: How it looks.
        axis: Title of the vertical axis.
        weight: Title of the horizontal axis.
    """
    import altair

    names = list(dict.fromkeys(row["series"] for row in rows))
    drawn = (
        altair.Chart(_data([row for row in rows if row["pairs"]]), width=_WIDTH, height=240)
        .mark_bar(opacity=0.75, stroke=theme.colours["grid"], strokeWidth=0.5)
        .encode(
            x=altair.X("from:Q", axis=altair.Axis(title=weight, grid=False)),
            x2="to:Q",
            y=altair.Y(
                "pairs:Q",
                stack=False,
                scale=altair.Scale(type="symlog"),
                axis=altair.Axis(title=axis, orient=theme.side, format="~s", tickCount=6),
            ),
            color=altair.Color(
                "series:N",
                title=None,
                scale=altair.Scale(domain=names, range=list(theme.colours["series"][: len(names)])),
            ),
        )
    )
    return _svg(drawn, theme)


def bars(rows: Sequence[Row], theme: Theme, axis: str, form: str = "~s", *, logarithmic: bool = False) -> str:
    """Draw one horizontal bar a row.

    Args:
        rows: `name`, `value` (None: not shown), and `kind`, which chooses the colour (`main`, else another).
        theme: How it looks.
        axis: Title of the horizontal axis.
        form: D3 format of its numbers.
        logarithmic: Whether values differ by orders of magnitude.
    """
    import altair

    scale = altair.Scale(type="symlog" if logarithmic else "linear", reverse=theme.right_to_left)
    drawn = (
        altair.Chart(_data([row for row in rows if row["value"] is not None]), width=_WIDTH - 160)
        .mark_bar(size=_BAR - 8)
        .encode(
            y=altair.Y("name:N", sort=[row["name"] for row in rows], axis=altair.Axis(title=None, orient=theme.side)),
            x=altair.X("value:Q", scale=scale, axis=altair.Axis(title=axis, format=form, tickCount=5)),
            color=altair.Color(
                "kind:N",
                legend=None,
                scale=altair.Scale(domain=["main", "other"], range=list(theme.colours["series"][:2])),
            ),
        )
        .properties(height=altair.Step(_BAR))
    )
    return _svg(drawn, theme)


def steps(rows: Sequence[Row], theme: Theme, axis: str) -> str:
    """Draw a waterfall: each row from where the one before ended.

    Args:
        rows: `name`, `start`, `end` (log2), `kind` (`main` for sums, `other` for steps).
        theme: How it looks.
        axis: Title of the horizontal axis.
    """
    import altair

    drawn = (
        altair.Chart(_data(rows), width=_WIDTH - 160)
        .mark_bar(size=_BAR - 8)
        .encode(
            y=altair.Y("name:N", sort=[row["name"] for row in rows], axis=altair.Axis(title=None, orient=theme.side)),
            x=altair.X("start:Q", scale=altair.Scale(reverse=theme.right_to_left), axis=altair.Axis(title=axis)),
            x2="end:Q",
            color=altair.Color(
                "kind:N",
                legend=None,
                scale=altair.Scale(domain=["main", "other"], range=list(theme.colours["series"][:2])),
            ),
        )
        .properties(height=altair.Step(_BAR))
    )
    return _svg(drawn, theme)


def curves(rows: Sequence[Row], theme: Theme, axis: str, threshold: str) -> str:
    """Draw shares over thresholds as lines.

    Args:
        rows: `threshold`, `series` (in the reader's words), `value`.
        theme: How it looks.
        axis: Title of the vertical axis.
        threshold: Title of the horizontal axis.
    """
    import altair

    names = list(dict.fromkeys(row["series"] for row in rows))
    domain: dict[str, Any] = {"domain": names}
    drawn = (
        altair.Chart(_data(rows), width=_WIDTH, height=240)
        .mark_line(point=altair.OverlayMarkDef(size=50, filled=True), strokeWidth=2.5)
        .encode(
            x=altair.X("threshold:Q", scale=altair.Scale(domain=[0, 1]), axis=altair.Axis(title=threshold, grid=False)),
            y=altair.Y(
                "value:Q",
                scale=altair.Scale(zero=False),
                axis=altair.Axis(title=axis, orient=theme.side, format=".1%"),
            ),
            color=altair.Color(
                "series:N", title=None, scale=altair.Scale(range=list(theme.colours["series"][: len(names)]), **domain)
            ),
            strokeDash=altair.StrokeDash(
                "series:N",
                title=None,
                scale=altair.Scale(range=[list(dash) for dash in DASHES[: len(names)]], **domain),
            ),
        )
    )
    return _svg(drawn, theme)


def matrix(rows: Sequence[Row], theme: Theme) -> str:
    """Draw shares as a grid of cells with their numbers.

    Args:
        rows: `row`, `column` (in the reader's words), `share` (None: not shown).
        theme: How it looks.
    """
    import altair

    down, across = (list(dict.fromkeys(row[name] for row in rows)) for name in ("row", "column"))
    base = altair.Chart(
        _data([row for row in rows if row["share"] is not None]), width=max(110 * len(across), 160)
    ).properties(height=altair.Step(_BAR + 4))
    y = altair.Y("row:N", sort=down, scale=altair.Scale(domain=down), axis=altair.Axis(title=None, orient=theme.side))
    x = altair.X(
        "column:N",
        sort=across,
        scale=altair.Scale(domain=across[::-1] if theme.right_to_left else across),
        axis=altair.Axis(title=None, labelAngle=0, orient="top", labelLimit=105),
    )
    cells = base.mark_rect(stroke=theme.colours["grid"]).encode(
        x=x,
        y=y,
        color=altair.Color("share:Q", legend=None, scale=altair.Scale(domain=[0, 1], range=["#ffffff", "#9fd0ee"])),
    )
    numbers = base.mark_text(fontSize=12, color=theme.colours["ink"]).encode(
        x=x, y=y, text=altair.Text("share:Q", format=".1%")
    )
    return _svg(altair.layer(cells, numbers), theme)
