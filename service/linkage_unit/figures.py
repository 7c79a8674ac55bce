"""Figures of a linkage run for its quality report, gathered stage by stage: aggregates by pass and register."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from linkage.figures import LIKELY, comparison_figures, own_patterns, rows_alone
from linkage.model import Model
from linkage.patterns import PatternCounts
from linkage.plan import ComparisonPlan
from linkage.tables import PassArrays
from service.quality_report.suppression import LEAST


def pass_summary(arrays: PassArrays, plan: ComparisonPlan) -> dict[str, Any]:
    """Return rows, blocks and largest block of a pass; by register its rows, and those compared with no other."""
    sizes, alone = arrays.block_sizes(), rows_alone(arrays, plan)
    rows = np.bincount(arrays.register, minlength=len(plan.registers))
    return {
        "pass": arrays.name,
        "rows": len(arrays),
        "blocks": len(sizes),
        "largest_block": int(sizes.max(initial=0)),
        "registers": {
            name: {"rows": int(rows[place]), "alone": int(alone[place])}
            for place, name in enumerate(plan.registers)
            if rows[place]
        },
    }


def loaded_counts(arrays: PassArrays, plan: ComparisonPlan) -> dict[str, list[Any]]:
    """Return the patterns of rows with themselves: `pattern` (text: JSON numbers end at 2^53), `register`, `rows`."""
    own = own_patterns(arrays, plan)
    return {
        "pattern": [str(pattern) for pattern in own.pattern.tolist()],
        "register": own.register_a.tolist(),
        "rows": own.count.tolist(),
    }


def with_figures(model: Model, counts: Mapping[str, PatternCounts], loaded: Mapping[str, bytes]) -> Model:
    """Return a model with the figures of its comparison among its aggregates.

    Args:
        model: As fitted.
        counts: Pass to pattern counts.
        loaded: Pass to the object of its load stage: JSON with `own`, as `loaded_counts`.
    """
    own = {}
    for name, content in loaded.items():
        table = json.loads(content)["own"]
        pattern = np.array([int(text) for text in table["pattern"]], dtype=np.uint64)
        register = np.array(table["register"], dtype=np.uint16)
        own[name] = PatternCounts.gathered(pattern, register, register, np.array(table["rows"], dtype=np.int64))
    return model.with_quality({**model.quality, **comparison_figures(model, counts, own, LEAST)})


def linked_rows(edges: pa.Table) -> dict[str, dict[str, int]]:
    """Return, by pass and register, the rows that have a likely edge. `edges` are canonical."""
    likely = edges.filter(pc.greater_equal(edges.column("probability"), LIKELY))
    ends = [
        likely.select(["pass", f"register_{side}", f"handle_{side}"]).rename_columns(["pass", "register", "handle"])
        for side in "ab"
    ]
    both = pa.concat_tables(ends)
    rows = both.group_by(["pass", "register"]).aggregate([("handle", "count_distinct")]).to_pylist()
    found: dict[str, dict[str, int]] = {}
    for row in sorted(rows, key=lambda one: (one["pass"], one["register"])):
        found.setdefault(row["pass"], {})[row["register"]] = row["handle_count_distinct"]
    return found


def run_quality(
    model: Mapping[str, Any], loaded: Sequence[Mapping[str, Any]], linked: Mapping[str, Mapping[str, int]]
) -> dict[str, Any]:
    """Return a run's aggregates: those of its model (`Model.to_json`), and those of its rows.

    Args:
        model: The model's document.
        loaded: `pass_summary` of each pass.
        linked: Of `linked_rows`.
    """
    quality = dict(model["quality"])
    registers = {name: {at: dict(own) for at, own in passes.items()} for name, passes in quality["registers"].items()}
    blocking = {}
    for one in loaded:
        blocking[one["pass"]] = {
            **{key: one[key] for key in ("rows", "blocks", "largest_block")},
            "pairs": quality["passes"][one["pass"]]["pairs"],
        }
        for name, own in one["registers"].items():
            held = registers.setdefault(name, {}).setdefault(one["pass"], {"rows": own["rows"]})
            held |= {"alone": own["alone"], "linked": linked.get(one["pass"], {}).get(name, 0)}
    return {
        **quality,
        "registers": registers,
        "blocking": blocking,
        "converged": model["converged"],
        "rows": {name: own["rows"] for name, own in blocking.items()},
    }
