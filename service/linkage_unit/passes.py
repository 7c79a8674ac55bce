"""Reads a run's pass tables, and keeps the last passes as arrays: chunks of one pass follow each other."""

from __future__ import annotations

import io
import threading
from collections import OrderedDict
from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from contract.errors import IntegrityError
from contract.submission import pass_file
from linkage.loading import load_pass
from linkage.patterns import PatternCounts
from linkage.plan import ComparisonPlan
from linkage.tables import PassArrays
from service.storage import ContentStore

_KEPT = 2  # arrays of the passes in work; each is about as large as its tables


class PassReader:
    """Loads passes from the store. Threads share it."""

    def __init__(self, store: ContentStore) -> None:
        self._store, self._lock = store, threading.Lock()
        self._kept: OrderedDict[tuple[str, ...], PassArrays] = OrderedDict()

    def load(self, plan: ComparisonPlan, name: str, objects: Mapping[str, Mapping[str, str]]) -> PassArrays:
        """Return a pass of all registers.

        Args:
            plan: Of the run's agreement.
            name: The pass.
            objects: Register to file name to digest in the store.

        Raises:
            PassTableError: A table is not as the agreement asks.
            NotFoundError: A table is no longer in the store.
            IntegrityError: A table has changed.
        """
        digests = {register: files[pass_file(name)] for register, files in sorted(objects.items())}
        key = (name, *(part for pair in digests.items() for part in pair))
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
            tables = {register: read_table(self._store, digest) for register, digest in digests.items()}
            self._kept[key] = arrays = load_pass(tables, plan, name)
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
            return arrays


def read_table(store: ContentStore, digest: str) -> pa.Table:
    """Return a Parquet table of the store, checked against its digest.

    Raises:
        NotFoundError: It is not there.
        IntegrityError: It has changed, or does not read.
    """
    with store.open(digest) as source:
        try:
            return pq.read_table(source)
        except pa.ArrowException as error:
            raise IntegrityError("A stored table does not read.", where={"object": digest}) from error


def put_table(store: ContentStore, table: pa.Table) -> str:
    """Store a table as Parquet and return its digest."""
    sink = io.BytesIO()
    pq.write_table(table, sink, compression="zstd")
    sink.seek(0)
    return store.put(sink)[0]


def counts_table(counts: PatternCounts) -> pa.Table:
    """Return pattern counts as a table."""
    columns = (counts.pattern, counts.register_a, counts.register_b, counts.count)
    return pa.table(list(columns), names=["pattern", "register_a", "register_b", "count"])


def counts_of(table: pa.Table) -> PatternCounts:
    """Return the counts of a `counts_table`."""
    arrays = [np.ascontiguousarray(table.column(name).to_numpy()) for name in table.column_names]
    return PatternCounts(*arrays)
