"""Pass tables of `persons.two_registers`, made quickly: a stand-in for the encoder, for benchmarks of linkage alone.

Blocking keys, their refinement and caps, column widths and the statistics of sketches are the encoder's. What
differs: a distinct value is sketched once, under one key, and masked block by block with a mixer of its block token;
caps are counted in the clear. Nothing here protects anybody.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from contract.agreement import Agreement, Party, ProfileTerms, RegisterTerms
from contract.fields import FieldType
from contract.signing import encode_bytes
from linkage.columns import columns_of
from linkage.plan import plan_of
from pseudonymisation.blocking.components import key_values, key_variants
from pseudonymisation.blocking.planner import plan_passes
from pseudonymisation.encoding.sketches import SKETCH_BYTES, sketch_kernel
from pseudonymisation.encoding.stored import write_pass_table
from pseudonymisation.encoding.values import Values, distinct_values
from pseudonymisation.normalisation.skeleton import skeleton

FIELDS: Final = ("given_names", "family_name", "birth_date", "sex", "postcode")
OWN_FIELDS: Final = {"postcode": FieldType.TEXT}
CAP: Final = 1  # persons of a key value and register
_NAMES: Final = (
    ("given", "names"),
    ("family", "names"),
    ("given_skeleton", "skeletons"),
    ("family_skeleton", "skeletons"),
)


def bench_agreement(persons: int) -> Agreement:
    """Return an agreement of registers `a` and `b`, one record a person, with the planner's passes."""
    key = encode_bytes(bytes(32))
    parties = (("holder", "institution"), ("lu", "linkage_unit"), ("su", "statistics_unit"), ("po", "privacy_officer"))
    return Agreement(
        title="benchmark",
        purpose="benchmark",
        epoch=1,
        created_on=date(2026, 1, 1),
        expires_on=date(2027, 1, 1),
        retention_until=date(2027, 1, 1),
        parties=tuple(
            Party.model_validate({"name": name, "role": role, "signing_key": key, "sealing_key": key})
            for name, role in parties
        ),
        registers=tuple(
            RegisterTerms(name=name, holder="holder", rows_per_person="one", fields=FIELDS) for name in ("a", "b")
        ),
        own_fields=dict(OWN_FIELDS),
        passes=plan_passes({"a": FIELDS, "b": FIELDS}, OWN_FIELDS, persons),
        profile=ProfileTerms(name="blind_blocks"),
    )


def encode(
    registers: Mapping[str, pl.DataFrame], agreement: Agreement, folder: Path, seed: int = 1
) -> tuple[dict[str, dict[str, Path]], dict[str, dict[str, Path]]]:
    """Write pass tables and lists of handles.

    Args:
        registers: As `persons.two_registers` makes them.
        agreement: Of `bench_agreement`.
        folder: Where the files go.
        seed: Of handles.

    Returns:
        Pass to register to pass table, and pass to register to a Parquet file of `handle` (uint64) and
        `subject` (int32, number of the row, those of `b` behind those of `a`).
    """
    folder.mkdir(parents=True, exist_ok=True)
    names = sorted(registers)
    sizes = [registers[name].height for name in names]
    identities = pl.concat([_normalised(registers[name]) for name in names])
    columns = _columns(identities, agreement)
    variants = key_variants(identities, {part for one in agreement.passes for level in one.levels for part in level})
    register = np.repeat(np.arange(len(names)), sizes)
    starts = np.cumsum([0, *sizes])
    draw = np.random.default_rng(seed)
    tables: dict[str, dict[str, Path]] = {}
    handles: dict[str, dict[str, Path]] = {}
    for blocking in agreement.passes:
        block, kept = _blocks(variants, blocking.levels, register)
        for at, name in enumerate(names):
            rows = np.flatnonzero(kept & (register == at))
            rows = rows[draw.permutation(len(rows))]
            handle = draw.integers(0, 2**63, dtype=np.uint64) + draw.permutation(len(rows)).astype(np.uint64)
            handle *= np.uint64(0x9E3779B97F4A7C15)  # odd, so that handles stay distinct
            taken = {"handle": pa.array(handle), "block": pa.array(block[rows])}
            taken |= {
                column: _masked(column, values.take(pa.array(rows)), block[rows]) for column, values in columns.items()
            }
            tables.setdefault(blocking.name, {})[name] = _written(folder / f"{name}-{blocking.name}.parquet", taken)
            owners = {"handle": pa.array(handle), "subject": pa.array(rows.astype(np.int32))}
            handles.setdefault(blocking.name, {})[name] = _written(folder / f"{name}-{blocking.name}.handles", owners)
    assert starts[-1] == identities.height
    return tables, handles


def _written(path: Path, columns: Mapping[str, pa.Array]) -> Path:
    write_pass_table(pa.table(dict(columns)), path)
    return path


def _normalised(register: pl.DataFrame) -> pl.DataFrame:
    given, family = pl.col("given_names"), pl.col("family_name")
    frame = register.select(
        given.alias("given"), family.alias("family"), "sex", pl.col("postcode").alias("text:postcode"),
        *(pl.col("birth_date").str.slice(start, length).alias(name) for name, start, length in
          (("birth_year", 0, 4), ("birth_month", 5, 2), ("birth_day", 8, 2))),
    )  # fmt: skip
    for name in ("given", "family"):
        distinct = frame[name].unique().sort()
        skeletons = pl.Series([skeleton(value) for value in distinct.to_list()], dtype=pl.String)
        frame = frame.with_columns(pl.col(name).replace_strict(distinct, skeletons).alias(f"{name}_skeleton"))
    return frame


def _sketched(values: Values, group: str) -> pa.Array:
    """Sketch each distinct value once, and give every row that of its value."""
    count = len(values.offsets) - 1
    secret = np.random.default_rng(sum(group.encode())).integers(0, 2**63, (1, 2), dtype=np.uint64)
    filled = np.diff(values.offsets) > 0
    which = np.flatnonzero(filled)
    sketches = np.zeros((count, SKETCH_BYTES), dtype=np.uint8)
    sketches[which] = sketch_kernel(np.repeat(secret, len(which), axis=0), which, values.offsets, values.data)
    there = (values.ids >= 0) & filled[values.ids]
    raw = sketches[values.ids]
    return pa.Array.from_buffers(pa.binary(SKETCH_BYTES), len(raw), [pa.array(there).buffers()[1], pa.py_buffer(raw)])


def _columns(identities: pl.DataFrame, agreement: Agreement) -> dict[str, Any]:
    """Return the columns of a pass table over all rows of all registers."""
    spec = columns_of(plan_of(agreement))
    found: dict[str, Any] = {}
    for name, group in _NAMES:
        found[name] = _sketched(distinct_values(identities[name], "bigrams"), group)
    found["postcode"] = _sketched(distinct_values(identities["text:postcode"], "bigrams"), "postcode")
    for name in ("birth_year", "birth_month", "birth_day"):
        found[name] = pa.array(identities[name].cast(pl.UInt32).to_numpy())
    found["sex"] = pa.array((identities["sex"] == "M").cast(pl.UInt32).to_numpy())
    if spec.order:
        found[spec.order] = pa.array(np.ones(identities.height, dtype=np.bool_))
    return {name: column for name, column in found.items() if name in spec.types}


def _masked(name: str, column: pa.Array, block: npt.NDArray[np.uint64]) -> pa.Array:
    """Mix a column with its block, as a key of the block would: equal in a block stays equal, near stays near."""
    group = {"birth_month": 2, "birth_day": 2, "birth_year": 3, "sex": 4, "postcode": 5}.get(name, 1)
    first, second = (_mixed(block + np.uint64(2 * group + at)) for at in range(2))
    if column.type == pa.uint32():
        return pa.array(column.to_numpy() ^ first.astype(np.uint32))
    if column.type != pa.binary(SKETCH_BYTES):
        return column
    words = np.frombuffer(column.buffers()[1], dtype=np.uint64)[2 * column.offset :][: 2 * len(column)].reshape(-1, 2)
    raw = np.ascontiguousarray(words ^ np.stack([first, second], axis=1))
    there = column.is_valid().buffers()[1]
    return pa.Array.from_buffers(column.type, len(column), [there, pa.py_buffer(raw)])


def _mixed(words: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """Spread 64-bit words (Steele, Lea and Flood 2014, SplitMix64)."""
    words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return words ^ (words >> np.uint64(31))


def _blocks(
    variants: pl.DataFrame, levels: Iterable[tuple[str, ...]], register: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.bool_]]:
    """Return each row's block, and whether it stays: crowded values are refined level by level, then withheld."""
    n = len(register)
    block, settled, open_rows = np.zeros(n, dtype=np.uint64), np.zeros(n, dtype=np.bool_), np.arange(n)
    for depth, level in enumerate(levels):
        values = key_values(variants[open_rows] if len(open_rows) < n else variants, level)
        there = values.is_not_null().to_numpy()
        tokens = values.hash(seed=depth + 1).to_numpy()[there]
        rows = open_rows[there]
        crowded = _crowded(tokens, register[rows])
        fine = rows[~crowded]
        block[fine], settled[fine] = tokens[~crowded], True
        open_rows = rows[crowded]
    return block, settled


def _crowded(tokens: npt.NDArray[np.uint64], register: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """Return whether more than `CAP` persons of one register share a row's key value."""
    order = np.lexsort((register, tokens))
    ordered, side = tokens[order], register[order]
    same = np.zeros(len(order), dtype=np.bool_)
    same[CAP:] = (ordered[CAP:] == ordered[:-CAP]) & (side[CAP:] == side[:-CAP])
    heavy = np.unique(ordered[same])
    at = np.minimum(np.searchsorted(heavy, tokens), max(len(heavy) - 1, 0))
    return np.asarray(heavy[at] == tokens) if len(heavy) else np.zeros(len(tokens), dtype=np.bool_)
