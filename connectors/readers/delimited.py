"""CSV files: any delimiter and encoding, bounded lines, errors with row numbers.

A first pass reads the bytes in small pieces and checks encoding and line length, so that a damaged file is refused
with a place and in constant memory before it is parsed. Everything is read as text; only an empty cell is missing.
"""

from __future__ import annotations

import codecs
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.csv as pa_csv

from connectors.errors import EncodingError, LineTooLongError, RowShapeError, SourceError
from connectors.readers.table import Table, check_columns

#: Bytes of one line, at most. The widest record of the registers has under 2 000 characters.
MAX_LINE_BYTES = 1 << 20
_PIECE_BYTES = 1 << 18


def read_delimited(path: Path, columns: Sequence[str], *, encoding: str = "utf-8", delimiter: str = ",") -> Table:
    """Read the named columns of a CSV file with a header line (RFC 4180; any delimiter of one character).

    Raises:
        SourceError: No such file, empty file, unknown encoding.
        EncodingError: Bytes outside the encoding, with row and byte offset.
        LineTooLongError: A line over `MAX_LINE_BYTES`; the file is not read further.
        RowShapeError: A row with too many or too few cells, or a quote that is never closed.
        ColumnError: A column is missing, with the nearest name.
    """
    odd_quotes = _check_bytes(path, encoding)
    bad: list[int] = []
    table = _parse(path, encoding, delimiter, None, bad)
    check_columns(columns, table.column_names, path.name)
    if bad:
        raise RowShapeError(
            "A row has more or fewer cells than the header.",
            where={"file": path.name, "row": min(bad), "rows_affected": len(bad)},
        )
    frame = pl.DataFrame(table.select(list(dict.fromkeys(columns))))
    if odd_quotes and table.num_rows:
        # the parser takes the rest of the file as one cell
        tail = table.column(table.num_columns - 1)[table.num_rows - 1].as_py()
        if tail is not None and "\n" in tail:
            raise RowShapeError(
                "A quote is opened and never closed.", where={"file": path.name, "row": table.num_rows + 1}
            )
    return Table(frame, path.name, 2)


def header(path: Path, *, encoding: str = "utf-8", delimiter: str = ",") -> list[str]:
    """Return the column names of a CSV file (for `wasl connector init`). Raises as `read_delimited`."""
    _check_bytes(path, encoding)
    return list(_parse(path, encoding, delimiter, 1, []).column_names)


def _parse(path: Path, encoding: str, delimiter: str, limit: int | None, bad: list[int]) -> pa.Table:
    def note(row: Any) -> str:
        bad.append(int(row.number or 0))
        return "skip"

    options: dict[str, Any] = {
        # one thread: only then are bad rows numbered
        "read_options": pa_csv.ReadOptions(use_threads=False, encoding=encoding, block_size=4 * MAX_LINE_BYTES),
        "parse_options": pa_csv.ParseOptions(
            delimiter=delimiter, newlines_in_values=True, invalid_row_handler=note, ignore_empty_lines=True
        ),
        "convert_options": pa_csv.ConvertOptions(
            default_column_type=pa.string(), null_values=[""], strings_can_be_null=True, quoted_strings_can_be_null=True
        ),
    }
    try:
        with path.open("rb") as stream:
            if limit is None:
                return pa_csv.read_csv(stream, **options)
            return pa_csv.read_csv(io.BytesIO(stream.readline()), **options)
    except (pa.ArrowInvalid, pa.ArrowKeyError):  # its message may quote a row: not passed on
        raise SourceError("The file is empty or not a delimited text file.", where={"file": path.name}) from None


def _check_bytes(path: Path, encoding: str) -> bool:
    """Check encoding and line lengths; return whether the number of quotes is odd."""
    try:
        decoder = codecs.getincrementaldecoder(encoding)()
    except LookupError:
        raise SourceError("There is no such character encoding.", where={"file": path.name}) from None
    row, length, offset, quotes = 1, 0, 0, 0
    try:
        with path.open("rb") as stream:
            while True:
                piece = stream.read(_PIECE_BYTES)
                pending = len(decoder.getstate()[0])
                try:
                    text = decoder.decode(piece, final=not piece)
                except UnicodeDecodeError as error:
                    good = error.object[: error.start].decode(encoding, "replace")
                    raise EncodingError(
                        f"The file is not in the encoding {encoding}.",
                        where={
                            "file": path.name,
                            "row": row + _line_ends(good),
                            "byte_offset": offset - pending + error.start,
                        },
                    ) from None
                if "\x00" in text:
                    raise EncodingError(
                        "The file holds NUL bytes: it is UTF-16 or not a text file.",
                        where={"file": path.name, "row": row + _line_ends(text[: text.index("\x00")])},
                    )
                length = _longest(text, length, path, row)
                row += _line_ends(text)
                quotes += text.count('"')
                offset += len(piece)
                if not piece:
                    return bool(quotes % 2)
    except OSError as error:
        raise SourceError(f"The file cannot be read: {error.strerror}.", where={"file": path.name}) from None


def _line_ends(text: str) -> int:
    return text.count("\n") or text.count("\r")


def _longest(text: str, length: int, path: Path, row: int) -> int:
    """Return the length of the unfinished line after `text`; inner lines are shorter than a piece by nature."""
    first = text.find("\n") if "\n" in text else text.find("\r")
    if length + (len(text) if first < 0 else first) > MAX_LINE_BYTES:
        raise LineTooLongError(
            f"A line is longer than {MAX_LINE_BYTES} characters.", where={"file": path.name, "row": row}
        )
    if first < 0:
        return length + len(text)
    return len(text) - 1 - max(text.rfind("\n"), text.rfind("\r"))
