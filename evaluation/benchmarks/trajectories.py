"""How long spells and the full indicator set take for many persons, and how much memory.

The registers are made by NumPy in slices, written as Parquet, then cut into buckets and counted as a real run does it.
Per person 30 crossings and 30 declarations on average, 1.3 titles, 0.6 contract visas: 10^6 persons have 3 x 10^7 of
each. They are as long and as messy as real ones only in what costs time: text dates, gaps, unmatched crossings.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from datetime import date
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl

from contract.errors import InputError
from trajectories.definitions import INDICATORS
from trajectories.extended import EXTENDED
from trajectories.measures import count_extended
from trajectories.partitions import bucket_count, figures_of_partitions, partition_registers
from trajectories.tables import Window
from trajectories.uncertainty import counter
from trajectories.values import table_of, values_of

WINDOW: Final = Window(date(2015, 1, 1), date(2025, 1, 1))
CROSSINGS_PER_PERSON: Final = 30
DECLARATIONS_PER_PERSON: Final = 30
_SLICE: Final = 50_000
_NATIONS: Final = ("SEN", "CIV", "GIN", "MLI", "FRA", "ESP", "DZA", "SYR", "PHL", "CHN", "MAR")
_CODES: Final = ("record", "register", "person_id", "birth_year", "sex", "nationality")


def write_registers(folder: Path, persons: int, seed: int = 1) -> dict[str, int]:
    """Write `records/*.parquet` and `<register>/*.parquet` of made-up persons; return rows by table.

    Raises:
        InputError: Fewer than one person.
    """
    if persons < 1:
        raise InputError("A benchmark needs at least one person.")
    rows: dict[str, int] = {}
    for part, first in enumerate(range(0, persons, _SLICE)):
        rng = np.random.default_rng([seed, part])
        size = min(_SLICE, persons - first)
        ids = np.arange(first, first + size)
        tables = {"records": _records(rng, ids), **_events(rng, ids)}
        for name, table in tables.items():
            (folder / name).mkdir(parents=True, exist_ok=True)
            table.write_parquet(folder / name / f"{part:05d}.parquet", compression="zstd", compression_level=1)
            rows[name] = rows.get(name, 0) + table.height
    return rows


def _name(letter: str, ids: np.ndarray[Any, Any]) -> pl.Expr:
    return pl.format(letter + "{}", pl.lit(pl.Series(ids)).cast(pl.String).str.zfill(8))


def _text(days: np.ndarray[Any, Any]) -> pl.Series:
    return pl.Series(days.astype(np.int32)).cast(pl.Date).dt.to_string("%Y-%m-%d")


_LETTERS: Final = {"border_crossing": "b", "residence_permit": "r", "work_contract": "w", "social_security": "s"}


def _records(rng: np.random.Generator, ids: np.ndarray[Any, Any]) -> pl.DataFrame:
    people = {
        "birth_year": pl.Series(rng.integers(1950, 2008, len(ids)), dtype=pl.Int32),
        "sex": pl.Series(np.where(rng.random(len(ids)) < 0.45, "F", "M").tolist(), dtype=pl.String),
        "nationality": pl.Series(
            np.array(_NATIONS)[rng.integers(0, len(_NATIONS), len(ids))].tolist(), dtype=pl.String
        ),
    }
    base = pl.DataFrame(people)
    parts = [
        base.with_columns(register=pl.lit(register), record=_name(letter, ids), person_id=_name("p", ids))
        for register, letter in _LETTERS.items()
    ]
    return pl.concat(parts).select(_CODES)


def _events(rng: np.random.Generator, ids: np.ndarray[Any, Any]) -> dict[str, pl.DataFrame]:
    first, end = WINDOW.first_day, WINDOW.end_day
    span = end - first
    arrival = first + (rng.random(len(ids)) * span * 0.8).astype(np.int64)

    trips = rng.poisson(CROSSINGS_PER_PERSON, len(ids))
    who = np.repeat(ids, trips)
    order = np.arange(len(who)) - np.repeat(np.cumsum(trips) - trips, trips)
    day = np.minimum(np.repeat(arrival, trips) + order * 45 + rng.integers(0, 40, len(who)), end - 1)
    away = np.where(rng.random(len(who)) < 0.03, (order + 1) % 2, order % 2)  # some crossings were not seen
    hour, minute = rng.integers(0, 24, len(who)), rng.integers(0, 60, len(who))
    crossings = pl.DataFrame({"day": _text(day), "hour": hour, "minute": minute, "away": away}).select(
        record=_name("b", who),
        crossed_at=pl.format(
            "{}T{}:{}:00",
            "day",
            pl.col("hour").cast(pl.String).str.zfill(2),
            pl.col("minute").cast(pl.String).str.zfill(2),
        ),
        direction=pl.when(pl.col("away") == 0).then(pl.lit("entry")).otherwise(pl.lit("exit")),
    )

    worked = rng.poisson(DECLARATIONS_PER_PERSON, len(ids))
    who = np.repeat(ids, worked)
    order = np.arange(len(who)) - np.repeat(np.cumsum(worked) - worked, worked)
    month = (np.repeat(arrival, worked) // 30.44).astype(np.int64) + order + rng.integers(0, 2, len(who))
    months = pl.Series(month.astype("datetime64[M]").astype("datetime64[D]").astype(np.int32)).cast(pl.Date)
    declarations = pl.DataFrame({"month": months.dt.to_string("%Y-%m")}).select(
        record=_name("s", who),
        period="month",
        days=pl.Series(rng.integers(0, 27, len(who))).cast(pl.String),
        pay_centimes=pl.Series(rng.integers(3, 40, len(who)) * 50_000).cast(pl.String),
        situation=pl.Series(np.where(rng.random(len(who)) < 0.002, "AT", "").tolist(), dtype=pl.String),
        employer_no=pl.Series(rng.integers(0, 50_000, len(who))).cast(pl.String),
    )

    titles = rng.poisson(1.3, len(ids))
    who, start = np.repeat(ids, titles), np.repeat(arrival, titles) + rng.integers(0, 900, int(titles.sum()))
    permits = pl.DataFrame(
        {"valid_from": _text(start), "valid_to": _text(start + 364), "issued_on": _text(start)}
    ).with_columns(
        record=_name("r", who), motive=pl.lit("work"), prefecture=pl.lit("Rabat"), permit_type=pl.lit("registration")
    )
    visas = rng.poisson(0.6, len(ids))
    who, start = np.repeat(ids, visas), np.repeat(arrival, visas) + rng.integers(0, 900, int(visas.sum()))
    contracts = pl.DataFrame(
        {"start": _text(start), "end": _text(start + 729), "visa_date": _text(start)}
    ).with_columns(record=_name("w", who), decision=pl.lit("granted"), activity=pl.lit("41"), occupation=pl.lit("7112"))
    return {
        "border_crossing": crossings,
        "social_security": declarations,
        "residence_permit": permits,
        "work_contract": contracts,
    }


def measure_folder(folder: Path, persons: int) -> dict[str, Any]:
    """Cut a folder of `write_registers` into buckets, count everything, and return seconds, rates and peak memory.

    The peak is that of this process: run it in one of its own.
    """
    began, cpu = time.perf_counter(), time.process_time()
    with tempfile.TemporaryDirectory(dir=folder, prefix="buckets-") as held:
        buckets = partition_registers(
            folder / "records", {name: folder / name for name in _LETTERS}, Path(held), bucket_count(persons)
        )
        partitioned = time.perf_counter() - began
        figures = figures_of_partitions(
            Path(held), buckets, WINDOW, counter(count_extended), spells=Path(held) / "spells", invalid="error"
        )
        spells = int(pl.scan_parquet(Path(held) / "spells" / "*.parquet").select(pl.len()).collect().item())
    table = pl.concat([table_of(figures, part, values_of(figures, part)) for part in (INDICATORS, EXTENDED)])
    seconds = time.perf_counter() - began
    return {
        "buckets": buckets,
        "spells": spells,
        "cells": table.height,
        "seconds": round(seconds, 1),
        "seconds_partitioning": round(partitioned, 1),
        "cpu_seconds": round(time.process_time() - cpu, 1),
        "peak_gib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 2),
    }


def bench(persons: int, seed: int = 1, folder: Path | None = None) -> dict[str, Any]:
    """Make registers of so many persons and measure a full run over them, in a process of its own.

    Args:
        persons: How many.
        seed: Of the made-up data.
        folder: Where the registers are written; a temporary one by default.

    Returns:
        Rows by register, seconds (making the registers apart), events a second, peak memory, cores.

    Raises:
        InputError: Fewer than one person.
    """
    with tempfile.TemporaryDirectory(dir=folder, prefix="wasl-bench-") as held:
        began = time.perf_counter()
        rows = write_registers(Path(held), persons, seed)
        made = time.perf_counter() - began
        command = [sys.executable, "-m", "evaluation.benchmarks.trajectories", held, str(persons)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
    result: dict[str, Any] = json.loads(done.stdout)
    events = sum(count for name, count in rows.items() if name != "records")
    return {
        "persons": persons,
        **rows,
        "seconds_generating": round(made, 1),
        **result,
        "events_per_second": round(events / max(result["seconds"], 0.1)),
        "cores": len(os.sched_getaffinity(0)),
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(measure_folder(Path(sys.argv[1]), int(sys.argv[2]))))
