"""Speed and memory of counting crowded key values and of encoding, as the connector does both.

A register of synthetic persons, six identity fields, passes of the planner. Each pass is written to Parquet and
forgotten before the next is taken, so that the peak is that of a few passes.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any, Final

import polars as pl
import pyarrow.parquet as pq

from contract.agreement import CapTerms, PassTerms
from contract.fields import STANDARD_FIELDS
from evaluation.planning.agreement import planning_agreement
from evaluation.planning.population import synthetic_persons
from evaluation.stages import peak_bytes
from pseudonymisation.blocking.caps import count_crowded
from pseudonymisation.blocking.planner import plan_passes
from pseudonymisation.encoding.blind_blocks import BlindBlocks, available_processors
from pseudonymisation.encoding.profile import EncodingContext
from pseudonymisation.keys.tree import KEY_BYTES
from pseudonymisation.normalisation.fields import FieldMapping
from pseudonymisation.normalisation.identities import normalise
from pseudonymisation.randomness import SeededRandomness

FIELDS: Final = ("given_names", "family_name", "birth_date", "sex", "nationality", "passport_no")
_KEY: Final = bytes(range(KEY_BYTES))


def bench_encoding(
    persons: int, *, seed: int = 1, passes: int | None = None, folder: Path | None = None
) -> dict[str, Any]:
    """Measure one register.

    Args:
        persons: Identities, one a person; dummies come on top, as in production.
        seed: Of the persons.
        passes: Only the first so many of the planner's passes; all by default.
        folder: Where pass tables are written; a temporary folder by default.

    Returns:
        Wall and CPU seconds of each stage, identities a second and core (by CPU time: of encoding, of encoding as if
        over eight passes, and of counting and encoding together), rows, bytes on disk, peak bytes of the process.
    """
    stages: dict[str, dict[str, float]] = {}

    def measured(name: str, started: tuple[float, float]) -> None:
        stages[name] = {
            "seconds": round(time.perf_counter() - started[0], 3),
            "cpu_seconds": round(time.process_time() - started[1], 3),
        }

    def now() -> tuple[float, float]:
        return time.perf_counter(), time.process_time()

    terms = plan_passes({"a": FIELDS, "b": FIELDS}, {}, persons)[:passes]
    caps = CapTerms()
    agreement = planning_agreement(FIELDS, {}, terms, caps, persons)
    BlindBlocks().encode(_identities(200, seed), _context(agreement, terms, caps, _identities(200, seed)))  # compiles
    started = now()
    identities = _identities(persons, seed)
    measured("persons", started)
    started = now()
    context = _context(agreement, terms, caps, identities)
    measured("crowded", started)
    started = now()
    rows = size = 0
    with tempfile.TemporaryDirectory() as temporary:
        target = folder or Path(temporary)
        for name, made in BlindBlocks().encode_each(identities, context):
            path = target / f"pass-{name}.parquet"
            pq.write_table(made.table, path, compression="zstd", write_statistics=False)
            rows, size = rows + made.table.num_rows, size + path.stat().st_size
    measured("encode", started)
    encode, count = stages["encode"]["cpu_seconds"], stages["crowded"]["cpu_seconds"]
    return {
        "persons": persons,
        "passes": len(terms),
        "rows": rows,
        "file_bytes": size,
        "processors": available_processors(),
        "stages": stages,
        "seconds": round(stages["crowded"]["seconds"] + stages["encode"]["seconds"], 3),
        "identities_per_second_core": round(persons / max(encode, 1e-9)),
        "identities_per_second_core_8_passes": round(persons * len(terms) / 8 / max(encode, 1e-9)),
        "identities_per_second_core_with_counting": round(persons / max(encode + count, 1e-9)),
        "peak_bytes": peak_bytes(),
    }


def _identities(persons: int, seed: int) -> pl.DataFrame:
    table = synthetic_persons(max(persons, 50), seed).select(FIELDS)
    mappings = {name: FieldMapping(name, STANDARD_FIELDS[name].value) for name in FIELDS}
    made = normalise(table, mappings).frame.head(persons)
    return made.with_columns(
        pl.int_range(pl.len(), dtype=pl.Int64).alias("subject"), pl.lit(0, dtype=pl.Int32).alias("identity")
    )


def _context(agreement: Any, terms: tuple[PassTerms, ...], caps: CapTerms, identities: pl.DataFrame) -> EncodingContext:
    crowded = count_crowded(identities, terms, _KEY, caps, SeededRandomness(b"bench"))
    return EncodingContext(agreement, "holder", _KEY, crowded, SeededRandomness(b"bench handles"))
