"""The cells of a pass: copied from the columns of its tables to the places of their rows, and marked as there."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from numba import njit

from linkage.columns import ColumnSpec
from linkage.layout import token_places, token_width

_LINE: Final = 64  # bytes of a cache line: a row's name sketches should lie in one
_WHOLE: Final = np.empty(0, dtype=np.bool_)  # of a batch without gaps
_NO_WORDS: Final = np.empty((0, 2), dtype=np.uint64)
_NO_TOKENS: Final = np.empty((0, 1), dtype=np.uint32)
_TOGETHER: Final = 16  # columns that are copied in one walk
_TILE: Final = 1024  # rows whose places stay in the second-level cache from column to column
_UNKNOWN_CLASS: Final = 3

_plain: Any = njit(nogil=True, cache=True)
Flags = npt.NDArray[np.bool_]
_Group = tuple[int, tuple[npt.NDArray[Any], ...], tuple[Flags, ...], np.uint64]


class Cells:
    """Cells of the rows of a pass; all missing at first. The arrays are those of `tables.PassArrays`."""

    def __init__(self, n: int, spec: ColumnSpec) -> None:
        self._spec = spec
        self._token_at = {place: name for name, place in token_places(spec).items()}
        self.sketches = aligned((n, len(spec.sketches), 2), np.uint64)
        self.present = np.zeros(n, dtype=np.uint64)
        self.tokens = aligned((n, token_width(spec)), np.uint32)
        self.known = np.zeros(n, dtype=np.uint64)
        self.classes = np.full((n, 2), _UNKNOWN_CLASS, dtype=np.uint8)
        self.order_known = np.ones(n, dtype=np.bool_)
        self.encodings = aligned((n, spec.words), np.uint64)

    def mark(self, register: npt.NDArray[np.uint16], whole_of: Mapping[int, Collection[str]]) -> None:
        """Mark what no row of a register lacks, rather than row by row in `fill`.

        Args:
            register: uint16[n], the register of each row.
            whole_of: Register to its columns without gaps.
        """
        size = max(whole_of, default=-1) + 1
        present, known = np.zeros(size, dtype=np.uint64), np.zeros(size, dtype=np.uint64)
        for place, names in whole_of.items():
            present[place] = _bits(at for at, name in enumerate(self._spec.sketches) if name in names)
            known[place] = _bits(at for at, name in self._token_at.items() if name in names)
        if len(register):
            self.present, self.known = present[register], known[register]

    def fill(
        self,
        columns: Mapping[str, Any],
        rows: npt.NDArray[np.int64],
        places: npt.NDArray[Any],
        whole: Collection[str],
    ) -> None:
        """Copy some rows of a batch to their places.

        Args:
            columns: Arrow arrays by name.
            rows: int64[k], rows of the batch.
            places: Integer[k], where each goes.
            whole: Columns that `mark` has marked.
        """
        spec = self._spec
        for first, raw, valid, marks in _grouped(columns, dict(enumerate(spec.sketches)), _NO_WORDS, whole):
            _place(raw, valid, rows, places, self.sketches, first, marks, self.present)
        for first, raw, valid, marks in _grouped(columns, self._token_at, _NO_TOKENS, whole):
            _place(raw, valid, rows, places, self.tokens[:, :, None], first, marks, self.known)
        for at, name in enumerate(spec.classes):
            if name in columns:
                found = np.minimum(_filled(columns[name], _UNKNOWN_CLASS, pa.uint8()), _UNKNOWN_CLASS)
                self.classes[places, at] = found[rows]
        if spec.order and spec.order in columns:
            order_known = _filled(columns[spec.order], True, pa.bool_())
            if not order_known.all():
                self.order_known[places] = order_known[rows]
        if spec.words:
            self.encodings[places] = _words(columns["encoding"], spec.words)[rows]


def aligned(shape: tuple[int, ...], dtype: Any) -> npt.NDArray[Any]:
    """Return zeros that begin at a cache line."""
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    raw = np.zeros(size + _LINE, dtype=np.uint8)
    start = -raw.ctypes.data % _LINE
    return np.asarray(raw[start : start + size].view(dtype).reshape(shape))


def _bits(places: Iterator[int]) -> np.uint64:
    return np.uint64(sum(1 << place for place in places))


def _grouped(
    cells: Mapping[str, Any], columns: Mapping[int, str], no_cells: npt.NDArray[Any], whole: Collection[str]
) -> Iterator[_Group]:
    """Yield `_TOGETHER` columns at a time.

    Yields:
        The place of the first, their cells, which of these are there (empty where all are), and the bits of those
        columns that have no gap but are not yet marked.
    """
    for first in range(0, max(columns, default=-1) + 1, _TOGETHER):
        raw, valid, marks = [no_cells] * _TOGETHER, [_WHOLE] * _TOGETHER, 0
        for place in range(first, first + _TOGETHER):
            name = columns.get(place, "")
            chunk = cells.get(name)
            if chunk is not None:
                tokens = no_cells.dtype == np.uint32
                raw[place - first] = _filled(chunk, 0, pa.uint32())[:, None] if tokens else _words(chunk, 2)
                if chunk.null_count:
                    valid[place - first] = np.asarray(pc.is_valid(chunk).to_numpy(zero_copy_only=False))
                elif name not in whole:
                    marks |= 1 << place
        yield first, tuple(_fixed(one) for one in raw), tuple(_fixed(one) for one in valid), np.uint64(marks)


def _fixed(cells: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return a view that is not written to: Arrow's buffers are of either kind, the kernels know one."""
    view = cells.view()
    view.flags.writeable = False
    return view


def _filled(chunk: Any, fill: Any, kind: pa.DataType) -> npt.NDArray[Any]:
    cells = chunk if chunk.type == kind else chunk.cast(kind)
    if cells.null_count:
        cells = pc.fill_null(cells, pa.scalar(fill, kind))
    return np.asarray(cells.to_numpy(zero_copy_only=False))


def _words(chunk: Any, words: int) -> npt.NDArray[np.uint64]:
    """Return cells of `words` words each, uint64[n, words]; what stands where a cell is missing has no meaning."""
    raw = np.frombuffer(chunk.buffers()[1] or b"", dtype="<u8")
    return raw[chunk.offset * words : (chunk.offset + len(chunk)) * words].reshape(len(chunk), words)


@_plain
def _place(raw: Any, valid: Any, rows: Any, places: Any, out: Any, first: int, always: Any, bits: Any) -> None:
    """Copy cells of a batch, where they are not missing, to their places, and set their bits.

    Args:
        raw: `_TOGETHER` columns [n, words]; without rows where the batch has none.
        valid: As many bool[n], or empty where no cell is missing.
        rows: int64[k], the rows wanted.
        places: Integer[k], where each goes.
        out: [places, columns, words], of the columns' type.
        first: Where the first column goes, the others behind it.
        always: uint64, bits of all rows.
        bits: uint64[places].
    """
    marks, words = np.empty(_TILE, dtype=np.uint64), out.shape[2]
    for low in range(0, len(rows), _TILE):
        high, marked = min(low + _TILE, len(rows)), always != np.uint64(0)
        marks[:] = always
        for one in range(_TOGETHER):
            cells, there, column = raw[one], valid[one], np.uint64(first + one)
            if len(cells) and not len(there):
                for at in range(low, high):
                    row, to = np.uint64(rows[at]), np.uint64(places[at])
                    for word in range(words):
                        out[to, column, word] = cells[row, word]
            elif len(cells):
                marked = True
                for at in range(low, high):
                    row, to = np.uint64(rows[at]), np.uint64(places[at])
                    if there[row]:
                        for word in range(words):
                            out[to, column, word] = cells[row, word]
                        marks[at - low] |= np.uint64(1) << column
        if marked:
            for at in range(low, high):
                bits[np.uint64(places[at])] |= marks[at - low]
