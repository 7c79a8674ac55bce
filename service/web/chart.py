"""The chart of workers by year, drawn on the server as SVG.

Series differ by shape and dash as well as by colour (palette of Okabe and Ito, 2008, safe for colour
blindness). The page has the same figures as a table beside it.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

Point = tuple[str, str, int]  # period, code, persons
_LIGHT = {"ink": "#1f2933", "grid": "#d5dbe1", "series": ["#0072b2", "#b34700", "#1f2933"]}
_DARK = {"ink": "#e6eaee", "grid": "#3a4550", "series": ["#56b4e9", "#e69f00", "#e6eaee"]}
_DASHES = [[1, 0], [6, 3], [2, 2]]
_SHAPES = ["circle", "square", "triangle-up"]


@lru_cache(maxsize=64)
def workers_chart(
    points: tuple[Point, ...], labels: tuple[tuple[str, str], ...], *, axis: str, dark: bool, right_to_left: bool
) -> str:
    """Return an SVG of one line a series over years.

    Args:
        points: Year, code of the series, protected count.
        labels: Codes with their names, in the order of the legend.
        axis: Title of the vertical axis.
        dark: For a dark page.
        right_to_left: Put the vertical axis on the right; years run from left to right in any case.
    """
    import altair
    import vl_convert

    colours: dict[str, Any] = _DARK if dark else _LIGHT
    names = dict(labels)
    order = [names[code] for code, _ in labels]
    data: Any = altair.Data(  # type: ignore[no-untyped-call]
        values=[{"year": year, "series": names[code], "persons": persons} for year, code, persons in points]
    )
    scale: dict[str, Any] = {"domain": order}
    quiet: dict[str, Any] = {"title": None}
    drawn = (
        altair.Chart(data, width=640, height=260, background="transparent")
        .mark_line(point=altair.OverlayMarkDef(size=70, filled=True), strokeWidth=2.5)
        .encode(
            x=altair.X("year:O", axis=altair.Axis(title=None, labelAngle=0, grid=False)),
            y=altair.Y(
                "persons:Q",
                scale=altair.Scale(zero=True, nice=True),
                axis=altair.Axis(title=axis, orient="right" if right_to_left else "left", tickCount=5, format="d"),
            ),
            color=altair.Color("series:N", scale=altair.Scale(range=colours["series"], **scale), **quiet),
            strokeDash=altair.StrokeDash("series:N", scale=altair.Scale(range=_DASHES, **scale), **quiet),
            shape=altair.Shape("series:N", scale=altair.Scale(range=_SHAPES, **scale), **quiet),
        )
        .configure(font="sans-serif")  # first: it replaces what was configured before
        .configure_view(stroke=None)
        .configure_axis(
            labelColor=colours["ink"],
            titleColor=colours["ink"],
            gridColor=colours["grid"],
            domainColor=colours["grid"],
            tickColor=colours["grid"],
            labelFontSize=13,
            titleFontSize=13,
            titleFontWeight="normal",
        )
        .configure_legend(
            orient="bottom",
            direction="horizontal",
            columns=1,
            labelColor=colours["ink"],
            labelFontSize=13,
            labelLimit=600,
        )
    )
    return str(vl_convert.vegalite_to_svg(drawn.to_dict()))
