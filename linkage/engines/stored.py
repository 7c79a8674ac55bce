"""Pass tables on disk, read a few rows at a time: in memory a pass takes its rows with a partner, not its file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from linkage.errors import PassTableError

_READ_BYTES: Final = 1 << 18  # read at once of each column


@contextmanager
def reading(name: str, register: str) -> Iterator[None]:
    """Say which pass table does not read.

    Raises:
        PassTableError: What runs inside could not read or decode it.
    """
    try:
        yield
    except (OSError, pa.ArrowException) as error:
        raise PassTableError("A pass table does not read.", where={"pass": name, "register": register}) from error


class StoredPass:
    """A register's pass table in a Parquet file; what `loading.load_pass` asks of a table.

    Args:
        path: The file.
        name: The pass.
        register: The register.

    Raises:
        PassTableError: It does not read; also from `column` and `batches`.
    """

    def __init__(self, path: Path, name: str, register: str) -> None:
        self._name, self._register = name, register
        with reading(name, register):
            self._file = pq.ParquetFile(path, buffer_size=_READ_BYTES, pre_buffer=False)
        self.schema = self._file.schema_arrow
        self.num_rows = int(self._file.metadata.num_rows)

    @property
    def column_names(self) -> list[str]:
        """Names of the columns."""
        return list(self.schema.names)

    def column(self, name: str) -> Any:
        """Read a column (a chunked array)."""
        with reading(self._name, self._register):
            return self._file.read(columns=[name], use_threads=False).column(name)

    def batches(self, names: list[str], rows: int) -> Iterator[Any]:
        """Read columns a few rows at a time (record batches)."""
        with reading(self._name, self._register):
            yield from self._file.iter_batches(rows, columns=names, use_threads=False)

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def read_pass_table(path: Path, name: str, register: str) -> pa.Table:
    """Return a whole pass table.

    Raises:
        PassTableError: It does not read.
    """
    with reading(name, register):
        return pq.read_table(path, use_threads=False)


def pass_table_rows(path: Path, name: str, register: str) -> int:
    """Return the number of rows of a Parquet file; errors as `read_pass_table`."""
    with reading(name, register):
        return int(pq.read_metadata(path).num_rows)
