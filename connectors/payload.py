"""The statistics half: who is who by reference, and the attributes and events that travel, coarsened, sealed.

Nothing is written in the clear: the tables and their ZIP stay in memory and go through `contract.sealing.seal_stream`
into the one file that only the statistics unit can open.
"""

from __future__ import annotations

import hmac
import io
import zipfile
from collections.abc import Mapping, Sequence
from typing import BinaryIO

import numpy as np
import polars as pl

from connectors.errors import ConnectorConfigurationError
from contract.agreement import PayloadColumn, RegisterTerms
from contract.submission import MEMBERS
from pseudonymisation.keys.tree import derive
from pseudonymisation.randomness import RandomSource

#: Hexadecimal digits of a pseudonym: 64 bits, no two employers share one by chance.
PSEUDONYM_DIGITS = 16
_NORMALISED = ("sex", "nationality", "birth_country")
_CUT = {"date": 10, "month": 7, "year": 4}
_NEEDS_WIDTH = frozenset({"band", "doubling", "prefix"})
_LARGEST = 1 << 30


def random_refs(count: int, random: RandomSource) -> list[str]:
    """Return random references of 128 bits as hexadecimal text."""
    drawn = random.words(2 * count).tobytes().hex()
    return [drawn[start : start + 32] for start in range(0, 32 * count, 32)]


def coarsen(column: pl.Series, terms: PayloadColumn, pseudonym_key: bytes) -> pl.Series:
    """Return a payload column as the agreement lets it travel.

    Args:
        column: String values; dates and times in ISO 8601.
        terms: How far it is coarsened (`contract.agreement.PayloadColumn`).
        pseudonym_key: Key of this agreement's pseudonyms; every column has a key of its own below it.

    Returns:
        Strings; for `band` and `doubling` the lower edges as Int64, null where a value is no number.
    """
    if terms.coarsen == "year" and _is_banded(terms):
        year = column.str.slice(0, _CUT["year"]).cast(pl.Int64, strict=False)
        coarse = _banded(year, terms)
        exact = year if terms.exact_from is None else year.set(year < terms.exact_from, None)
        return exact.fill_null(coarse).cast(pl.String).str.zfill(4).alias(column.name)
    if terms.coarsen in _CUT:
        return column.str.slice(0, _CUT[terms.coarsen])
    if terms.coarsen in {"band", "doubling"}:
        number = column.str.strip_chars().str.replace(",", ".", literal=True).cast(pl.Float64, strict=False)
        number = number.set(~number.is_finite(), None)
        # in whole numbers: a quotient of floats may fall just below an edge
        return _banded(number.floor().cast(pl.Int64, strict=False), terms).alias(column.name)
    if terms.coarsen == "prefix":
        return column.str.strip_chars().str.slice(0, terms.width)
    if terms.coarsen == "pseudonym":
        key = derive(pseudonym_key, "payload", terms.column)
        distinct = column.drop_nulls().unique(maintain_order=True)
        codes = [hmac.digest(key, value.encode(), "sha256").hex()[:PSEUDONYM_DIGITS] for value in distinct.to_list()]
        return column.replace_strict(distinct, pl.Series(codes, dtype=pl.String), default=None, return_dtype=pl.String)
    return column


def _is_banded(terms: PayloadColumn) -> bool:
    return (terms.width, terms.least, terms.most) != (None, None, None)


def _banded(number: pl.Series, terms: PayloadColumn) -> pl.Series:
    """Return whole numbers clipped to the bottom and top code, then the lower edges of their bands."""
    clipped = number.clip(terms.least, terms.most)
    width = terms.width or 1
    if terms.coarsen != "doubling":
        return clipped // width * width
    # the binary exponent is exact, where a logarithm may round up to the next band
    _, exponent = np.frexp((clipped // width).clip(0, _LARGEST).fill_null(0).to_numpy().astype(np.float64))
    edges = pl.Series(np.where(exponent > 0, width << np.maximum(exponent - 1, 0).astype(np.int64), 0), dtype=pl.Int64)
    return edges.set(clipped.is_null(), None)


def records_table(
    terms: RegisterTerms,
    mapped: pl.DataFrame,
    identities: pl.DataFrame,
    subject_refs: Sequence[str],
    record_refs: Sequence[str],
    pseudonym_key: bytes,
) -> pl.DataFrame:
    """Return `records.parquet`: `subject_ref`, `record_ref` and the agreement's attributes, sorted by `record_ref`.

    Args:
        terms: The register's terms.
        mapped: Canonical columns, one row a record; an attribute the register lacks is null throughout.
        identities: The same rows normalised; sex, countries and birth dates are taken from here.
        subject_refs: Subject reference of each row.
        record_refs: Record reference of each row.
        pseudonym_key: See `coarsen`.
    """
    columns = [
        pl.Series("subject_ref", subject_refs, dtype=pl.String),
        pl.Series("record_ref", record_refs, dtype=pl.String),
    ]
    for attribute in terms.attributes:
        source = _attribute(attribute.column, mapped, identities)
        columns.append(coarsen(source, attribute, pseudonym_key).alias(attribute.column))
    return pl.DataFrame(columns).sort("record_ref")


def ordered_days(column: pl.Series, owners: pl.Series) -> pl.Series:
    """Return times cut to their day, several of one owner on one day kept in order.

    The first of a day is written as the bare day, the next as ``T00:00:01`` of that day, and so on: an exit before a
    return on the same day is another trajectory than the reverse, but the hours are nobody's business.

    Args:
        column: Times in ISO 8601; a bare day has no order to keep.
        owners: Whose event each is (the subject, as its institution groups it).
    """
    frame = pl.DataFrame({"owner": owners, "time": column}).with_columns(pl.col("time").str.slice(0, 10).alias("day"))
    place = pl.col("time").rank("dense").over("owner", "day").cast(pl.Int64) - 1
    later = pl.col("day") + pl.format("T00:{}:{}", _two(place // 60), _two(place % 60))
    return frame.select(pl.when(place > 0).then(later).otherwise("day").alias(column.name)).to_series()


def _two(number: pl.Expr) -> pl.Expr:
    return number.cast(pl.String).str.zfill(2)


def events_table(
    terms: RegisterTerms,
    events: pl.DataFrame | None,
    record_refs: dict[str, str],
    pseudonym_key: bytes,
    subject_refs: dict[str, str] | None = None,
) -> pl.DataFrame:
    """Return `events.parquet`: `record_ref` and the agreement's event columns, sorted, so that no file order shows.

    Args:
        terms: The register's terms.
        events: Canonical event columns with `record_id`; None where the register has none.
        record_refs: Record id to record reference.
        pseudonym_key: See `coarsen`.
        subject_refs: Record id to subject reference, within which the order of a day's events is kept; each record
            by itself without it.
    """
    height = events.height if events is not None else 0
    blank = pl.Series("blank", [None] * height, dtype=pl.String)
    columns = []
    for column in terms.events:
        given = events is not None and column.column in events.columns
        source = events.get_column(column.column) if events is not None and given else blank.alias(column.column)
        if events is not None and given and column.coarsen == "date":
            ids = events.get_column("record_id")
            owners = ids.replace_strict(subject_refs, default=None) if subject_refs else ids
            columns.append(ordered_days(source, owners))
        else:
            columns.append(coarsen(source, column, pseudonym_key))
    references = [record_refs[one] for one in events.get_column("record_id").to_list()] if events is not None else []
    frame = pl.DataFrame([pl.Series("record_ref", references, dtype=pl.String), *columns])
    return frame.sort(frame.columns, nulls_last=True)


def handles_table(passes: Mapping[str, pl.DataFrame], subject_refs: Sequence[str]) -> pl.DataFrame:
    """Return `handles.parquet`, by pass and handle: `pass`, `handle` (UInt64), `subject_ref`, `identity` (Int32).

    Args:
        passes: Pass name to the real rows' `handle`, `subject` (number) and `identity`.
        subject_refs: Subject reference of each subject number.
    """
    references = pl.Series("subject_ref", subject_refs, dtype=pl.String)
    parts = [
        pl.DataFrame(
            [
                pl.repeat(name, found.height, dtype=pl.String, eager=True).alias("pass"),
                found.get_column("handle").cast(pl.UInt64),
                references.gather(found.get_column("subject")).alias("subject_ref"),
                found.get_column("identity").cast(pl.Int32),
            ]
        ).sort("handle")
        for name, found in sorted(passes.items())
    ]
    return pl.concat(parts)  # not sorted as a whole: at 10^6 subjects that would be a second copy of 10^7 rows


def statistics_half(handles: pl.DataFrame, records: pl.DataFrame, events: pl.DataFrame) -> BinaryIO:
    """Return the statistics half before it is sealed: a ZIP, stored, of the three tables, in memory."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as archive:
        for name, frame in zip(MEMBERS, (handles, records, events), strict=True):
            content = io.BytesIO()
            frame.write_parquet(content, compression="zstd", statistics=False)
            # a fixed time: the archive says nothing about the machine's clock
            with content.getbuffer() as whole:
                archive.writestr(zipfile.ZipInfo(name), whole)
    packed.seek(0)
    return packed


def _attribute(name: str, mapped: pl.DataFrame, identities: pl.DataFrame) -> pl.Series:
    if name in _NORMALISED and name in identities.columns:
        # F and M, FRA: statistics write codes in upper case
        return identities.get_column(name).cast(pl.String).str.to_uppercase()
    if name == "birth_date" and "birth_year" in identities.columns:
        parts = [
            pl.col(part).cast(pl.String).fill_null("0").str.zfill(width)
            for part, width in (("birth_year", 4), ("birth_month", 2), ("birth_day", 2))
        ]
        iso = pl.when(pl.col("birth_year").is_not_null()).then(pl.concat_str(parts, separator="-"))
        return identities.select(iso.alias(name)).to_series()
    if name in mapped.columns:
        return mapped.get_column(name)
    return pl.Series(name, [None] * mapped.height, dtype=pl.String)


def check_payload_columns(terms: RegisterTerms) -> None:
    """Refuse terms under which two payload columns would have one name, or a band no width.

    Raises:
        ConnectorConfigurationError: They do.
    """
    for columns, own in ((terms.attributes, ["subject_ref", "record_ref"]), (terms.events, ["record_ref"])):
        names = own + [column.column for column in columns]
        if len(set(names)) != len(names):
            raise ConnectorConfigurationError("The agreement names a payload column twice.")
        if any(column.coarsen in _NEEDS_WIDTH and not column.width for column in columns):
            raise ConnectorConfigurationError("The agreement gives a band or a prefix without its width.")
        if any(column.width is not None and column.width < 1 for column in columns):
            raise ConnectorConfigurationError("The agreement gives a payload column a width below 1.")
