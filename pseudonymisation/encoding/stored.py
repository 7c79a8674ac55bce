"""Pass tables in their files: read when they are looked at, and let go, since those of a large register do not all fit
in memory.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from contract.errors import SubmissionError

_PAGE_BYTES: Final = 1 << 17  # a page of a column is still in a near cache when it is read


def read_pass_table(path: Path, columns: list[str] | None = None) -> pa.Table:
    """Read a stored pass table, or some columns of it.

    Raises:
        SubmissionError: It is missing or not readable.
    """
    try:
        # one thread: passes are read side by side already, and each thread holds buffers of its own
        return pq.read_table(path, columns=columns, use_threads=False)
    except (OSError, pa.ArrowException):
        raise SubmissionError("A pass table is not readable.", where={"file": path.name}) from None


def write_pass_table(table: pa.Table, path: Path) -> None:
    """Store a pass table.

    Its words are random: neither a dictionary nor compression makes them smaller, and both are slow to read. A column
    without gaps is marked so (not nullable), and nobody need read of each cell whether it is there: types are those of
    the table, whether they are nullable hangs on the rows.

    Raises:
        OSError: The disk does not take it.
    """
    fields = [field.with_nullable(table.column(at).null_count > 0) for at, field in enumerate(table.schema)]
    whole = table.cast(pa.schema(fields, metadata=table.schema.metadata))
    pq.write_table(
        whole, path, compression="none", use_dictionary=False, write_statistics=False, data_page_size=_PAGE_BYTES
    )


def read_pass_rows(path: Path) -> int:
    """Return the number of rows of a stored pass table. Raises as `read_pass_table`."""
    try:
        return int(pq.read_metadata(path).num_rows)
    except (OSError, pa.ArrowException):
        raise SubmissionError("A pass table is not readable.", where={"file": path.name}) from None


class PassTables(Mapping[str, pa.Table]):
    """Pass tables by name; one that lies in a file is read anew at every access.

    Args:
        sources: Pass name to table or file.
    """

    def __init__(self, sources: Mapping[str, pa.Table | Path]) -> None:
        self._sources = dict(sources)

    def __getitem__(self, name: str) -> pa.Table:
        """Return a table. Raises as `read_pass_table`."""
        source = self._sources[name]
        return read_pass_table(source) if isinstance(source, Path) else source

    def __iter__(self) -> Iterator[str]:
        return iter(self._sources)

    def __len__(self) -> int:
        return len(self._sources)
