"""A run's own estimates beside the truth: do its 95 % intervals of precision and recall hold what they estimate.

Estimates and truth are both of pairs of subjects: of records, or of what a connector's grouping made of them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final

import polars as pl

from contract.errors import NotFoundError
from evaluation.measures import Opened
from evaluation.scoring import score
from service.statistics_unit.start import latest_run

SHARES: Final = ("precision", "recall")


def beside_truth(opened: Opened, links: pl.DataFrame, one: Collection[str]) -> dict[str, Any] | None:
    """Return a run's estimates of precision and recall and their true values; None where no unit assessed the run.

    Args:
        opened: The finished run.
        links: Its persons: `register` (as the set names it), `subject_ref`, `person_id`.
        one: Registers that hold one record a person.

    Raises:
        NotFoundError: No computation of this vintage has succeeded.
    """
    if opened.pairs is not None:
        return None
    unit = opened.statistics.unit
    with unit.database.read() as session:
        run = latest_run(session, opened.agreement.id, opened.vintage)
    if run is None:
        raise NotFoundError("No computation of this vintage has ended.")
    subjects = opened.subjects().drop_nulls("entity_id").rename({"subject_ref": "record_id"})
    truth = subjects.select("register", "record_id", "entity_id")
    return held(run.quality["cluster"]["assessment"], score(links.rename({"subject_ref": "record_id"}), truth, one))


def held(assessment: Mapping[str, Any], scores: Mapping[str, Any]) -> dict[str, Any]:
    """Return `precision` and `recall`: `value`, `low` and `high` of the estimate, `true`, and whether it `held`.

    Args:
        assessment: Of the statistics unit, `Assessment.report`.
        scores: Of `evaluation.scoring.score`, over subjects.
    """
    found = {}
    for name in SHARES:
        estimate, true = assessment[name], scores["pairwise"][name]
        found[name] = {**estimate, "true": true, "held": estimate["low"] <= true <= estimate["high"]}
    return found
