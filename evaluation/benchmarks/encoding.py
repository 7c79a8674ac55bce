"""Speed and memory of counting crowded key values, of encoding and of the audit, as the connector does them.

A register of synthetic persons, six identity fields, passes of the planner. Each pass is written to Parquet and
forgotten before the next is taken, and the audit reads one or two of them at a time, so that the peak is that of a few
passes.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, Literal

import polars as pl
import pyarrow as pa

from connectors.counting import PersonCounter
from contract.agreement import Agreement, CapTerms
from contract.audit_report import OVERLAPS
from contract.fields import STANDARD_FIELDS
from contract.submission import pass_file
from evaluation.attacks.blocks.controls import CONTROL_PERSONS, CONTROL_ROWS
from evaluation.audit.attacks import block_findings, shape_figures
from evaluation.audit.auditor import KNOWN_PAIRS
from evaluation.audit.encodings import Encodings
from evaluation.benchmarks.measured import MeasuredStages
from evaluation.planning.agreement import planning_agreement
from evaluation.planning.population import synthetic_persons
from pseudonymisation.blocking.caps import count_crowded
from pseudonymisation.blocking.planner import plan_passes
from pseudonymisation.encoding.blind_blocks import BlindBlocks, available_processors
from pseudonymisation.encoding.profile import EncodedPass, EncodingContext
from pseudonymisation.encoding.stored import write_pass_table
from pseudonymisation.keys.tree import KEY_BYTES, vintage_key
from pseudonymisation.normalisation.fields import FieldMapping
from pseudonymisation.normalisation.identities import normalise
from pseudonymisation.randomness import SeededRandomness

FIELDS: Final = ("given_names", "family_name", "birth_date", "sex", "nationality", "passport_no")
#: What a register of 10^6 identities may need, encoded and audited on two processors.
MOST_SECONDS, MOST_BYTES = 15 * 60, 4 * 10**9
PROCESSORS: Final = 2
_KEY: Final = bytes(range(KEY_BYTES))
_VINTAGE: Final = "bench"
RowsPerPerson = Literal["one", "many"]


def bench_encoding(
    persons: int,
    *,
    seed: int = 1,
    passes: int | None = None,
    folder: Path | None = None,
    audit_rows: int | None = None,
    rows_per_person: RowsPerPerson = "one",
    control_persons: int = CONTROL_PERSONS,
    control_rows: int = CONTROL_ROWS,
) -> dict[str, Any]:
    """Measure one register.

    Args:
        persons: Identities, one a person; dummies come on top, as in production.
        seed: Of the persons and of the audit.
        passes: Only the first so many of the planner's passes; all by default.
        folder: Where pass tables are written; a temporary folder by default.
        audit_rows: Persons attacked by an audit of the stored passes; no audit by default. It is the connector's, but
            for the payload, which these registers have none of.
        rows_per_person: ``many`` has persons counted and found among rows as in a register that may hold one twice.
        control_persons: Size of the population of the audit's controls.
        control_rows: Rows attacked in each control.

    Returns:
        Wall and CPU seconds and peak bytes of each stage, identities a second and core (by CPU time: of encoding, of
        encoding as if over eight passes, and of counting and encoding together), rows, bytes on disk, peak bytes of
        the process. With an audit also what it named, and `within`: whether all of it (but the making of the
        synthetic persons) keeps `MOST_SECONDS` by the clock, and by CPU seconds over `PROCESSORS`, and `MOST_BYTES`.
    """
    terms = plan_passes({"a": FIELDS, "b": FIELDS}, {}, persons)[:passes]
    agreement = planning_agreement(FIELDS, {}, terms, CapTerms(), persons)
    warm_up = _identities(200, seed)
    BlindBlocks().encode(warm_up, _context(agreement, warm_up, "one"))  # compiles
    made, work = MeasuredStages(), MeasuredStages()
    with made.measure("persons"):
        identities = _identities(persons, seed)
    with work.measure("crowded"):
        context = _context(agreement, identities, rows_per_person)
    with _folder(folder) as target:
        with work.measure("encode"):
            stored = _stored(identities, context, target)
        rows = sum(one.num_rows for one in stored.values())
        size = sum((target / pass_file(name)).stat().st_size for name in stored)
        named: Mapping[str, Any] = {}
        if audit_rows is not None:
            encodings = Encodings(agreement, "holder", _VINTAGE, rows_per_person, identities, stored, _KEY)
            controls = (control_persons, control_rows)
            named = _audit(encodings, audit_rows, seed, controls, work)
    encode, count = (work.stages[stage]["cpu_seconds"] for stage in ("encode", "crowded"))
    return {
        "persons": persons,
        "passes": len(terms),
        "rows": rows,
        "file_bytes": size,
        "processors": available_processors(),
        "stages": {**made.stages, **work.stages},
        "seconds": work.total("seconds"),
        "cpu_seconds": work.total("cpu_seconds"),
        "identities_per_second_core": round(persons / max(encode, 1e-9)),
        "identities_per_second_core_8_passes": round(persons * len(terms) / 8 / max(encode, 1e-9)),
        "identities_per_second_core_with_counting": round(persons / max(encode + count, 1e-9)),
        "peak_bytes": max(made.peak, work.peak),
        **named,
    }


def _stored(identities: pl.DataFrame, context: EncodingContext, folder: Path) -> dict[str, EncodedPass]:
    stored = {}
    for name, made in BlindBlocks().encode_each(identities, context):
        path = folder / pass_file(name)
        write_pass_table(made.table, path)
        stored[name] = replace(made, source=path)
        del made  # the next pass needs its room
    pa.default_memory_pool().release_unused()
    return stored


def _audit(
    encodings: Encodings, rows: int, seed: int, controls: tuple[int, int], work: MeasuredStages
) -> Mapping[str, Any]:
    @contextmanager
    def measure(stage: str) -> Iterator[None]:
        with work.measure(f"audit: {stage}"):
            yield

    found = block_findings(
        encodings,
        rows=rows,
        overlaps=OVERLAPS,
        pairs=KNOWN_PAIRS,
        seed=seed,
        control_persons=controls[0],
        control_rows=controls[1],
        measure=measure,
    )
    with measure("structure"):
        shape = shape_figures(encodings)
    seconds, cpu, peak = work.total("seconds"), work.total("cpu_seconds"), work.peak
    return {
        "audit": {
            "attacked": found["attacked"],
            "union": {f"{one.overlap:g}": one.union.share for one in found["leakage"]},
            "known_pairs": found["known_pairs"].named.share,
            "controls": {one.name: one.found.share for one in found["controls"]},
            "structure_held": all(one.held for one in shape),
        },
        "within": {
            "seconds": seconds <= MOST_SECONDS,
            "cpu_seconds_by_processors": cpu / PROCESSORS <= MOST_SECONDS,
            "bytes": peak <= MOST_BYTES,
        },
    }


@contextmanager
def _folder(chosen: Path | None) -> Iterator[Path]:
    if chosen is not None:
        yield chosen
        return
    with tempfile.TemporaryDirectory() as temporary:
        yield Path(temporary)


def _identities(persons: int, seed: int) -> pl.DataFrame:
    table = synthetic_persons(max(persons, 50), seed).select(FIELDS)
    mappings = {name: FieldMapping(name, STANDARD_FIELDS[name].value) for name in FIELDS}
    made = normalise(table, mappings).frame.head(persons)
    return made.with_columns(
        pl.int_range(pl.len(), dtype=pl.Int64).alias("subject"), pl.lit(0, dtype=pl.Int32).alias("identity")
    )


def _context(agreement: Agreement, identities: pl.DataFrame, rows_per_person: RowsPerPerson) -> EncodingContext:
    key = vintage_key(_KEY, _VINTAGE)
    subjects = identities.get_column("subject").to_numpy()
    counter = PersonCounter(identities, subjects) if rows_per_person == "many" else None
    crowded = count_crowded(identities, agreement.passes, key, agreement.caps, SeededRandomness(b"bench"), counter)
    return EncodingContext(agreement, "holder", key, crowded, SeededRandomness(b"bench handles"))
