"""Linkage in the clear: the yardstick that the encoded profiles are measured against.

Same subjects, passes, blocks, agreement levels, model and clustering as `blind_blocks`; only the
similarity of two values is exact. The distance in quality between the two is the price of the sketches.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow.parquet as pq
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from connectors.agent import ConnectorAgent
from contract.agreement import Agreement
from contract.submission import pass_file
from evaluation.clear_tables import ClearArrays, load_clear
from evaluation.submissions import owned_handles, submission_folders
from linkage.cluster import cluster
from linkage.compare import count_given, emit_given, pairs_in_blocks
from linkage.edges import join_edges
from linkage.em import fit
from linkage.pairs import SubjectPairs, subject_pairs
from linkage.patterns import PatternCounts
from linkage.person_ids import assign
from linkage.plan import ComparisonPlan, plan_of
from linkage.twins import patterns_of

_PAIRS_AT_ONCE: Final = 500_000

Rows = npt.NDArray[np.int64]
Compared = list[tuple[Rows, Rows, npt.NDArray[np.uint64]]]


def link_clear(
    agreement: Agreement, agents: Mapping[str, ConnectorAgent], sealing_key: X25519PrivateKey, vintage: str
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Link the submissions of profile `clear` that lie in the connectors' outboxes.

    Args:
        agreement: The agreement in force, of profile `clear`.
        agents: The connectors by register name, each with an encoded vintage.
        sealing_key: The statistics unit's private sealing key.
        vintage: The vintage.

    Returns:
        The links (`register` as the agreement names it, `subject_ref`, `person_id`) and the subject pairs
        (`a`, `b`, `probability`); a and b are places in the subjects sorted by (`agents`' name, subject_ref).

    Raises:
        PassTableError: A pass table is not one of the agreement's.
        PatternError: EM finds no model.
    """
    folders = submission_folders(agents, vintage)
    names = {name: agent.configuration.register for name, agent in agents.items()}
    subjects = _subjects(agents)
    places = {terms.name: place for place, terms in enumerate(agreement.registers)}
    owned = owned_handles(folders, sealing_key).join(subjects, on=["register", "subject_ref"], how="inner")
    tables = {names[name]: folder for name, folder in folders.items()}
    found = _pairs(agreement, tables, owned.select("pass", "handle", "subject"))
    labels = cluster(
        subjects.height,
        np.array([places[names[name]] for name in subjects["register"]], dtype=np.int64),
        [places[terms.name] for terms in agreement.registers if terms.rows_per_person == "one"],
        found.a,
        found.b,
        found.probability,
    )
    references = [f"{names[name]}/{reference}" for name, reference in subjects.select("register", "subject_ref").rows()]
    links = subjects.select(
        pl.col("register").replace_strict(names, return_dtype=pl.String),
        "subject_ref",
        pl.Series("person_id", assign(labels, references), dtype=pl.String),
    )
    return links, pl.DataFrame({"a": found.a, "b": found.b, "probability": found.probability})


def _subjects(agents: Mapping[str, ConnectorAgent]) -> pl.DataFrame:
    """Return `register`, `subject_ref`, `subject` (int64) of all registers, sorted."""
    rows = sorted({(name, reference) for name, agent in agents.items() for reference in agent.record_refs().values()})
    frame = pl.DataFrame(rows, schema={"register": pl.String, "subject_ref": pl.String}, orient="row")
    return frame.with_columns(pl.Series("subject", np.arange(len(rows), dtype=np.int64)))


def _pairs(agreement: Agreement, folders: Mapping[str, Path], owned: pl.DataFrame) -> SubjectPairs:
    """Compare all passes and fit the model: pairs of subjects with their probabilities."""
    plan = replace(plan_of(agreement), profile="blind_blocks")  # the columns and levels that are mirrored
    passes: dict[str, ClearArrays] = {}
    compared: dict[str, Compared] = {}
    counts: dict[str, PatternCounts] = {}
    for name in plan.passes:
        tables = {register: pq.read_table(folder / pass_file(name)) for register, folder in folders.items()}
        arrays = load_clear(agreement, plan, name, tables)
        passes[name], compared[name] = arrays, _compare(arrays, plan)
        counts[name] = PatternCounts.merge(count_given(arrays, *chunk) for chunk in compared[name])
    model = fit(counts, plan)
    edges = join_edges(
        emit_given(passes[name], plan, model, *chunk) for name, chunks in compared.items() for chunk in chunks
    )
    return subject_pairs(edges, owned.to_arrow())


def _compare(arrays: ClearArrays, plan: ComparisonPlan) -> Compared:
    """Return the row pairs of a pass with their agreement patterns, in chunks that bound the memory."""
    every = int((arrays.ends - np.arange(1, len(arrays) + 1)).sum())
    chunks: Compared = []
    for lo, hi in arrays.ranges(1 + every // _PAIRS_AT_ONCE):
        i, j = pairs_in_blocks(arrays, plan, lo, hi)
        chunks.append((i, j, patterns_of(arrays, plan, i, j)))
    return chunks
