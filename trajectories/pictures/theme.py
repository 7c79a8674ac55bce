"""What all pictures share: colours safe for colour blindness, type, rendering, and the table behind each.

Palette: Okabe and Ito, Color universal design (2008), and tints of it; on dark pages its lighter half. Nothing is told
by colour alone: lines differ by dash, bars carry labels, and the picture's table says the same.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final, Literal

import polars as pl

_LIGHT: Final = {
    "ink": "#1f2933",
    "grid": "#d5dbe1",
    "series": ("#0072b2", "#b34700", "#1f2933", "#007a5a", "#8a4f7d", "#6b5b00", "#3a6ea5", "#7a7a7a"),
}
_DARK: Final = {
    "ink": "#e6eaee",
    "grid": "#3a4550",
    "series": ("#56b4e9", "#e69f00", "#e6eaee", "#4fd1a5", "#d9a0c7", "#f0e442", "#9cc3f0", "#b5b5b5"),
}
#: Of the sixteen joint states: a hue by presence, residence title and authorised work; strong with insured work.
_STATES_LIGHT: Final = (
    ("#d5dbe1", "#9fd0ee", "#f0dc82", "#a3dcc6", "#e6c3dc", "#f7c28b", "#e3bfae", "#c5c8f3"),
    ("#5f6b76", "#0072b2", "#8a7400", "#007a5a", "#8a4f7d", "#b34700", "#74351c", "#3f43a8"),
)
_STATES_DARK: Final = (
    ("#3a4550", "#23506b", "#5c5211", "#1f5c49", "#5d4055", "#6e3f12", "#573527", "#3d4073"),
    ("#b5b5b5", "#56b4e9", "#f0e442", "#4fd1a5", "#d9a0c7", "#e69f00", "#e0a58c", "#a9adff"),
)
DASHES: Final = ((1, 0), (6, 3), (2, 2), (8, 2, 2, 2), (4, 4), (1, 3), (10, 3), (3, 1))


@dataclass(frozen=True)
class Theme:
    """How a picture looks: for a dark page, for right-to-left readers, and the reader's words for codes."""

    dark: bool = False
    right_to_left: bool = False
    words: Mapping[str, str] = field(default_factory=dict)

    @property
    def colours(self) -> dict[str, Any]:
        """`ink`, `grid` and the list `series`."""
        return dict(_DARK if self.dark else _LIGHT)

    @property
    def states(self) -> tuple[str, ...]:
        """A colour of each of the sixteen joint states, in the order of `trajectories.exports.months.STATES`."""
        weak, strong = _STATES_DARK if self.dark else _STATES_LIGHT
        return weak + strong

    def word(self, code: str) -> str:
        """Return the reader's word for a code, or the code."""
        return self.words.get(code, code)

    @property
    def side(self) -> Literal["left", "right"]:
        """Where the vertical axis stands."""
        return "right" if self.right_to_left else "left"


@dataclass(frozen=True)
class Picture:
    """A picture as a Vega-Lite document, and the table that says the same."""

    document: dict[str, Any]
    table: pl.DataFrame

    def svg(self) -> str:
        """Return the picture as SVG; the same picture gives the same text."""
        return _svg(canonical_text(self.document))

    def png(self, scale: float = 2.0) -> bytes:
        """Return the picture as PNG."""
        return _png(canonical_text(self.document), scale)


def canonical_text(document: dict[str, Any]) -> str:
    """Return a Vega-Lite document as text, keys sorted."""
    return json.dumps(document, sort_keys=True, ensure_ascii=False)


@lru_cache(maxsize=64)
def _svg(document: str) -> str:
    import vl_convert

    return str(vl_convert.vegalite_to_svg(document))


@lru_cache(maxsize=16)
def _png(document: str, scale: float) -> bytes:
    import vl_convert

    return bytes(vl_convert.vegalite_to_png(document, scale=scale))


def finished(chart: Any, theme: Theme, table: pl.DataFrame) -> Picture:
    """Return a chart with the theme applied, as a picture."""
    ink, grid = theme.colours["ink"], theme.colours["grid"]
    made = (
        chart.configure(font="sans-serif", background="transparent")
        .configure_view(stroke=None)
        .configure_axis(
            labelColor=ink,
            titleColor=ink,
            gridColor=grid,
            domainColor=grid,
            tickColor=grid,
            labelFontSize=13,
            titleFontSize=13,
            titleFontWeight="normal",
            labelLimit=320,
        )
        .configure_legend(
            orient="bottom",
            direction="horizontal",
            columns=2,
            labelColor=ink,
            titleColor=ink,
            labelFontSize=13,
            labelLimit=600,
        )
    )
    return Picture(made.to_dict(), table)


def rows_of(table: pl.DataFrame) -> Any:
    """Return a table as inline data of a chart."""
    import altair

    return altair.Data(values=table.to_dicts())  # type: ignore[no-untyped-call]
