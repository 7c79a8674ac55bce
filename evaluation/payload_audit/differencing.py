"""Differencing: what two deliveries tell that neither tells alone.

Who compares a vintage with the one before sees who is new. To know that somebody came into the register in a given
month narrows the search from all persons to the newcomers of that month; the same holds for two tables made of them.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from contract.audit_report import Hits
from evaluation.payload_audit.knowledge import knowledge_of
from evaluation.payload_audit.tables import REFERENCES, PayloadTables, months_of


@dataclass(frozen=True)
class Differenced:
    """Newcomers of a month.

    Attributes:
        singled_out: Of the newcomers, those who are alone with their attributes among them, and not in the register.
        alone_before: Of the newcomers, those who are alone in the whole register: differencing adds nothing to that.
        month: The month by which the two vintages differ.
    """

    singled_out: Hits
    alone_before: Hits
    month: str


def difference(tables: PayloadTables) -> Differenced | None:
    """Compare the payload with the one of a month earlier; None where its rows bear no month.

    The month is the latest in which at least half as many persons are new as in the middle month, so that a month half
    delivered does not count.
    """
    column = knowledge_of(tables.register).seen
    attributes = [name for name in tables.records.columns if name not in REFERENCES]
    if column not in tables.events.columns or not attributes:
        return None
    first = (
        tables.events.select("record_ref", month=months_of(tables.events.get_column(column)))
        .join(tables.records, on="record_ref")
        .group_by("subject_ref")
        .agg(pl.col("month").min())
        .drop_nulls()
    )
    news = first.group_by("month").len().sort("month")
    if news.height < 2:
        return None
    middle = news.get_column("len").sort()[news.height // 2]
    month = news.filter(2 * pl.col("len") >= middle).get_column("month")[-1]
    people = tables.records.group_by("subject_ref").agg(
        pl.concat_str([pl.col(name).cast(pl.String).fill_null("") for name in attributes], separator="\x1f")
        .sort()
        .first()
        .alias("signature")
    )
    new = people.with_columns(everybody=pl.len().over("signature")).join(
        first.filter(pl.col("month") == month), on="subject_ref", how="semi"
    )
    counted = new.with_columns(among_new=pl.len().over("signature"))
    alone = counted.filter(pl.col("everybody") == 1).height
    narrowed = counted.filter((pl.col("among_new") == 1) & (pl.col("everybody") > 1)).height
    return Differenced(Hits(hits=narrowed, total=new.height), Hits(hits=alone, total=new.height), month)
