"""The last stage of a computation: its review sheet, whose pairs get their numbers here."""

from __future__ import annotations

import io
import json
from collections.abc import Callable

import polars as pl
import pyarrow as pa

from service.agreements.service import get_agreement
from service.runs.port import ChunkResult, Run
from service.statistics_unit.objects import read_arrow
from service.statistics_unit.persons import Subjects
from service.statistics_unit.review_decisions import drop_orphans, placed
from service.statistics_unit.review_ledger import in_force
from service.statistics_unit.review_pairs import number_pairs, pairs_of_numbers
from service.statistics_unit.review_sheet import Computed, build_sheet
from service.statistics_unit.start import series_of
from service.statistics_unit.subjects import subjects_database
from service.unit import Unit
from trajectories.tables import Window


def review_chunk(
    unit: Unit,
    run: Run,
    *,
    subjects: Subjects,
    pairs: pa.Table,
    links: pl.DataFrame,
    window: Window | None,
    table: Callable[[str, str], pl.DataFrame],
) -> ChunkResult:
    """Make the review sheet of a computation, number its pairs, and delete decisions on subjects taken back.

    Args:
        unit: The statistics unit.
        run: The computation.
        subjects: Of the computation.
        pairs: Of its merge.
        links: Of its clustering.
        window: Of its trajectories.
        table: Gives a register's table as submitted.
    """
    with unit.database.read() as session:
        verdicts = in_force(session, run.agreement_id)
        series, agreement = series_of(session, run.agreement_id), get_agreement(session, run.agreement_id).agreement
    with subjects_database(unit.settings) as database:
        erased = drop_orphans(unit, run.agreement_id, database)
        decided = placed(subjects, pairs_of_numbers(database, series, verdicts), verdicts)
        made = Computed(
            agreement=agreement,
            subjects=subjects,
            pairs=pairs,
            links=links,
            edges=read_arrow(unit.store, run.parameters["edges"]),
            decided=decided,
            registers=tuple(sorted(run.parameters["submissions"])),
            table=table,
            window=window,
        )
        sheet, names = build_sheet(made)
        numbers = number_pairs(database, series, run.id, names)
    for pair, number in zip(sheet["pairs"], numbers, strict=True):
        pair["number"] = number
    digest, _ = unit.store.put(io.BytesIO(json.dumps(sheet, sort_keys=True).encode()))
    summary = {"pairs": len(sheet["listed"]), "sample": len(sheet["sample"]), "decisions_erased": erased}
    return ChunkResult(digest, summary)
