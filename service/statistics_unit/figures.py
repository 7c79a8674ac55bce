"""Figures of a clustering for the run's quality report: scores, thresholds, and what each register is told."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from linkage.figures import score_histogram, threshold_curve
from linkage.pairs import SubjectPairs
from linkage.producers import producer_figures


def clustering_figures(
    handles: pa.Table,
    names: list[str],
    register: npt.NDArray[np.int64],
    single: list[int],
    pairs: SubjectPairs,
    labels: npt.NDArray[np.int64],
    missed: float,
) -> dict[str, Any]:
    """Return `scores` and `thresholds` over pairs of subjects, and `producers`: counts by register.

    Args:
        handles: `pass`, `handle`, `subject`.
        names: Of the agreement's registers.
        register: int64[n], the register of each subject, as its place in `names`.
        single: Registers with one record a person.
        pairs: Pairs of subjects with calibrated probabilities.
        labels: int64[n], the person of each subject.
        missed: Expected matches that no pass compared.
    """
    one_each = np.ones(len(pairs.a), dtype=np.int64)
    return {
        "scores": score_histogram(pairs.weight, one_each, pairs.probability),
        "thresholds": threshold_curve(pairs.probability, one_each, missed),
        "producers": _producers(handles, names, register, single, pairs, labels),
    }


def _producers(
    handles: pa.Table,
    names: list[str],
    register: npt.NDArray[np.int64],
    single: list[int],
    pairs: SubjectPairs,
    labels: npt.NDArray[np.int64],
) -> dict[str, Any]:
    owned = pl.from_arrow(handles)
    assert isinstance(owned, pl.DataFrame)
    has_row = np.zeros(len(register), dtype=np.bool_)
    has_row[owned["subject"].unique().to_numpy()] = True
    told = producer_figures(register, single, len(names), pairs, labels, has_row)
    reached = owned.select("pass", "subject").unique()
    reached = reached.with_columns(pl.Series("register", register[reached["subject"].to_numpy()]))
    rows = {(row[0], row[1]): row[2] for row in reached.group_by("register", "pass").len().iter_rows()}
    passes = sorted(owned["pass"].unique())
    return {
        name: {
            **own._asdict(),
            "linked": {names[other]: count for other, count in own.linked.items()},
            "in_pass": {at: rows.get((place, at), 0) for at in passes},
        }
        for place, (name, own) in enumerate(zip(names, told, strict=True))
        if own.subjects
    }
