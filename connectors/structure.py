"""What pass tables must look like whatever the data: the checks that need no clear text and no attack.

The gate runs them on the very files before they leave. Encodings of the agreed profile keep every limit by
construction; Bloom filters, a key that does not depend on the block, and handles that say more than chance do not.
Limits lie six standard deviations from what chance gives: a sound table is refused less than once in a million.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import ceil, sqrt
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from contract.audit_report import StructureFigure

SIGMAS: Final = 6.0
#: Rows looked at in each table for weights and repeats, by the random order of the handles.
SAMPLE: Final = 100_000
#: A collision or two happen by chance in small tables.
_FEW: Final = 3.0
_BIT_DEVIATION: Final = 0.05
_HALF, _LOW = np.uint64(32), np.uint64(0xFFFFFFFF)
Bytes = npt.NDArray[np.uint8]


def structure_figures(tables: Mapping[str, pa.Table]) -> tuple[StructureFigure, ...]:
    """Return all figures of a submission's pass tables.

    Args:
        tables: Pass name to table (`contract.submission`), profile `blind_blocks` or `record`.
    """
    figures = list(_handles(tables))
    for name, table in sorted(tables.items()):
        figures += _order(name, table)
        figures += _records(name, table) if "encoding" in table.column_names else _blocks(name, table)
    return tuple(figures)


def _handles(tables: Mapping[str, pa.Table]) -> Iterator[StructureFigure]:
    """Handles and block tokens must have nothing in common between passes, nor must their halves beyond chance."""
    handles = [_words(table, "handle") for table in tables.values()]
    rows = [len(one) for one in handles]
    pairs = (sum(rows) ** 2 - sum(count**2 for count in rows)) / 2
    yield _figure("handles shared", "all passes", _shared(handles), 0, 0)
    if all("encoding" not in table.column_names for table in tables.values()):
        tokens = [np.unique(_words(table, "block")) for table in tables.values()]
        yield _figure("blocks shared", "all passes", _shared(tokens), 0, 0)
    halves = {"low": [one & _LOW for one in handles], "high": [one >> _HALF for one in handles]}
    for half, cut in halves.items():
        yield _figure(f"{half} halves of handles shared", "all passes", _shared(cut), 0, _at_most(pairs / 2**32))


def _shared(columns: list[npt.NDArray[np.uint64]]) -> int:
    """Return how many pairs of equal values there are between different columns."""
    counts = [np.unique(column, return_counts=True) for column in columns]
    within = sum(int((count * (count - 1) // 2).sum()) for _, count in counts)
    values = np.concatenate(columns) if columns else np.empty(0, np.uint64)
    _, count = np.unique(values, return_counts=True)
    return int((count.astype(np.int64) * (count.astype(np.int64) - 1) // 2).sum()) - within


def _order(name: str, table: pa.Table) -> Iterator[StructureFigure]:
    """Rows must stand in the order of their handles, and these must be spread evenly: no order of a file shows."""
    handles = _words(table, "handle")
    if len(handles) < 2:
        return
    yield _figure("rows out of the handles' order", name, int((handles[1:] <= handles[:-1]).sum()), 0, 0)
    places, rows = handles / 2.0**64, len(handles)
    slack = SIGMAS / sqrt(12 * rows)
    yield _figure("mean of handles", name, float(places.mean()), 0.5 - slack, 0.5 + slack)
    # the standard deviation of a uniform law, and of its estimate
    spread, slack = sqrt(1 / 12), SIGMAS * sqrt(1 / 12) * sqrt(0.2 / rows) + 1 / rows
    yield _figure("spread of handles", name, float(places.std()), spread - slack, spread + slack)


def _blocks(name: str, table: pa.Table) -> Iterator[StructureFigure]:
    sample = table.slice(0, SAMPLE)
    blocks = _words(sample, "block")
    weights: dict[str, npt.NDArray[np.int64]] = {}
    for field in sample.schema:
        cells = sample.column(field.name).combine_chunks()
        present = np.flatnonzero(cells.is_valid().to_numpy(zero_copy_only=False))
        if field.name in {"handle", "block"} or not len(present):
            continue
        where = f"{name}/{field.name}"
        if pa.types.is_uint32(field.type):
            values = cells.take(pa.array(present)).to_numpy()
            yield _repeats(where, blocks[present], values, 32)
        elif pa.types.is_fixed_size_binary(field.type):
            bits = _bytes(cells, present)
            yield _repeats(where, blocks[present], bits.view(f"V{bits.shape[1]}").ravel(), 8 * bits.shape[1])
            weights[field.name] = np.full(len(blocks), -1, dtype=np.int64)
            weights[field.name][present] = np.bitwise_count(bits).sum(axis=1, dtype=np.int64)
            yield from _weights(where, weights[field.name], blocks, 8 * bits.shape[1])
    for column in sorted(weights):
        if f"{column}_skeleton" in weights:
            yield from _correlation(f"{name}/{column}", weights[column], weights[f"{column}_skeleton"], blocks)


def _repeats(where: str, blocks: npt.NDArray[np.uint64], values: npt.NDArray[np.void], bits: int) -> StructureFigure:
    """A value met in two blocks: under keys of each block it happens by chance only."""
    _, number = np.unique(values, return_inverse=True)
    number = number.astype(np.int64).ravel()
    _, place = np.unique(blocks, return_inverse=True)
    pairs = len(np.unique(place.astype(np.int64).ravel() * (int(number.max()) + 1) + number))
    return _figure(
        "values repeated between blocks", where, pairs - int(number.max()) - 1, 0, _at_most(pairs**2 / 2 / 2.0**bits)
    )


def _weights(
    where: str, weights: npt.NDArray[np.int64], blocks: npt.NDArray[np.uint64], bits: int
) -> Iterator[StructureFigure]:
    """Ones of a sketch are a fair coin's, whatever the value's length; a Bloom filter's are not.

    One row of each block: rows of a block may hold equal values under one key.
    """
    held = _one_a_block(weights >= 0, blocks)
    rows = len(held)
    if rows == 0:
        return
    slack = SIGMAS * sqrt(bits / 4 / rows)
    yield _figure("mean weight", where, float(weights[held].mean()), bits / 2 - slack, bits / 2 + slack)
    if rows >= 30:
        slack = SIGMAS * bits / 4 * sqrt(2 / rows)
        yield _figure("variance of weights", where, float(weights[held].var()), bits / 4 - slack, bits / 4 + slack)


def _correlation(
    where: str, one: npt.NDArray[np.int64], other: npt.NDArray[np.int64], blocks: npt.NDArray[np.uint64]
) -> Iterator[StructureFigure]:
    """A name's weight and its skeleton's: both would follow the name's length."""
    held = _one_a_block((one >= 0) & (other >= 0), blocks)
    if len(held) < 30 or one[held].std() == 0 or other[held].std() == 0:
        return
    slack = SIGMAS / sqrt(len(held))
    found = float(np.corrcoef(one[held], other[held])[0, 1])
    yield _figure("correlation of weights with the skeleton's", where, found, -slack, slack)


def _records(name: str, table: pa.Table) -> Iterator[StructureFigure]:
    """Every bit of a diffused record encoding is set in about half of the rows."""
    cells = table.slice(0, SAMPLE).column("encoding").combine_chunks()
    if len(cells) == 0:
        return
    bits = _bytes(cells, np.arange(len(cells)))
    slack = _BIT_DEVIATION + SIGMAS * 0.5 / sqrt(len(cells))
    frequency = np.unpackbits(bits[:20_000], axis=1).mean(axis=0)
    yield _figure("lowest bit frequency", name, float(frequency.min()), max(0.5 - slack, 0), 1)
    yield _figure("highest bit frequency", name, float(frequency.max()), 0, min(0.5 + slack, 1))


def _one_a_block(wanted: npt.NDArray[np.bool_], blocks: npt.NDArray[np.uint64]) -> npt.NDArray[np.int64]:
    rows = np.flatnonzero(wanted)
    _, first = np.unique(blocks[rows], return_index=True)
    return np.asarray(rows[first], dtype=np.int64)


def _words(table: pa.Table, column: str) -> npt.NDArray[np.uint64]:
    return np.asarray(table.column(column).to_numpy(), dtype=np.uint64)


def _bytes(cells: pa.Array, rows: npt.NDArray[np.int64]) -> Bytes:
    chosen = cells.take(pa.array(rows))
    width = chosen.type.byte_width
    start = chosen.offset * width
    return np.frombuffer(chosen.buffers()[1], dtype=np.uint8)[start : start + len(chosen) * width].reshape(-1, width)


def _at_most(expected: float) -> float:
    return ceil(expected + SIGMAS * sqrt(expected) + _FEW)


def _figure(check: str, where: str, found: float, least: float, most: float) -> StructureFigure:
    return StructureFigure(
        check=check, where=where, found=round(float(found), 6), least=round(float(least), 6), most=round(float(most), 6)
    )
