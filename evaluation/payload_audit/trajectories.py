"""Trajectories: how many observed points single a person out.

Unicity of de Montjoye and others, Scientific Reports 3:1376 (2013). A point is a month with a pay band, or a day with a
place, as they are released. The attacker saw a person k times and looks for the payload's persons who have all k
points.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from contract.audit_report import Hits
from evaluation.payload_audit.knowledge import knowledge_of
from evaluation.payload_audit.tables import REFERENCES, PayloadTables

MOST_POINTS: Final = 4


@dataclass(frozen=True)
class Unicity:
    """What so many points told.

    Attributes:
        points: Number of points known, k.
        alone: Persons whom the points alone single out, of those sampled that have k points or more.
        described: Persons whom the points and all attributes single out.
    """

    points: int
    alone: Hits
    described: Hits


def unicity(tables: PayloadTables, *, persons: int, seed: int) -> tuple[tuple[str, ...], list[Unicity]]:
    """Draw persons and points of theirs, and count how often nobody else has them all.

    Args:
        tables: Payload and truth.
        persons: So many persons are drawn; every person of the payload is searched.
        seed: Of the draw.

    Returns:
        The columns of a point, and one result for each k from 1 to 4; both empty where no row is a point.
    """
    columns = tuple(name for name in knowledge_of(tables.register).points if name in tables.events.columns)
    if not columns or not tables.events.height:
        return (), []
    # a day's order of crossings is no observation: times are cut to their day
    point = pl.concat_str(
        [pl.col(name).cast(pl.String).str.slice(0, 10).fill_null("") for name in columns], separator="|"
    )
    attributes = [name for name in tables.records.columns if name not in REFERENCES]
    rows = (
        tables.events.drop_nulls(columns[0])
        .select("record_ref", point.alias("point"))
        .join(tables.records, on="record_ref")
        .with_columns(pl.concat_str([pl.lit(""), *(pl.col(name).cast(pl.String).fill_null("") for name in attributes)],
                                    separator="\x1f").alias("described"))
    )  # fmt: skip
    pairs = rows.select(
        person=pl.col("subject_ref").rank("dense").cast(pl.Int64) - 1,
        point=pl.col("point").rank("dense").cast(pl.Int64) - 1,
        described=pl.col("described").rank("dense").cast(pl.Int64) - 1,
    )
    if not pairs.height:
        return (), []
    search = _Search.over(pairs)
    rng = np.random.default_rng([seed, 0x7247])
    drawn = np.sort(rng.permutation(search.persons)[:persons])
    results = []
    for k in range(1, MOST_POINTS + 1):
        total = alone = described = 0
        for person in drawn.tolist():
            own = search.points_of(person)
            if len(own) < k:
                continue
            others = search.sharing(own[np.sort(rng.permutation(len(own))[:k])])
            total += 1
            alone += len(others) == 1
            described += int((search.description[others] == search.description[person]).sum()) == 1
        results.append(Unicity(k, Hits(hits=alone, total=total), Hits(hits=described, total=total)))
    return columns, results


@dataclass(frozen=True)
class _Search:
    """Who has which point, both ways; the lists are sorted."""

    by_person: npt.NDArray[np.int64]
    person_starts: npt.NDArray[np.int64]
    by_point: npt.NDArray[np.int64]
    point_starts: npt.NDArray[np.int64]
    description: npt.NDArray[np.int64]

    @classmethod
    def over(cls, pairs: pl.DataFrame) -> _Search:
        """Index `person`, `point`, `described`."""
        first = pairs.group_by("person").agg(pl.col("described").min()).sort("person")
        distinct = pairs.select("person", "point").unique().sort("person", "point")
        persons, points = first.height, int(pairs.get_column("point").max()) + 1  # type: ignore[arg-type]
        turned = distinct.sort("point", "person")
        starts = [
            np.searchsorted(table.get_column(name).to_numpy(), np.arange(count + 1)).astype(np.int64)
            for table, name, count in ((distinct, "person", persons), (turned, "point", points))
        ]
        return cls(
            distinct.get_column("point").to_numpy(),
            starts[0],
            turned.get_column("person").to_numpy(),
            starts[1],
            first.get_column("described").to_numpy(),
        )

    @property
    def persons(self) -> int:
        """Number of persons."""
        return len(self.person_starts) - 1

    def points_of(self, person: int) -> npt.NDArray[np.int64]:
        """Return a person's points."""
        return self.by_person[self.person_starts[person] : self.person_starts[person + 1]]

    def sharing(self, points: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Return the persons who have all these points."""
        lists = sorted((self.by_point[self.point_starts[one] : self.point_starts[one + 1]] for one in points), key=len)
        found = lists[0]
        for other in lists[1:]:
            found = found[np.isin(found, other, assume_unique=True)]
        return found
