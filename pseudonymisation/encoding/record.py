"""Profile `record`: one diffused Bloom encoding a record, compared by scan; least trust in the linkage unit.

Field-tagged name bigrams and positional date bigrams set k keyed positions each of m = 1024 bits; every bit of the
output is the XOR of t = 6 keyed positions (Armknecht, Heng and Schnell 2023), each position used equally often.
Diffusion leaks linearly about (1 - 2p)^t, p the share of ones before it: below a fill of .27 that exceeds .01. So k
aims at a mean fill of .30 to .35, a record of few grams sets more positions for each of them, and one that stays too
empty even so is withheld. A register whose mean or whose 5th percentile leaks more all the same is refused.
"""

from __future__ import annotations

import hmac
import math
from collections.abc import Iterator
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from contract.agreement import Agreement
from contract.fields import DATE_FIELDS
from pseudonymisation.encoding.columns import BLOCK, HANDLE, columns_of, fields_of, has_names
from pseudonymisation.encoding.dummies import DUMMY_SUBJECT
from pseudonymisation.encoding.prf import keyed_tokens
from pseudonymisation.encoding.profile import (
    EncodedPass,
    EncodingContext,
    EncodingError,
    PassReport,
    prepared,
    with_handles,
)
from pseudonymisation.encoding.sketches import bigrams
from pseudonymisation.encoding.values import distinct_values, plain_values
from pseudonymisation.keys.tree import derive

RECORD_TABLE: Final = "record"
FILTER_BITS: Final = 1024
_TARGET_FILL: Final = 0.325
#: Expected fill below which a record sets more positions a gram: a little above where the leakage passes its bound.
_LEAST_FILL: Final = 0.285
#: A record of few grams sets up to so many times k positions for each.
_MOST_TIMES: Final = 3
_LOW_RECORD: Final = 5  # percentile
_NAME_GRAMS, _DATE_GRAMS = 15.0, 6.0  # bigrams of a usual pair of names, and of a full date without its century
MAX_LINEAR_LEAKAGE: Final = 0.01
MIN_DIFFUSION: Final = 6
_CHUNK_ROWS: Final = 16_384


def linear_leakage(fill: float, diffusion: int) -> float:
    """Return (1 - 2p)^t, the correlation that is left between an input bit and an output bit (piling-up lemma)."""
    return float(abs(1.0 - 2.0 * fill) ** diffusion)


def hash_count(agreement: Agreement) -> int:
    """Return k, the positions a gram sets: the same for all registers, from the agreement's fields alone."""
    fields = fields_of(agreement)
    expected = _NAME_GRAMS * has_names(fields) + _DATE_GRAMS * bool(set(DATE_FIELDS) & fields)
    if expected == 0:
        raise EncodingError("The profile `record` needs names or birth dates.")
    return round(FILTER_BITS * -math.log(1 - _TARGET_FILL) / expected)


def record_schema(agreement: Agreement) -> pa.Schema:
    """Return the Arrow schema of the table of this profile."""
    slots = [column.name for column in columns_of(agreement) if column.group == "documents"]
    return pa.schema(
        [
            pa.field(HANDLE, pa.uint64(), nullable=False),
            pa.field(BLOCK, pa.uint64(), nullable=False),
            pa.field("encoding", pa.binary(agreement.profile.record_bits // 8), nullable=False),
            *(pa.field(slot, pa.uint32()) for slot in slots),
        ]
    )


def gram_positions(key: bytes, gram: str, count: int) -> npt.NDArray[np.int64]:
    """Return the keyed bit positions of a tagged gram: 16-bit words of HMAC-SHA-512 in counter mode, mod 1024."""
    need, out = 2 * count, b""
    while len(out) < need:
        out += hmac.digest(key, len(out).to_bytes(4, "big") + gram.encode(), "sha512")
    return np.frombuffer(out[:need], dtype="<u2").astype(np.int64) % FILTER_BITS


def diffusion_table(key: bytes, bits: int, diffusion: int) -> npt.NDArray[np.int64]:
    """Return int64[bits, t]: the filter positions whose XOR is each output bit, from keyed permutations.

    Every position is used bits * t / 1024 times, give or take one, and at most once in an output bit.
    """
    rounds = -(-bits * diffusion // FILTER_BITS)
    columns = []
    for number in range(rounds):
        raw = b"".join(
            hmac.digest(key, number.to_bytes(4, "big") + place.to_bytes(4, "big"), "sha512")
            for place in range(FILTER_BITS // 8)
        )
        columns.append(np.argsort(np.frombuffer(raw, dtype="<u8"), kind="stable"))
    flat = np.concatenate(columns)[: bits * diffusion]
    # laid out by columns: a row takes one position of each of t far-apart stretches
    table = np.ascontiguousarray(flat.reshape(diffusion, bits).T).astype(np.int64)
    for column in range(1, diffusion):
        for row in np.flatnonzero((table[:, :column] == table[:, column : column + 1]).any(axis=1)):
            other = row
            while table[other, column] in table[row, :column] or table[row, column] in table[other, :column]:
                other = (other + 1) % bits
            table[[row, other], column] = table[[other, row], column]
    return table


def diffused(filters: npt.NDArray[np.uint8], table: npt.NDArray[np.int64]) -> bytes:
    """Return the diffused rows of uint8[n, 1024] filters, n * bits / 8 bytes, least significant bit first."""
    bits = filters[:, table[:, 0]]
    for column in range(1, table.shape[1]):
        bits ^= filters[:, table[:, column]]
    return np.packbits(bits, axis=1, bitorder="little").tobytes()


def _chunks(filters: npt.NDArray[np.uint8]) -> Iterator[npt.NDArray[np.uint8]]:
    for start in range(0, len(filters), _CHUNK_ROWS):
        yield filters[start : start + _CHUNK_ROWS]


def _tagged_grams(frame: pl.DataFrame, agreement: Agreement) -> list[pl.Series]:
    """Return the string columns whose bigrams enter the filter; each is named by its tag."""
    fields = fields_of(agreement)
    series = []
    if has_names(fields):
        # where some register knows no order of names, all names share one tag
        parts = ("full",) if "full_name" in fields else ("given", "family")
        series += [frame.get_column(part).cast(pl.String) for part in parts if part in frame.columns]
    if {"birth_year", "birth_month", "birth_day"} <= set(frame.columns):
        widths = {"birth_year": 4, "birth_month": 2, "birth_day": 2}
        parts_of = [
            pl.col(name).cast(pl.String).str.zfill(width).fill_null("?" * width) for name, width in widths.items()
        ]
        series.append(frame.select(pl.concat_str(parts_of).alias("date")).to_series())
    return series


def _grams(value: str, tag: str) -> list[str]:
    if tag == "date":
        pairs = [(place, value[place : place + 2]) for place in range(len(value) - 1)]
        # the century is nearly everybody's: positions that are always set would show through the diffusion
        return [f"date{place}:{pair}" for place, pair in pairs if "?" not in pair and place > 0]
    return [f"{tag}:{gram}" for gram in bigrams(value)]


def _check_fill(fills: npt.NDArray[np.float64], diffusion: int) -> None:
    """Refuse a register whose mean or 5th percentile record leaks more than the bound."""
    if not len(fills):
        return
    low = float(np.percentile(fills, _LOW_RECORD))
    if linear_leakage(min(float(fills.mean()), low), diffusion) > MAX_LINEAR_LEAKAGE:
        raise EncodingError(
            f"One record in twenty fills {low:.2f} of its filter or less: the encoding would leak.",
            advice="Map more of the names and birth dates, or use the profile blind_blocks.",
        )


class Record:
    """One encoding a record. See `Profile`."""

    name = "record"

    def encode(self, identities: pl.DataFrame, context: EncodingContext) -> dict[str, EncodedPass]:
        """Encode a whole register; see `Profile.encode`.

        Raises:
            EncodingError: Also where the mean or the 5th percentile of the fills leaks more than .01 linearly, or the
                diffusion is below 6.
        """
        agreement, terms = context.agreement, context.agreement.profile
        if terms.diffusion < MIN_DIFFUSION:
            raise EncodingError(f"Diffusion below {MIN_DIFFUSION} is refused.")
        frame = prepared(identities, context)
        filters, kept = self._filters(frame, context)
        _check_fill(filters.mean(axis=1), terms.diffusion)
        table = diffusion_table(derive(context.vintage_key, "record-diffusion"), terms.record_bits, terms.diffusion)
        raw = pa.py_buffer(b"".join(diffused(chunk, table) for chunk in _chunks(filters)))
        columns = {
            BLOCK: pa.array(np.zeros(len(kept)), pa.uint64()),
            "encoding": pa.Array.from_buffers(pa.binary(terms.record_bits // 8), len(kept), [None, raw]),
            **self._documents(frame, kept, context),
        }
        random = context.random.child(f"handles/{context.register}/{RECORD_TABLE}")
        encoded, handles, dummies = with_handles(columns, record_schema(agreement), frame, kept, random)
        real = int((frame.get_column("subject") != DUMMY_SUBJECT).sum())
        counted = handles.height
        report = PassReport(counted, len(dummies), real - counted, 0, (counted,))
        return {RECORD_TABLE: EncodedPass(encoded, handles, dummies, report)}

    def encode_each(self, identities: pl.DataFrame, context: EncodingContext) -> Iterator[tuple[str, EncodedPass]]:
        """Yield the one table; see `Profile.encode_each`."""
        yield from self.encode(identities, context).items()

    @staticmethod
    def _filters(frame: pl.DataFrame, context: EncodingContext) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
        """Return uint8[n, 1024] filters and int64[n], the rows that have grams enough."""
        key, count = derive(context.vintage_key, "record-positions"), hash_count(context.agreement)
        least = math.log(1.0 - _LEAST_FILL) / math.log(1.0 - 1.0 / FILTER_BITS)
        tagged = [(series.name, series.to_list()) for series in _tagged_grams(frame, context.agreement)]
        filters = np.zeros((frame.height, FILTER_BITS), dtype=np.uint8)
        of_value: dict[tuple[str, str], list[str]] = {}
        of_gram: dict[str, npt.NDArray[np.int64]] = {}
        for row in range(frame.height):
            grams: list[str] = []
            for tag, values in tagged:
                value = values[row]
                if value is not None:
                    if (tag, value) not in of_value:
                        of_value[tag, value] = _grams(value, tag)
                    grams += of_value[tag, value]
            distinct = dict.fromkeys(grams)
            # as few more as will do: a record and its twin with a gram less set nearly the same ones
            positions = max(count, math.ceil(least / max(1, len(distinct))))
            if positions > _MOST_TIMES * count:
                continue  # a few grams, such as a lone year: withheld
            for gram in distinct:
                if gram not in of_gram:
                    of_gram[gram] = gram_positions(key, gram, _MOST_TIMES * count)
                filters[row, of_gram[gram][:positions]] = 1
        kept = np.flatnonzero(filters.any(axis=1)).astype(np.int64)
        return filters[kept], kept

    @staticmethod
    def _documents(frame: pl.DataFrame, kept: npt.NDArray[np.int64], context: EncodingContext) -> dict[str, pa.Array]:
        """Return the documents' keyed tokens; all slots share a key, so that any may meet any."""
        key = np.frombuffer(derive(context.vintage_key, "record-documents")[:16], dtype="<u8")
        out = {}
        for column in columns_of(context.agreement):
            if column.group != "documents":
                continue
            values = distinct_values(plain_values(frame, column), "token")
            ids = values.ids[kept]
            known = np.maximum(ids, 0)
            if len(values.offsets) == 1:
                out[column.name] = pa.nulls(len(kept), pa.uint32())
                continue
            keys = np.repeat(key.astype(np.uint64)[None, :], len(kept), axis=0)
            tokens = keyed_tokens(keys, known, values.offsets, values.data)
            out[column.name] = pa.array(tokens, pa.uint32(), mask=ids < 0)
        return out
