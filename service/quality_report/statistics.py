"""The figures of a computation as they may leave the statistics unit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from service.quality_report.linkage import protected_curve, protected_scores
from service.quality_report.suppression import hidden, rounded, share

_SHARES = ("precision", "recall", "completeness")
_COUNTS = ("no_row", "no_likely_pair", "linked_at_all", "left_apart", "rivals")


def protected_assessment(assessment: Mapping[str, Any]) -> dict[str, Any]:
    """Return a computation's estimates and producers' figures with small counts hidden (None).

    Args:
        assessment: `Run.quality["cluster"]["assessment"]` of a computation. Sections that an earlier version did not
            make are left out.
    """
    found: dict[str, Any] = {
        "overall": _estimates(assessment),
        "by_register_pair": {name: _estimates(own) for name, own in assessment["by_register_pair"].items()},
    }
    if "scores" in assessment:
        found["scores"] = protected_scores(assessment["scores"])
        found["thresholds"] = protected_curve(assessment["thresholds"])
        found["producers"] = {
            name: _producer(name, own, assessment["by_register_pair"]) for name, own in assessment["producers"].items()
        }
    return found


def _estimates(own: Mapping[str, Any]) -> dict[str, Any]:
    linked = hidden(own["linked_pairs"])
    return {
        "linked_pairs": linked,
        **{
            name: None if linked is None else {key: rounded(value) for key, value in own[name].items()}
            for name in _SHARES
        },
        "missed_pairs": None if linked is None else rounded(own["missed_pairs"], 0),
    }


def _producer(name: str, own: Mapping[str, Any], by_pair: Mapping[str, Any]) -> dict[str, Any]:
    subjects = own["subjects"]
    counts = {key: hidden(own[key], subjects) for key in _COUNTS}
    return {
        "subjects": hidden(subjects),
        **{key: {"subjects": count, "share": share(count, subjects)} for key, count in counts.items()},
        "linked": {
            other: _linked(hidden(count, subjects), subjects, _pair(by_pair, name, other))
            for other, count in own["linked"].items()
        },
        "in_pass": {at: share(hidden(count, subjects), subjects) for at, count in own["in_pass"].items()},
    }


def _pair(by_pair: Mapping[str, Any], name: str, other: str) -> Mapping[str, Any] | None:
    return by_pair.get(f"{name}/{other}") or by_pair.get(f"{other}/{name}")


def _linked(count: int | None, subjects: int, estimates: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the share of subjects linked with another register, and what it would be without errors of linkage.

    True links are links times precision over recall; the interval takes both at their ends.
    """
    found: dict[str, Any] = {"subjects": count, "share": share(count, subjects), "corrected": None}
    if count and estimates is not None:
        precision, recall = estimates["precision"], estimates["recall"]
        ends = {"value": ("value", "value"), "low": ("low", "high"), "high": ("high", "low")}
        found["corrected"] = {
            key: rounded(min(count / subjects * precision[top] / recall[bottom], 1.0) if recall[bottom] > 0 else 1.0)
            for key, (top, bottom) in ends.items()
        }
    return found
