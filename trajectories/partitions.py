"""Large runs: registers in Parquet, cut into buckets of persons, one bucket in memory at a time.

All of a person lies in one bucket, spells need nothing of anybody else, and figures of buckets add up. So the memory of
a run is that of its largest bucket, and its result does not depend on how many there are.

A partitioned folder holds `records/<bucket>.parquet` and `<register>/<bucket>.parquet`, with the columns of
`trajectories.tables.LinkedRegisters`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow.dataset import dataset

from contract.errors import InputError, StorageError
from contract.registers import REGISTERS
from trajectories.channels import Channels, build_channels
from trajectories.figures import Figures
from trajectories.parse import stripped
from trajectories.spells import spells_of
from trajectories.tables import REFERENCE, InvalidValues, LinkedRegisters, Preset, Window
from trajectories.uncertainty import Counter

#: Rows of an event file that are read at once.
BATCH_ROWS: Final = 1_000_000
#: Persons of a bucket, about.
BUCKET_PERSONS: Final = 20_000
_RECORDS: Final = "records"


def bucket_count(persons: int) -> int:
    """Return the number of buckets for so many persons."""
    return max(1, -(-persons // BUCKET_PERSONS))


def partition_registers(records: Path, events: Mapping[str, Path], folder: Path, buckets: int | None = None) -> int:
    """Cut registers into buckets of persons and return how many there are.

    A person's bucket is the rank of the person id modulo the number of buckets. Records without a person lie in the
    first bucket, where they are counted as losses.

    Args:
        records: Parquet file, or folder of such files, with the columns of `LinkedRegisters.records`.
        events: By register name, Parquet file or folder with `record` and its event columns.
        folder: Where the buckets go; made where missing.
        buckets: How many; by default one for every `BUCKET_PERSONS` persons.

    Raises:
        InputError: A register is unknown, or a file does not read as Parquet.
        StorageError: The folder does not take the files.
    """
    for register in events:
        if register not in REGISTERS:
            raise InputError("There is no register of this name.", where={"register": register})
    try:
        known = pl.read_parquet(records / "*.parquet" if records.is_dir() else records)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise InputError("The table of records does not read as Parquet.", where={"file": records.name}) from error
    person_id = known.select(person_id=stripped("person_id"))
    ranks = person_id.drop_nulls().unique().sort("person_id").with_row_index("rank")
    count = buckets or bucket_count(ranks.height)
    placed = known.with_columns(
        bucket=person_id.join(ranks, on="person_id", how="left", maintain_order="left")["rank"].fill_null(0) % count
    )
    try:
        _write_buckets(folder / _RECORDS, count, iter([placed]))
        for register, path in sorted(events.items()):
            own = placed.filter(pl.col("register") == register).select(stripped("record").alias("name"), "bucket")
            _write_buckets(folder / register, count, _batches(path, own))
    except OSError as error:
        raise StorageError("The buckets could not be written.", where={"folder": folder.name}) from error
    return count


def _batches(path: Path, buckets: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """Yield an event file's rows with their bucket; a row of no record goes to the first."""
    try:
        source = dataset(path, format="parquet")
    except (OSError, pa.ArrowException) as error:
        raise InputError("An event table does not read as Parquet.", where={"file": path.name}) from error
    yield pl.DataFrame(source.schema.empty_table()).with_columns(bucket=pl.lit(0, dtype=pl.UInt32))
    for rows in _gathered(source.to_batches(batch_size=BATCH_ROWS, batch_readahead=1, fragment_readahead=1)):
        named = rows.with_columns(name=stripped("record"))
        joined = named.join(buckets, on="name", how="left", maintain_order="left")
        yield joined.with_columns(pl.col("bucket").fill_null(0).cast(pl.UInt32)).drop("name")


def _gathered(batches: Iterator[pa.RecordBatch]) -> Iterator[pl.DataFrame]:
    """Yield tables of about `BATCH_ROWS` rows: a file's batches may be small, and every table costs a join."""
    held: list[pa.RecordBatch] = []
    for batch in batches:
        held.append(batch)
        if sum(one.num_rows for one in held) >= BATCH_ROWS:
            yield pl.DataFrame(pa.Table.from_batches(held))
            held = []
    if held:
        yield pl.DataFrame(pa.Table.from_batches(held))


def _write_buckets(folder: Path, count: int, parts: Iterator[pl.DataFrame]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    writers: dict[int, pq.ParquetWriter] = {}
    try:
        for part in parts:
            for (bucket,), rows in part.partition_by("bucket", as_dict=True, include_key=False).items():
                table = rows.to_arrow()
                place = int(str(bucket))
                if place not in writers:
                    writers[place] = pq.ParquetWriter(folder / f"{place}.parquet", table.schema, compression="zstd")
                writers[place].write_table(table)
            empty = part.drop("bucket").clear().to_arrow()
        for place in range(count):
            if place not in writers:
                pq.write_table(empty, folder / f"{place}.parquet")
    finally:
        for writer in writers.values():
            writer.close()


def read_bucket(folder: Path, bucket: int, invalid: InvalidValues = "skip") -> LinkedRegisters:
    """Return one bucket's registers.

    Raises:
        InputError: The bucket is not there.
    """
    if not (folder / _RECORDS / f"{bucket}.parquet").exists():
        raise InputError("There is no such bucket.", where={"folder": folder.name, "bucket": bucket})
    events = {
        name: pl.scan_parquet(folder / name / f"{bucket}.parquet").collect()
        for name in REGISTERS
        if (folder / name / f"{bucket}.parquet").exists()
    }
    return LinkedRegisters(pl.read_parquet(folder / _RECORDS / f"{bucket}.parquet"), events, invalid=invalid)


def channels_of_partitions(
    folder: Path, buckets: int, window: Window, preset: Preset = REFERENCE, invalid: InvalidValues = "skip"
) -> Iterator[Channels]:
    """Yield the channels of one bucket after the other.

    Raises:
        InputError: A bucket is missing; with `invalid` `error`, a value is not in its column's form.
    """
    for bucket in range(buckets):
        yield build_channels(read_bucket(folder, bucket, invalid), window, preset)


def figures_of_partitions(
    folder: Path,
    buckets: int,
    window: Window,
    count: Counter,
    preset: Preset = REFERENCE,
    *,
    spells: Path | None = None,
    invalid: InvalidValues = "skip",
) -> Figures:
    """Return the figures of a partitioned population; write its spells too, where a folder is named.

    Args:
        folder: Of `partition_registers`.
        buckets: How many it holds.
        window: Observation window, the same for all.
        count: Makes figures of channels (`trajectories.uncertainty.counter`).
        preset: How spells are made of events.
        spells: Folder for `<bucket>.parquet` of `trajectories.spells.SPELL_SCHEMA`.
        invalid: See `LinkedRegisters`.

    Raises:
        InputError: A bucket is missing, or a value is not in its column's form and `invalid` is `error`.
    """
    total: Figures | None = None
    for bucket, channels in enumerate(channels_of_partitions(folder, buckets, window, preset, invalid)):
        own = count(channels)
        total = own if total is None else total + own
        if spells is not None:
            spells.mkdir(parents=True, exist_ok=True)
            table = spells_of(channels)
            table.write_parquet(spells / f"{bucket}.parquet", compression="zstd")
    if total is None:
        raise InputError("There is no bucket.", where={"folder": folder.name})
    return total
