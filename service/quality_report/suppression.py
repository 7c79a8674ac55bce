"""Small counts do not leave a unit: a cell of 1 to 9, and what would give it away.

A hidden count is None. Cells that add up to a figure shown elsewhere are hidden together (`hidden_cells`): a single
hidden cell would follow from the total (Hundepool et al., Statistical Disclosure Control, 2012, section 4.2).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

LEAST: Final = 10  # the smallest count that is shown


def hidden(count: int | None, total: int | None = None) -> int | None:
    """Return a count, None if it or what the total leaves over is small."""
    if count is None or 0 < count < LEAST or (total is not None and 0 < total - count < LEAST):
        return None
    return count


def hidden_cells(counts: Sequence[int]) -> list[int | None]:
    """Return cells of one total: small ones hidden, and the next smallest with them until the hidden are `LEAST`."""
    order = sorted((place for place, count in enumerate(counts) if count > 0), key=lambda place: (counts[place], place))
    gone: set[int] = set()
    lost = 0
    for place in order:
        if counts[place] >= LEAST and (not gone or (lost >= LEAST and len(gone) > 1)):
            break
        gone.add(place)
        lost += counts[place]
    return [None if place in gone else count for place, count in enumerate(counts)]


def hidden_curve(points: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the points of a threshold curve of which no two differ by a small number of links.

    Points rise in `threshold` and fall in `links`. One that is left out is not shown at all: its place says nothing.
    """
    shown: list[dict[str, Any]] = []
    for point in reversed(points):
        links, before = point["links"], shown[-1]["links"] if shown else 0
        if links - before == 0 or links - before >= LEAST:
            shown.append(point)
    return shown[::-1]


def share(count: int | None, total: int | None) -> float | None:
    """Return a share to three decimals; None of a hidden count or of nothing."""
    return None if count is None or not total else round(count / total, 3)


def rounded(value: float | None, digits: int = 3) -> float | None:
    """Return an estimate without the digits that would give exact counts away."""
    return None if value is None else round(value, digits)
