"""What the statistics unit adds to a computation's quality report: the edges' own figures, and cells of the payload."""

from __future__ import annotations

from typing import Any

from contract.edges import SignedEdgesManifest
from service.quality_report.linkage import protected
from service.quality_report.suppression import hidden
from service.runs import ledger
from service.runs.port import Run
from service.statistics_unit.models import EdgesDelivery
from service.statistics_unit.objects import read_frame, trajectory_frames
from service.statistics_unit.trajectories import DIAGNOSIS
from service.unit import Unit


def report_sections(unit: Unit, run: Run) -> dict[str, Any]:
    """Return `linkage`, as the linkage unit signed it with the edges, and `computation` with `cells`.

    `cells` are, by register and column of the payload, rows, and cells missing, invalid and in no code list.
    """
    with unit.database.read() as session:
        row = session.get(EdgesDelivery, run.parameters.get("edges_run", ""))
        document = None if row is None else row.document
        made = ledger.results(session, run.id, "trajectories")
    found: dict[str, Any] = {}
    if document is not None:
        quality = SignedEdgesManifest.model_validate_json(document).manifest.quality
        # a linkage unit of an earlier version sent its figures as they were
        found["linkage"] = quality if "blocking" in quality else protected(quality)
    cells: dict[str, dict[str, Any]] = {}
    frames, _ = trajectory_frames(unit.store, made[0].digest)
    if DIAGNOSIS in frames:
        for register, column, rule, rows, *counts in read_frame(unit.store, frames[DIAGNOSIS]).iter_rows():
            missing, invalid, unmapped = (hidden(count, rows) for count in counts)
            cells.setdefault(register, {})[column] = {
                "rule": rule,
                "rows": hidden(rows),
                "missing": missing,
                "invalid": invalid,
                "unmapped": unmapped,
            }
    return {**found, "computation": {"cells": cells}}
