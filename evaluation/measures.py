"""Measures that need the truth and every party's view at once: completeness, block sizes, calibration."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow.parquet as pq

from connectors.agent import ConnectorAgent
from contract.agreement import Agreement
from contract.submission import pass_file, pass_names
from evaluation.calibration import calibration
from evaluation.candidates import all_pairs, block_sizes, compared_pairs, count_true_pairs, distinct_pairs, pair_counts
from evaluation.datasets import LabelledSet
from evaluation.submissions import owned_handles, submission_folders
from evaluation.units import ServedUnit
from service.statistics_unit.models import DeliveryState, EdgesDelivery


@dataclass(frozen=True)
class Opened:
    """A finished run with everything opened: what no single party ever has.

    `pairs` are subject pairs with probabilities where the units did not make them (profile `clear`).
    """

    dataset: LabelledSet
    agreement: Agreement
    agents: dict[str, ConnectorAgent]
    statistics: ServedUnit
    vintage: str
    pairs: pl.DataFrame | None = None

    def groups(self) -> pl.DataFrame | None:
        """Return each true person's nationality (`entity_id`, `group`): the most frequent one recorded."""
        parts = []
        for register in self.dataset.registers:
            if "nationality" in register.fields:
                column = register.fields["nationality"].column
                parts.append(
                    register.rows.select(
                        pl.lit(register.name).alias("register"),
                        pl.col(register.record_id).alias("record_id"),
                        pl.col(column).alias("group"),
                    )
                )
        if not parts:
            return None
        votes = pl.concat(parts).join(self.dataset.truth, on=["register", "record_id"]).drop_nulls("group")
        counted = (
            votes.group_by("entity_id", "group")
            .len()
            .sort(["entity_id", "len", "group"], descending=[False, True, False])
        )
        return counted.group_by("entity_id", maintain_order=True).first().select("entity_id", "group")

    def references(self) -> pl.DataFrame:
        """Return `register`, `record_id`, `subject_ref` of every record, with or without a known person."""
        parts = []
        for name, agent in self.agents.items():
            refs = agent.record_refs()
            parts.append(
                pl.DataFrame(
                    {"register": [name] * len(refs), "record_id": list(refs), "subject_ref": list(refs.values())},
                    schema={"register": pl.String, "record_id": pl.String, "subject_ref": pl.String},
                )
            )
        return pl.concat(parts)

    def records(self) -> pl.DataFrame:
        """Return the records of the truth: `record` (number), `register`, `record_id`, `subject_ref`, `entity_id`."""
        joined = self.references().join(self.dataset.truth, on=["register", "record_id"], how="inner")
        return (
            joined.sort("register", "record_id").with_row_index("record").with_columns(pl.col("record").cast(pl.Int64))
        )

    def subjects(self) -> pl.DataFrame:
        """Return all subjects, sorted: `subject` (number), `register`, `subject_ref`, `entity_id` (null if unknown)."""
        records = self.references().join(self.dataset.truth, on=["register", "record_id"], how="left")
        entity = (
            records.sort("record_id").group_by("register", "subject_ref").agg(pl.col("entity_id").drop_nulls().first())
        )
        numbered = entity.sort("register", "subject_ref").with_row_index("subject")
        return numbered.with_columns(pl.col("subject").cast(pl.Int64))

    def handles(self) -> pl.DataFrame:
        """Return `register`, `pass`, `handle`, `subject_ref` of all submissions."""
        return owned_handles(self.folders(), self.statistics.keys.sealing)

    def folders(self) -> dict[str, Path]:
        """Return each register's submission folder."""
        return submission_folders(self.agents, self.vintage)


def measure(opened: Opened, one: list[str]) -> dict[str, Any]:
    """Return pairs completeness, reduction ratio, pass sizes and calibration."""
    records = opened.records()
    handles = opened.handles()
    owners = handles.join(records, on=["register", "subject_ref"], how="inner")
    rows: dict[str, pl.DataFrame] = {}
    for name in pass_names(opened.agreement):
        blocks = [
            pl.DataFrame(pl.from_arrow(pq.read_table(folder / pass_file(name), columns=["handle", "block"])))
            for folder in opened.folders().values()
        ]
        known = owners.filter(pl.col("pass") == name)
        rows[name] = (
            pl.concat(blocks).join(known, on="handle", how="inner").select("block", "register", "record", "entity_id")
        )
    record_profile = opened.agreement.profile.name == "record"
    counts = pair_counts(rows, one)
    true = count_true_pairs(records, one)
    possible = all_pairs(records, one)
    met = true if record_profile else compared_pairs(rows, one).height  # record: one block of everything
    compared = possible if record_profile else distinct_pairs(rows, one)
    return {
        "pairs_completeness": met / true if true else 1.0,
        "reduction_ratio": 1.0 - compared / possible if possible else 1.0,
        "calibration": _calibration(opened, handles, one),
        "passes": [
            {
                "name": name,
                "levels": [
                    list(level) for terms in opened.agreement.passes if terms.name == name for level in terms.levels
                ],
                "pairs": counts[name],
                **block_sizes(frame),
            }
            for name, frame in rows.items()
        ],
    }


def _calibration(opened: Opened, handles: pl.DataFrame, one: list[str]) -> dict[str, Any]:
    """Return the calibration of probabilities in context, which all estimates use, and of the pairs' own."""
    from linkage.context import context_of, core_pairs, questions
    from linkage.pairs import SubjectPairs, subject_pairs

    numbered = opened.subjects()
    if opened.pairs is not None:
        a, b, own = (opened.pairs[name].to_numpy() for name in ("a", "b", "probability"))
        found = SubjectPairs(np.minimum(a, b), np.maximum(a, b), own, np.zeros(len(own)))
    else:
        owned = handles.join(numbered, on=["register", "subject_ref"]).select("pass", "handle", "subject")
        found = subject_pairs(_edges(opened), owned.to_arrow())
    names = sorted(set(numbered["register"]))
    register = np.array([names.index(name) for name in numbered["register"]], dtype=np.int64)
    cores = core_pairs(register, [names.index(name) for name in one if name in names], found)
    entity = numbered["entity_id"].rank("dense").fill_null(0).to_numpy().astype(np.int64)
    known = (entity[found.a] > 0) & (entity[found.b] > 0)  # of a subject without truth nothing is known
    match = (entity[found.a] == entity[found.b])[known]
    context = context_of(cores, found).probability[known]
    return {
        **calibration(context, match, questions(cores, found)[known]),
        "own": calibration(found.probability[known], match),
    }


def _edges(opened: Opened) -> Any:
    from sqlalchemy import select

    unit = opened.statistics.unit
    with unit.database.read() as session:
        accepted = select(EdgesDelivery).where(EdgesDelivery.state == DeliveryState.ACCEPTED)
        digest = session.scalars(accepted).one().object_digest
    with unit.store.open(digest or "") as source:
        return pq.read_table(source)
