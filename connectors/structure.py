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
#: Rows of a block: caps leave some dozens. The audit searches no larger block, so none may leave.
LARGEST_BLOCK: Final = 400
#: Rows whose bits are counted: each has some thousands.
_RECORDS: Final = 20_000
_HALF, _LOW = np.uint64(32), np.uint64(0xFFFFFFFF)
#: Handles sorted together when equal ones are counted.
_SORTED_ROWS: Final = 1 << 21
Bytes = npt.NDArray[np.uint8]
Words = npt.NDArray[np.uint64]


def structure_figures(tables: Mapping[str, pa.Table]) -> tuple[StructureFigure, ...]:
    """Return all figures of a submission's pass tables.

    Args:
        tables: Pass name to table (`contract.submission`), profile `blind_blocks` or `record`; each is taken once and
            let go before the next, so that a mapping may read them from their files.
    """
    handles, tokens, figures, records = [], [], list[StructureFigure](), False
    for name in sorted(tables):
        table = tables[name]
        handles.append(_words(table, "handle"))
        figures += _order(name, handles[-1])
        if "encoding" in table.column_names:
            records = True
            figures += _records(name, table)
        else:
            blocks, rows = np.unique(_words(table, "block"), return_counts=True)
            tokens.append(blocks)
            figures += [_figure("rows of the largest block", name, int(rows.max(initial=0)), 0, LARGEST_BLOCK)]
            figures += _blocks(name, table)
        del table  # the next one may be large, too
    return (*_handles(handles, None if records else tokens), *figures)


def _handles(handles: list[Words], tokens: list[Words] | None) -> Iterator[StructureFigure]:
    """Handles and block tokens must have nothing in common between passes, nor must their halves beyond chance."""
    rows = [len(one) for one in handles]
    pairs = (sum(rows) ** 2 - sum(count**2 for count in rows)) / 2
    yield _figure("handles shared", "all passes", _shared(handles), 0, 0)
    if tokens is not None:
        yield _figure("blocks shared", "all passes", _shared(tokens), 0, 0)
    for half in ("low", "high"):
        shared = _shared([one & _LOW if half == "low" else one >> _HALF for one in handles])
        yield _figure(f"{half} halves of handles shared", "all passes", shared, 0, _at_most(pairs / 2**32))


def _shared(columns: list[Words]) -> int:
    """Return how many pairs of equal values there are between different columns.

    Values are looked at in parts, by their lowest bits: so many never have to be sorted together.
    """
    rows = sum(len(column) for column in columns)
    parts = 1 << min(max(rows // _SORTED_ROWS, 1).bit_length() - 1, 16)
    lowest, found = np.uint64(parts - 1), 0
    for part in range(parts):
        chosen = [column[(column & lowest) == part] if parts > 1 else column for column in columns]
        within = sum(_pairs(column) for column in chosen)
        found += _pairs(np.concatenate([np.empty(0, np.uint64), *chosen])) - within
    return found


def _pairs(values: Words) -> int:
    """Return how many pairs of equal values there are."""
    count = np.unique(values, return_counts=True)[1].astype(np.int64)
    return int((count * (count - 1) // 2).sum())


def _order(name: str, handles: Words) -> Iterator[StructureFigure]:
    """Rows must stand in the order of their handles, and these must be spread evenly: no order of a file shows."""
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


def _repeats(where: str, blocks: Words, values: npt.NDArray[np.void], bits: int) -> StructureFigure:
    """A value met in two blocks: under keys of each block it happens by chance only."""
    _, number = np.unique(values, return_inverse=True)
    number = number.astype(np.int64).ravel()
    _, place = np.unique(blocks, return_inverse=True)
    pairs = len(np.unique(place.astype(np.int64).ravel() * (int(number.max()) + 1) + number))
    return _figure(
        "values repeated between blocks", where, pairs - int(number.max()) - 1, 0, _at_most(pairs**2 / 2 / 2.0**bits)
    )


def _weights(where: str, weights: npt.NDArray[np.int64], blocks: Words, bits: int) -> Iterator[StructureFigure]:
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
    where: str, one: npt.NDArray[np.int64], other: npt.NDArray[np.int64], blocks: Words
) -> Iterator[StructureFigure]:
    """A name's weight and its skeleton's: both would follow the name's length."""
    held = _one_a_block((one >= 0) & (other >= 0), blocks)
    if len(held) < 30 or one[held].std() == 0 or other[held].std() == 0:
        return
    slack = SIGMAS / sqrt(len(held))
    found = float(np.corrcoef(one[held], other[held])[0, 1])
    yield _figure("correlation of weights with the skeleton's", where, found, -slack, slack)


def _records(name: str, table: pa.Table) -> Iterator[StructureFigure]:
    """Every bit of a diffused record encoding is set in about half of the different encodings.

    Equal ones count once: a person with thirty rows would move every bit.
    """
    cells = table.slice(0, _RECORDS).column("encoding").combine_chunks().unique()
    if len(cells) == 0:
        return
    bits = _bytes(cells, np.arange(len(cells)))
    slack = _BIT_DEVIATION + SIGMAS * 0.5 / sqrt(len(cells))
    frequency = np.unpackbits(bits, axis=1).mean(axis=0)
    yield _figure("lowest bit frequency", name, float(frequency.min()), max(0.5 - slack, 0), 1)
    yield _figure("highest bit frequency", name, float(frequency.max()), 0, min(0.5 + slack, 1))


def _one_a_block(wanted: npt.NDArray[np.bool_], blocks: Words) -> npt.NDArray[np.int64]:
    rows = np.flatnonzero(wanted)
    _, first = np.unique(blocks[rows], return_index=True)
    return np.asarray(rows[first], dtype=np.int64)


def _words(table: pa.Table, column: str) -> Words:
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
