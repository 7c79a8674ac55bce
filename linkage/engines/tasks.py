"""The tasks of a linkage: each reads files and leaves one chunk file. They may run anywhere, and twice."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from linkage.compare import compared_pairs, count_patterns, emit_edges
from linkage.edges import ComparedPairs, edges_of
from linkage.engines.chunks import read_chunk, write_chunk
from linkage.engines.stored import StoredPass, reading
from linkage.errors import ChunkError
from linkage.loading import load_pass
from linkage.model import Model
from linkage.patterns import PatternCounts
from linkage.plan import ComparisonPlan
from linkage.tables import PassArrays

KEPT_PAIRS: Final = 8  # pairs a row that are kept from counting to emitting rather than compared again
_PAIR_BYTES: Final = 128  # of a pair while it is kept: the walk's list, twice as it grows, its columns, the chunk
SPLIT_FROM: Final = 8  # fewer ranges are read from the whole table, each time anew, rather than written apart
_SPLIT_ROWS: Final = 1 << 18
Task = Callable[[Any], None]


@dataclass(frozen=True)
class Split:
    """One register's pass table, to be cut into `cut` token ranges."""

    path: Path
    folder: Path
    name: str
    register: str
    cut: int

    @property
    def result(self) -> Path:
        """The chunk that says that all ranges are written."""
        return self.folder / f"{self.name}.{self.register}.{self.cut}.split"

    @property
    def files(self) -> tuple[Path, ...]:
        """All it leaves; the result comes first and is written last."""
        return (self.result, *(self.range_file(number) for number in range(self.cut)))

    def range_file(self, number: int) -> Path:
        """Where the rows of a range go."""
        return self.folder / f"{self.name}.{self.register}.{number}-{self.cut}.rows"


@dataclass(frozen=True)
class Part:
    """One token range of a pass: number `number` of `cut`, to be worked on in `share` bytes of memory."""

    plan: ComparisonPlan
    tables: Mapping[str, Path]
    folder: Path
    name: str
    number: int
    cut: int
    floor: float
    share: int
    model: bytes = b""

    def with_model(self, model: bytes) -> Part:
        """Return the part, to be emitted under a model (`Model.to_json`)."""
        return replace(self, model=model)

    @property
    def _stem(self) -> str:
        return f"{self.name}.{self.number}-{self.cut}"

    @property
    def counts_file(self) -> Path:
        """The chunk of its pattern counts."""
        return self.folder / f"{self._stem}.counts"

    @property
    def pairs_file(self) -> Path:
        """The chunk of its compared pairs; empty where they are too many to keep."""
        return self.folder / f"{self._stem}.pairs"

    @property
    def result(self) -> Path:
        """The chunk that this part's next task leaves."""
        if not self.model:
            return self.counts_file
        under = hashlib.sha256(self.model + str(self.floor).encode()).hexdigest()[:16]
        return self.folder / f"{self._stem}.{under}.edges"

    @property
    def files(self) -> tuple[Path, ...]:
        """What its next task leaves and cannot be done without."""
        return (self.result,)

    def arrays(self) -> PassArrays:
        """Load its rows that are compared with any."""
        if self.cut >= SPLIT_FROM:
            splits = {name: Split(path, self.folder, self.name, name, self.cut) for name, path in self.tables.items()}
            rows = {name: read_chunk(split.range_file(self.number)) for name, split in splits.items()}
            return load_pass(rows, self.plan, self.name, partnered=True)
        with ExitStack() as open_files:
            stored = {
                name: open_files.enter_context(closing(StoredPass(path, self.name, name)))
                for name, path in self.tables.items()
            }
            return load_pass(stored, self.plan, self.name, partnered=True, token_range=(self.number, self.cut))


def _ranges_of(table: pa.Table, cut: int) -> npt.NDArray[np.uint64]:
    """Return the token range of each row: the first bits of its block."""
    bits = cut.bit_length() - 1
    block = table.column("block").to_numpy().astype(np.uint64, copy=False)
    return block >> np.uint64(64 - bits) if bits else np.zeros_like(block)


def split_table(split: Split) -> None:
    """Cut a pass table into token ranges, a few rows at a time."""
    with reading(split.name, split.register):
        file = pq.ParquetFile(split.path)
        writers = [_Appender(split.range_file(number), file.schema_arrow) for number in range(split.cut)]
        for batch in file.iter_batches(_SPLIT_ROWS, use_threads=False):
            table = pa.Table.from_batches([batch])
            block = _ranges_of(table, split.cut)
            order = np.argsort(block, kind="stable")
            bounds = np.searchsorted(block[order], np.arange(split.cut + 1, dtype=np.uint64))
            for number, (start, end) in enumerate(pairwise(bounds)):
                writers[number].add(table.take(pa.array(order[start:end])))
        for writer in writers:
            writer.close()
    write_chunk(split.result, pa.table({"ranges": [split.cut]}))


class _Appender:
    """Parts of a range on disk until the range is written as one chunk."""

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self._path, self._schema, self._parts = path, schema, 0

    def _part(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.name}.{number}")

    def add(self, table: pa.Table) -> None:
        """Put rows behind those before."""
        write_chunk(self._part(self._parts), table)
        self._parts += 1

    def close(self) -> None:
        """Write the range, and drop its parts."""
        parts = [read_chunk(self._part(number)) for number in range(self._parts)]
        write_chunk(self._path, pa.concat_tables([self._schema.empty_table(), *parts]).combine_chunks())
        for number in range(self._parts):
            self._part(number).unlink()


def count_part(part: Part) -> None:
    """Count a part's patterns, and keep its pairs while they are few."""
    arrays = part.arrays()
    counts = count_patterns(arrays, part.plan, 0, len(arrays))
    few = part.plan.profile != "record" and counts.pairs <= KEPT_PAIRS * max(len(arrays), 1)
    few = few and counts.pairs * _PAIR_BYTES <= max(part.share - arrays.nbytes, 0)
    if few:
        pairs = compared_pairs(arrays, part.plan)
        write_chunk(part.pairs_file, pa.table(list(pairs), names=list(pairs._fields)))
    columns = (counts.pattern, counts.register_a, counts.register_b, counts.count)
    kept = pa.table(list(columns), names=["pattern", "register_a", "register_b", "count"])
    write_chunk(part.counts_file, kept.replace_schema_metadata({"pairs": "kept" if few else "dropped"}))


def counts_of(table: pa.Table) -> PatternCounts:
    """Return the counts of a chunk."""
    return PatternCounts(*(np.ascontiguousarray(table.column(name).to_numpy()) for name in table.column_names))


def _kept_pairs(part: Part) -> ComparedPairs | None:
    """Return the pairs that counting kept; None if their chunk is gone or damaged."""
    try:
        table = read_chunk(part.pairs_file)
    except ChunkError:
        return None
    return ComparedPairs(*(table.column(name).to_numpy() for name in ComparedPairs._fields))


def emit_part(part: Part) -> None:
    """Emit a part's edges: from the pairs kept, or by comparing again."""
    model = Model.from_json(part.model, part.plan)
    counted = read_chunk(part.counts_file)
    pairs = _kept_pairs(part) if (counted.schema.metadata or {}).get(b"pairs") == b"kept" else None
    if pairs is not None:
        edges = edges_of(part.plan, model, part.name, pairs, part.floor)
    else:
        arrays = part.arrays()
        edges = emit_edges(arrays, part.plan, model, 0, len(arrays), part.floor)
    write_chunk(part.result, edges)
