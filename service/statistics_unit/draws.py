"""How sure the links are: draws of partitions for intervals, and the confidence of a person's registers for spells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from contract.agreement import Agreement
from contract.nationality_groups import group_of
from linkage.detachment import draw_detached
from linkage.draws import draw_partitions
from linkage.missed import MissedLinks, estimate_missed, sensitivities
from linkage.pairs import SubjectPairs
from trajectories.persons import HOME_NATIONALITY
from trajectories.uncertainty import LinkageDraws

#: Draws of a computation: enough for a variance, few enough that a run stays a run.
DRAWS: Final = 20
#: Error of the calibration that all pairs of two registers share, in log odds (docs/adr/0015-intervals.md).
DOUBT: Final = 1.7
_SEED: Final = 1


@dataclass(frozen=True)
class LinkUncertainty:
    """Draws over subjects, without their references.

    Attributes:
        draws: How many.
        table: `draw`, `subject`, `person` of subjects that differ from the point estimate.
        point: int64, label of each subject's person.
        subject_of: `register`, `record`, `subject`.
        confidence: `person_id`, `register`, `confidence`.
        detached: As `table`, of draws in which subjects that were all but lost stand alone (`linkage.detachment`).
        sensitivity: By register, the estimated share of subjects with records elsewhere whose link to them was found.
    """

    draws: int
    table: pl.DataFrame
    point: npt.NDArray[np.int64]
    subject_of: pl.DataFrame
    confidence: pl.DataFrame
    detached: pl.DataFrame
    sensitivity: dict[str, float]

    def over(self, records: pl.DataFrame) -> tuple[LinkageDraws, LinkageDraws]:
        """Return the draws, and those of detached subjects, over records in their order (`register`, `record`)."""
        found = records.select("register", "record").join(
            self.subject_of, on=["register", "record"], how="left", maintain_order="left"
        )
        subject = found["subject"].fill_null(-1).to_numpy().astype(np.int64)
        drawn, detached = (LinkageDraws(self.draws, one, self.point, subject) for one in (self.table, self.detached))
        return drawn, detached


def link_uncertainty(
    pairs: pa.Table,
    links: pl.DataFrame,
    records: Mapping[str, pl.DataFrame],
    agreement: Agreement,
) -> LinkUncertainty:
    """Draw partitions of the subjects, and say how sure each person's registers are.

    Args:
        pairs: Pairs of subjects of the merge: `a`, `b`, `probability`, `weight`, and the number of `passes` that found
            each; without the last nothing is known of links that no pass found, and none is drawn.
        links: `register`, `subject_ref`, `person_id`, sorted by register and reference as subjects are numbered.
        records: Register to `subject_ref`, `record_ref`, and `nationality` where there is one.
        agreement: Says which registers hold one record a person.

    Raises:
        EvidenceError: Pairs and links do not fit together.
    """
    places = {terms.name: place for place, terms in enumerate(agreement.registers)}
    register = np.array([places[name] for name in links["register"]], dtype=np.int64)
    single = [places[terms.name] for terms in agreement.registers if terms.rows_per_person == "one"]
    found = SubjectPairs(*(pairs.column(name).to_numpy() for name in SubjectPairs._fields))
    first = links.select("person_id").unique(maintain_order=True).with_row_index("label")
    named = links.join(first, on="person_id", how="left", maintain_order="left")
    point = named["label"].to_numpy().astype(np.int64)
    numbered = links.with_row_index("subject").with_columns(pl.col("subject").cast(pl.Int64))
    missed: list[MissedLinks] = []
    if "passes" in pairs.column_names:
        groups = _groups(numbered, records)
        missed = estimate_missed(register, found, pairs.column("passes").to_numpy(), point, groups)
    drawn = draw_partitions(register, single, found, point, draws=DRAWS, seed=_SEED, doubt=DOUBT)
    detached = draw_detached(point, missed, draws=DRAWS, seed=_SEED)
    subject_of = pl.concat(
        [
            own.select(pl.lit(name).alias("register"), "subject_ref", record=pl.col("record_ref").cast(pl.String)).join(
                numbered.select("register", "subject_ref", "subject"), on=["register", "subject_ref"], how="inner"
            )
            for name, own in sorted(records.items())
        ]
        or [pl.DataFrame(schema={"register": pl.String, "record": pl.String, "subject": pl.Int64})]
    ).select("register", "record", "subject")
    names = [terms.name for terms in agreement.registers]
    sensitivity = {names[place]: share for place, share in sensitivities(register, point, missed).items()}
    confidence = _confidence(numbered, point, found)
    return LinkUncertainty(
        DRAWS, pl.DataFrame(drawn.table), point, subject_of, confidence, pl.DataFrame(detached), sensitivity
    )


def _groups(links: pl.DataFrame, records: Mapping[str, pl.DataFrame]) -> npt.NDArray[np.int64]:
    """Return a group of each subject: nationals, each nationality group, unknown.

    Names of one origin are about as hard to find; and who is alone in a register, and rightly so, depends on it too.
    """
    named = _nationalities(links, records)
    known = named.unique().sort()
    names = {code: "" if not code else code if code == HOME_NATIONALITY else group_of(code) for code in known}
    places = {name: place for place, name in enumerate(sorted(set(names.values())))}
    return named.replace_strict({code: places[name] for code, name in names.items()}).to_numpy().astype(np.int64)


def _nationalities(links: pl.DataFrame, records: Mapping[str, pl.DataFrame]) -> pl.Series:
    """Return the nationality of each subject as its records give it, empty where they do not."""
    described = [pl.DataFrame(schema=dict.fromkeys(("subject_ref", "nationality", "register"), pl.String))]
    for name, own in sorted(records.items()):
        if "nationality" in own.columns:
            given = pl.col("nationality").cast(pl.String).drop_nulls().min()
            described.append(own.group_by("subject_ref").agg(given).with_columns(register=pl.lit(name)))
    joined = links.join(pl.concat(described), on=["register", "subject_ref"], how="left", maintain_order="left")
    return joined["nationality"].fill_null("")


def _confidence(links: pl.DataFrame, point: npt.NDArray[np.int64], pairs: SubjectPairs) -> pl.DataFrame:
    """Return the probability that a register's records are the person's: of its least sure subject.

    A subject is as sure as its best pair with another subject of the person; one that is alone is sure.
    """
    together = point[pairs.a] == point[pairs.b]
    best = np.full(len(point), -1.0)
    for ends in (pairs.a, pairs.b):
        np.maximum.at(best, ends[together], pairs.probability[together])
    sole = np.bincount(point, minlength=1)[point] == 1
    sure = np.where(sole | (best < 0), 1.0, best)
    # Without a direct pair a subject hangs on a chain; the person's least sure pair speaks for it.
    least = np.ones(int(point.max(initial=-1)) + 1)
    np.minimum.at(least, point[pairs.a[together]], pairs.probability[together])
    sure = np.where(~sole & (best < 0), least[point], sure)
    return (
        links.with_columns(confidence=pl.Series(sure))
        .group_by("person_id", "register")
        .agg(pl.col("confidence").min())
        .sort("person_id", "register")
    )
