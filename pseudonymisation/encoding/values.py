"""Distinct values of a normalised column, laid out once for all passes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from contract.fields import DOCUMENT_CUT
from pseudonymisation.encoding.columns import Column
from pseudonymisation.encoding.prf import keyed_tokens
from pseudonymisation.encoding.sketches import GramKind, grams, sketch_kernel, tagged


@dataclass(frozen=True)
class Values:
    """A column's distinct values and which row has which.

    Attributes:
        ids: int64[rows], index of the row's value, -1 where it is missing.
        offsets: int64[values + 1], where each value begins in `data`.
        data: uint64 grams of sketched columns, uint8 UTF-8 bytes of token columns.
    """

    ids: npt.NDArray[np.int64]
    offsets: npt.NDArray[np.int64]
    data: npt.NDArray[np.uint64] | npt.NDArray[np.uint8]


def plain_values(frame: pl.DataFrame, column: Column) -> pl.Series:
    """Return what a column encodes as strings; null where the register lacks the field or the cell is empty.

    Given and family name are missing where the register does not tell them apart: only `full` speaks then. A day of
    birth that equals its month says so: exchanging the two changes nothing, and equal tokens in a row would show.
    """
    if column.source not in frame.columns:
        return pl.Series(column.name, [None] * frame.height, dtype=pl.String)
    value = pl.col(column.source).cast(pl.String)
    if column.kind == "token" and column.group == "documents":
        value = value.str.slice(0, DOCUMENT_CUT)
    if column.group in {"names", "skeletons"} and "name_order_known" in frame.columns:
        value = pl.when(pl.col("name_order_known")).then(value)
    if column.source == "birth_day" and "birth_month" in frame.columns:
        value = pl.when(pl.col("birth_day") == pl.col("birth_month")).then("=" + value).otherwise(value)
    return frame.select(pl.when(value.str.strip_chars() != "").then(value).alias(column.name)).to_series()


def distinct_values(plain: pl.Series, kind: str, tag: int = 0) -> Values:
    """Lay out the distinct values of a string column for the kernels; kind and tag as of `Column`."""
    distinct = plain.drop_nulls().unique().sort()
    ids = (
        plain.replace_strict(distinct, pl.int_range(len(distinct), eager=True), default=None, return_dtype=pl.Int64)
        .fill_null(-1)
        .to_numpy()
        .astype(np.int64)
    )
    if kind == "token":
        raw = [value.encode() for value in distinct]
        return Values(ids, _offsets([len(value) for value in raw]), np.frombuffer(b"".join(raw), dtype=np.uint8))
    as_kind: GramKind = "positions" if kind == "positions" else "bigrams"
    sets = [tagged(grams(value, as_kind), tag) for value in distinct]
    flat = [gram for one in sets for gram in one]
    return Values(ids, _offsets([len(one) for one in sets]), np.array(flat, dtype=np.uint64))


def _offsets(lengths: list[int]) -> npt.NDArray[np.int64]:
    return np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)]).astype(np.int64)


@dataclass(frozen=True)
class Encoded:
    """Encodings of the distinct (block, value) pairs and which row has which.

    Attributes:
        inverse: int64[rows], index into `distinct`, -1 where the value is missing.
        distinct: uint32[n] tokens or uint8[n, 16] sketches.
    """

    inverse: npt.NDArray[np.int64]
    distinct: npt.NDArray[np.uint32] | npt.NDArray[np.uint8]


def encode_values(
    values: Values, kind: str, rows: npt.NDArray[np.int64], blocks: npt.NDArray[np.int64], keys: npt.NDArray[np.uint64]
) -> Encoded:
    """Encode the values of rows under their blocks' keys, each (block, value) once.

    Args:
        values: The column's values.
        kind: As `Column.kind`.
        rows: int64[n], rows of the frame.
        blocks: int64[n], index of each row's block.
        keys: uint64[blocks, 2], the group's key in each block.
    """
    ids = values.ids[rows]
    present = ids >= 0
    count = max(len(values.offsets) - 1, 1)
    pairs, inverse = np.unique(blocks[present] * count + ids[present], return_inverse=True)
    kernel = keyed_tokens if kind == "token" else sketch_kernel
    out = np.full(len(rows), -1, dtype=np.int64)
    out[present] = inverse
    return Encoded(out, kernel(keys[pairs // count], pairs % count, values.offsets, values.data))
