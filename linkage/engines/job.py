"""A linkage from pass tables to edges, in chunks of a pass and a range of block tokens.

| step | tasks | each leaves |
|---|---|---|
| split | pass x register, if a pass is many times what fits in memory | the table's rows by token range |
| count | pass x range | pattern counts, and the compared pairs while they are few |
| fit | 1, here | the model |
| emit | pass x range | edges |
| join | a pass at a time, when it is read | the canonical edges |

Block tokens are spread evenly, so that a range is the tokens that begin with the same bits. All that
tasks leave are chunk files (`chunks`) named after what they hold: a run that was broken off goes on from
them, and it makes no difference which worker made which, or how often.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pyarrow as pa

from linkage.columns import columns_of
from linkage.edges import EDGE_FLOOR, EDGE_SCHEMA, join_edges
from linkage.em import fit
from linkage.engines.chunks import read_chunk, sound
from linkage.engines.memory import return_arrow_memory, return_large_arrays
from linkage.engines.port import Engine
from linkage.engines.stored import pass_table_rows
from linkage.engines.tasks import (
    SPLIT_FROM,
    Part,
    Split,
    Task,
    count_part,
    counts_of,
    emit_part,
    split_table,
)
from linkage.errors import EngineError
from linkage.layout import token_width
from linkage.model import Model
from linkage.patterns import PatternCounts
from linkage.plan import ComparisonPlan

Measure = Callable[[str], AbstractContextManager[None]]
MEMORY_BYTES: Final = 2 << 30
_COPIES: Final = 2.5  # of a row while a range is loaded from a table in memory: table, arrays, sort keys
_KEY_BYTES: Final = 42  # of every row of a file: handle, block, register, place, a cell of the column that is read
_OWN_BYTES: Final = 45  # of a row held: handle, block, register, end, known cells, classes
_MAX_RANGES: Final = 1 << 10


@dataclass(frozen=True)
class Job:
    """One linkage.

    Attributes:
        plan: The agreement's plan.
        tables: Pass to register to the Parquet file of its pass table.
        folder: Where chunk files go; a folder of this job alone.
        memory_bytes: What the chunks in work on one machine may hold together.
        floor: Least match probability of an edge.
    """

    plan: ComparisonPlan
    tables: Mapping[str, Mapping[str, Path]]
    folder: Path
    memory_bytes: int = MEMORY_BYTES
    floor: float = EDGE_FLOOR

    def share(self, workers: int) -> int:
        """Return the bytes that one of the workers may hold."""
        return self.memory_bytes // workers

    def range_bytes(self, rows: int, cut: int) -> int:
        """Return about how many bytes one of `cut` token ranges takes, at most, while it is loaded."""
        spec = columns_of(self.plan)
        cells = 16 * len(spec.sketches) + 8 * spec.words + 4 * token_width(spec)
        if cut < SPLIT_FROM and not spec.words:
            return rows * _KEY_BYTES + rows * (cells + _OWN_BYTES) // cut
        return int(_COPIES * rows * (cells + _OWN_BYTES)) // cut

    def ranges(self, name: str, workers: int) -> int:
        """Return into how many token ranges (a power of two) a pass is cut.

        Raises:
            EngineError: Even the finest cut does not fit in memory.
        """
        rows = sum(pass_table_rows(path, name, register) for register, path in self.tables[name].items())
        share, cut = self.share(workers), 1
        if self.plan.profile == "record":
            if self.range_bytes(rows, 1) > share:
                raise EngineError("Record-level encodings do not fit in memory, and they have no blocks to cut at.")
            return 1
        while cut <= _MAX_RANGES and self.range_bytes(rows, cut) > share:
            cut *= 2
        if cut > _MAX_RANGES:
            raise EngineError("A run of this size does not fit in the memory it may use.", advice="Raise memory_bytes.")
        return cut


@dataclass(frozen=True)
class Linked:
    """What a linkage made.

    Attributes:
        counts: Pass to its pattern counts.
        model: The fitted model.
        chunks: Pass to the chunk files of its edges, in the order of their names.
        recomputed: Names of chunk files that were found damaged and made again.
    """

    counts: dict[str, PatternCounts]
    model: Model
    chunks: Mapping[str, tuple[Path, ...]]
    recomputed: tuple[str, ...]

    def tables(self) -> Iterator[pa.Table]:
        """Yield the canonical edges pass by pass, as `pairs.met_pairs` takes them.

        Raises:
            ChunkError: A chunk file is no longer what was written.
        """
        for files in self.chunks.values():
            yield join_edges(read_chunk(path) for path in files)

    @property
    def edges(self) -> pa.Table:
        """All canonical edges in one table; errors as `tables`."""
        return pa.concat_tables([EDGE_SCHEMA.empty_table(), *self.tables()]).unify_dictionaries()


def _unmeasured(_step: str) -> AbstractContextManager[None]:
    return nullcontext()


def link(job: Job, engine: Engine, measure: Measure = _unmeasured) -> Linked:
    """Run a linkage, or go on with one that was broken off.

    Args:
        job: What to link.
        engine: What runs the tasks.
        measure: Makes the context that each step runs in, from the step's name.

    Raises:
        WaslError: A table is not as the agreement asks, a block is too large, or the engine gave up.
    """
    return_large_arrays()
    parts: list[Part] = []
    splits: list[Split] = []
    for name in job.plan.passes:
        cut = job.ranges(name, engine.workers)
        share = job.share(engine.workers)
        parts += [
            Part(job.plan, job.tables[name], job.folder, name, number, cut, job.floor, share) for number in range(cut)
        ]
        if cut >= SPLIT_FROM:
            splits += [
                Split(path, job.folder, name, register, cut) for register, path in sorted(job.tables[name].items())
            ]
    with measure("split"):
        damaged = _run(engine, split_table, splits)
    with measure("count"):
        damaged += _run(engine, count_part, parts)
        return_arrow_memory()
    counts: dict[str, list[PatternCounts]] = {}
    for part in parts:
        counts.setdefault(part.name, []).append(counts_of(read_chunk(part.counts_file)))
    with measure("fit"):
        merged = {name: PatternCounts.merge(found) for name, found in counts.items()}
        model = fit(merged, job.plan)
    written = model.to_json()
    emitting = [part.with_model(written) for part in parts]
    with measure("emit"):
        damaged += _run(engine, emit_part, emitting)
    chunks = {
        name: tuple(part.result for part in emitting if part.name == name)
        for name in sorted({part.name for part in emitting})
    }
    return Linked(merged, model, chunks, tuple(damaged))


def _run(engine: Engine, task: Task, items: list[Part] | list[Split]) -> list[str]:
    """Run what has not been done; return the names of files that were damaged."""
    waiting, damaged = [], []
    for item in items:
        if not all(sound(path) for path in item.files):
            waiting.append(item)
            damaged += [path.name for path in item.files if path.exists() and not sound(path)]
    engine.run(task, waiting)
    return damaged
