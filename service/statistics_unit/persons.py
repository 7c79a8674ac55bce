"""From edges and lists of subjects to persons. The only code that reads the subject lists."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from contract.agreement import Agreement
from linkage.assessment import assess
from linkage.cluster import cluster, labels_of
from linkage.incremental import likely_components, recluster
from linkage.pairs import SubjectPairs, met_pairs
from linkage.person_ids import assign
from service.statistics_unit.continuation import COMPONENT, Earlier, before_of, person_ids
from service.statistics_unit.figures import clustering_figures

LINK_COLUMNS = ("register", "subject_ref", "person_id")


@dataclass(frozen=True)
class Subjects:
    """All subjects of a run, sorted by register and reference: a subject's number is its place.

    Attributes:
        frame: `register`, `subject_ref` (str).
        handles: `pass` (str), `handle` (uint64), `subject` (int64).
    """

    frame: pl.DataFrame
    handles: pa.Table

    def __len__(self) -> int:
        return self.frame.height


def gather_subjects(
    handles: Mapping[str, pl.DataFrame], records: Mapping[str, pl.DataFrame], retracted: Iterable[tuple[str, str]]
) -> Subjects:
    """Number the subjects of all registers, retracted ones left out.

    A subject that is withheld in every pass has records but no handle; it is a subject all the same.

    Args:
        handles: Register to `pass`, `handle`, `subject_ref`.
        records: Register to `subject_ref` (and more).
        retracted: (register, subject_ref).
    """
    names = [
        pl.DataFrame({"register": pl.Series([], dtype=pl.String), "subject_ref": pl.Series([], dtype=pl.String)}),
        *(_references(frame, register) for part in (handles, records) for register, frame in sorted(part.items())),
    ]
    gone = pl.DataFrame(sorted(retracted), schema={"register": pl.String, "subject_ref": pl.String}, orient="row")
    frame = (
        pl.concat(names).unique().join(gone, on=["register", "subject_ref"], how="anti").sort("register", "subject_ref")
    )
    numbered = frame.with_row_index("subject").with_columns(pl.col("subject").cast(pl.Int64))
    owned = [
        pl.DataFrame(schema={"pass": pl.String, "handle": pl.UInt64, "subject": pl.Int64}),
        *(
            own.select(pl.col("pass").cast(pl.String), "handle", pl.col("subject_ref").cast(pl.String))
            .join(numbered.filter(pl.col("register") == register), on="subject_ref", how="inner")
            .select("pass", "handle", "subject")
            for register, own in sorted(handles.items())
        ),
    ]
    return Subjects(frame, pl.concat(owned).sort("pass", "handle").to_arrow())


def _references(frame: pl.DataFrame, register: str) -> pl.DataFrame:
    return frame.select(pl.lit(register).alias("register"), pl.col("subject_ref").cast(pl.String)).unique()


def pairs_of(edges: pa.Table, subjects: Subjects) -> pa.Table:
    """Merge the passes: pairs of subjects `a`, `b` with `probability` and `weight`, and the number of `passes`."""
    pairs, passes = met_pairs(edges, subjects.handles)
    return pa.table({**pairs._asdict(), "passes": passes})


def assessment_of(subjects: Subjects, pairs: pa.Table, agreement: Agreement, links: pl.DataFrame) -> dict[str, Any]:
    """Return estimated precision, recall and blocking loss, as a whole and by pair of registers, and further figures.

    Those are of `figures.clustering_figures`.
    """
    register, single = _registers(subjects, agreement)
    found = SubjectPairs(*(pairs.column(name).to_numpy() for name in SubjectPairs._fields))
    labels = links["person_id"].rank("dense").cast(pl.Int64).to_numpy() - 1
    assessed = assess(register, single, found, pairs.column("passes").to_numpy(), labels)
    names = [terms.name for terms in agreement.registers]
    by_pair = {f"{names[key[0]]}/{names[key[1]]}": own.report() for key, own in assessed.items() if key is not None}
    figures = clustering_figures(subjects.handles, names, register, single, found, labels, assessed[None].missed)
    return {**assessed[None].report(), "by_register_pair": by_pair, **figures}


def _registers(subjects: Subjects, agreement: Agreement) -> tuple[npt.NDArray[np.int64], list[int]]:
    """Return each subject's register as its place in the agreement, and the places with one record a person."""
    names = [terms.name for terms in agreement.registers]
    places = dict(zip(names, range(len(names)), strict=True))
    register = subjects.frame["register"].replace_strict(places, return_dtype=pl.Int64).to_numpy()
    return register, [places[terms.name] for terms in agreement.registers if terms.rows_per_person == "one"]


def links_of(
    subjects: Subjects,
    pairs: pa.Table,
    agreement: Agreement,
    previous: Mapping[tuple[str, str], str],
    earlier: Earlier | None = None,
) -> pl.DataFrame:
    """Cluster subjects and name the persons.

    Args:
        subjects: Of `gather_subjects`.
        pairs: Of `pairs_of`.
        agreement: Says which registers hold one record a person.
        previous: (register, subject_ref) to the person id of the run before.
        earlier: Its objects, if they are still there: only components whose edges changed are clustered anew.

    Returns:
        `LINK_COLUMNS` and each subject's component of likely edges (`continuation.COMPONENT`, int64), sorted by
        register and subject_ref.
    """
    register, single = _registers(subjects, agreement)
    found = SubjectPairs(*(pairs.column(name).to_numpy() for name in SubjectPairs._fields))
    if earlier is None:
        labels = cluster(len(subjects), register, single, found.a, found.b, found.probability)
        changed, component = np.ones(len(labels), dtype=np.bool_), likely_components(register, single, found)
        ids = pl.Series("person_id", [None] * len(labels), dtype=pl.String)
    else:
        before = before_of(earlier, subjects.frame, register, single)
        labels, _, changed, component = recluster(register, single, found, before)
        ids = person_ids(earlier, before.labels)
    # who was not clustered anew shares no person with those who were, and keeps the id
    places = np.flatnonzero(changed)
    anew = list(subjects.frame[places].iter_rows())
    known = {f"{row[0]}/{row[1]}": previous[row] for row in anew if row in previous}
    made = assign(labels[places], [f"{row[0]}/{row[1]}" for row in anew], known, taken=previous.values())
    return subjects.frame.with_columns(ids.scatter(places, made), pl.Series(COMPONENT, labels_of(component)))
