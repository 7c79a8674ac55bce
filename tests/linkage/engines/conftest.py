"""A small job on disk."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from contract.agreement import PassTerms
from linkage.engines import Job
from tests.linkage.conftest import plan_for, random_tables

FIELDS = ("given_names", "family_name", "birth_date", "sex", "passport_no")
PASSES = (PassTerms(name="x", levels=(("sex",),)), PassTerms(name="y", levels=(("birth_year",),)))


def spread(table: pa.Table) -> pa.Table:
    """Return the table with blocks spread over all tokens, as keyed ones are."""
    block = table.column("block").to_numpy() * np.uint64(0x9E3779B97F4A7C15)
    return table.set_column(table.column_names.index("block"), "block", pa.array(block))


def small_job(folder: Path, rows: int = 120, blocks: int = 50, **options: object) -> Job:
    """Write pass tables of three registers and return the job over them."""
    plan = plan_for({"a": "one", "b": "many", "c": "one"}, fields=FIELDS, passes=PASSES)
    tables: dict[str, dict[str, Path]] = {}
    for at, name in enumerate(plan.passes):
        for register, table in random_tables(plan, rows, blocks, seed=10 * at).items():
            path = folder / "in" / f"{register}-{name}.parquet"
            path.parent.mkdir(parents=True, exist_ok=True)
            pq.write_table(spread(table), path)
            tables.setdefault(name, {})[register] = path
    return Job(plan=plan, tables=tables, folder=folder / "work", floor=0.001, **options)
