"""The frontier as a page: a chart drawn on the spot as SVG, and the same figures as a table."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from math import floor
from typing import Any, Final

from markupsafe import Markup

from evaluation.audit_report.frontier import Measured
from evaluation.audit_report.language import Texts, texts
from evaluation.audit_report.page import render

#: Okabe and Ito (2008), safe for colour blindness; profiles differ by shape too.
_COLOURS: Final = {"clear": "#1a1a1a", "blind_blocks": "#0072b2", "record": "#b34700"}
_SHAPES: Final = {"clear": "diamond", "blind_blocks": "circle", "record": "square"}
_INK: Final = "#1a1a1a"


def frontier_svg(measured: Sequence[Measured], language: Texts, bound: float) -> str:
    """Return the chart: F1 to the right, share of persons named upwards, the bound as a dashed line.

    Args:
        measured: The points.
        language: Of the axis titles.
        bound: The agreement's bound on the persons named.
    """
    import altair
    import vl_convert

    values = [
        {"f1": one.f1, "named": one.named, "profile": one.point.profile, "number": str(place)}
        for place, one in enumerate(measured, start=1)
    ]
    # whole steps of .05, so that points of equal quality look equal
    lowest = floor(20 * min(one.f1 for one in measured)) / 20
    data: Any = altair.Data(values=values)  # type: ignore[no-untyped-call]
    profiles = list(_COLOURS)
    base = altair.Chart(data, width=640, height=360).encode(
        x=altair.X("f1:Q", scale=altair.Scale(domain=[min(lowest, 0.95), 1]), title=language.text("frontier.f1")),
        y=altair.Y("named:Q", scale=altair.Scale(domain=[0, 1]), title=language.text("frontier.named")),
    )
    points = base.mark_point(size=140, filled=True, opacity=1).encode(
        color=altair.Color(
            "profile:N", scale=altair.Scale(domain=profiles, range=list(_COLOURS.values())), legend=None
        ),
        shape=altair.Shape("profile:N", scale=altair.Scale(domain=profiles, range=list(_SHAPES.values())), legend=None),
    )
    labels = base.mark_text(dx=14, dy=-8, fontSize=13, color=_INK).encode(text="number:N")
    line_data: Any = altair.Data(values=[{"bound": bound}])  # type: ignore[no-untyped-call]
    line = altair.Chart(line_data).mark_rule(strokeDash=[6, 4], color="#9a1b1b", strokeWidth=2).encode(y="bound:Q")
    layers = (line + points + labels).properties(background="#ffffff")
    drawn = layers.configure(font="sans-serif").configure_axis(labelColor=_INK, titleColor=_INK)
    return str(vl_convert.vegalite_to_svg(drawn.to_dict()))


def render_frontier(
    measured: Sequence[Measured],
    code: str,
    *,
    dataset: str,
    persons: int,
    rows: int,
    bound: float,
    moment: datetime | None = None,
) -> str:
    """Return the page.

    Args:
        measured: The points.
        code: ``fr``, ``ar`` or ``en``.
        dataset: Name of the data.
        persons: True persons in the data.
        rows: Persons attacked in each register, at most.
        bound: The agreement's bound on the persons named.
        moment: When the page is made; now by default.

    Raises:
        InputError: There is no such language.
    """
    language = texts(code)
    return render(
        "frontier.html",
        language,
        moment,
        measured=measured,
        dataset=dataset,
        persons=persons,
        rows=rows,
        bound=bound,
        chart=Markup(frontier_svg(measured, language, bound)),  # noqa: S704 - our own drawing, of numbers only
    )
