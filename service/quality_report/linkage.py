"""The figures of a linkage run as they may leave the linkage unit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from service.quality_report.suppression import hidden, hidden_cells, hidden_curve, rounded, share

_PASS = ("pairs", "patterns", "match_rate", "kinds", "variables")


def protected(quality: Mapping[str, Any]) -> dict[str, Any]:
    """Return a linkage run's aggregates with small counts hidden (None).

    Args:
        quality: `Run.quality` of a linkage run. Sections that an earlier version did not make are left out.

    Returns:
        `converged`, `inverted`, `blocking` (by pass), `passes` (m, u, weights, estimated matches), and, where the run
        has them, `scores`, `thresholds`, `masked_pairs` and `registers` (by register and pass).
    """
    rows = quality.get("rows", {})
    found: dict[str, Any] = {
        "converged": quality.get("converged", True),
        "inverted": quality.get("inverted", []),
        "blocking": quality.get("blocking", {name: {"rows": count} for name, count in rows.items()}),
        "passes": {name: _pass(own) for name, own in quality.get("passes", {}).items()},
    }
    if "scores" in quality:
        found["scores"] = protected_scores(quality["scores"])
        found["thresholds"] = protected_curve(quality["thresholds"])
        found["masked_pairs"] = quality["masked_pairs"]
        found["registers"] = {
            register: {name: _register(own) for name, own in passes.items()}
            for register, passes in quality["registers"].items()
        }
    return found


def protected_scores(histogram: Mapping[str, Any]) -> dict[str, Any]:
    """Return a score histogram without small bins."""
    pairs = hidden_cells(histogram["pairs"])
    expected = [
        None if count is None else rounded(matches, 1)
        for count, matches in zip(pairs, histogram["expected_matches"], strict=True)
    ]
    return {"from": histogram["from"], "step": histogram["step"], "pairs": pairs, "expected_matches": expected}


def protected_curve(points: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return a threshold curve without points that differ by a few links."""
    return [
        {**point, "precision": rounded(point["precision"], 4), "recall": rounded(point["recall"], 4)}
        for point in hidden_curve(points)
    ]


def _pass(own: Mapping[str, Any]) -> dict[str, Any]:
    links = hidden(own["estimated_links"], own["pairs"])
    return {
        **{key: own[key] for key in _PASS if key in own},
        "estimated_matches": None if links is None else rounded(own["estimated_matches"], 1),
        "estimated_links": links,
    }


def _register(own: Mapping[str, Any]) -> dict[str, Any]:
    rows = own["rows"]
    found: dict[str, Any] = {"rows": hidden(rows)}
    for key in ("alone", "unlinkable", "linked"):
        if key in own:
            count = hidden(own[key], rows)
            found[key] = {"rows": count, "share": share(count, rows)}
    if "missing" in own:
        found["missing"] = {name: share(hidden(count, rows), rows) for name, count in own["missing"].items()}
    return found
