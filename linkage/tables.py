"""A pass as arrays: all registers, sorted by block, ready for the kernels. `loading` makes them from tables."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from contract.submission import CROSSWISE_BITS, CROSSWISE_SCALE
from linkage.layout import Rows


@dataclass(frozen=True)
class PassArrays:
    """The rows of all registers in one pass, sorted by (block, register, handle).

    Attributes:
        name: The pass.
        handle, block: uint64[n].
        register: uint16[n], place in the plan's registers.
        sketches: uint64[n, S, 2]; columns as `columns.ColumnSpec.sketches`.
        present: uint64[n], bit s set where sketch s is not missing.
        tokens: uint32[n, T], 0 where missing; places as `layout.token_places`, T a multiple of 16.
        known: uint64[n], bit t set where token t is not missing.
        classes: uint8[n, 2], public frequency class of given and family name (3 where unknown).
        order_known: bool[n].
        encodings: uint64[n, record_bits / 64] of profile `record`, else zero columns.
        ends: int64[n], for each row the end (exclusive) of its block.
        read: Rows of the tables; fewer are held if those without a partner were left out.
    """

    name: str
    handle: npt.NDArray[np.uint64]
    block: npt.NDArray[np.uint64]
    register: npt.NDArray[np.uint16]
    sketches: npt.NDArray[np.uint64]
    present: npt.NDArray[np.uint64]
    tokens: npt.NDArray[np.uint32]
    known: npt.NDArray[np.uint64]
    classes: npt.NDArray[np.uint8]
    order_known: npt.NDArray[np.bool_]
    encodings: npt.NDArray[np.uint64]
    ends: npt.NDArray[np.int64]
    read: int

    def __len__(self) -> int:
        return len(self.handle)

    @property
    def nbytes(self) -> int:
        """Bytes of the arrays."""
        return sum(one.nbytes for one in vars(self).values() if isinstance(one, np.ndarray))

    def rows(self) -> Rows:
        """Return what the kernels read."""
        return Rows(
            self.sketches,
            self.present,
            self.tokens,
            self.known,
            self.classes,
            self.order_known,
            self.register,
            self.encodings,
            self.ends,
        )

    def distance(self, i: npt.NDArray[np.int64], j: npt.NDArray[np.int64], left: int, right: int) -> npt.NDArray[Any]:
        """Return the Hamming distances (int64[n]) of sketch `left` of rows i and sketch `right` of rows j.

        The NumPy twins compare by it alone, so that a yardstick can put an exact distance (float64[n]) in its place.
        """
        different = self.sketches[i, left] ^ self.sketches[j, right]
        return np.asarray(np.bitwise_count(different).sum(axis=1, dtype=np.int64))

    def crosswise(self, i: npt.NDArray[np.int64], j: npt.NDArray[np.int64], left: int, right: int) -> npt.NDArray[Any]:
        """Return the distances (int64[n]) of sketches that share `CROSSWISE_BITS` only, on the scale of `distance`."""
        different = (self.sketches[i, left] ^ self.sketches[j, right]) & np.uint64(CROSSWISE_BITS)
        return CROSSWISE_SCALE * np.asarray(np.bitwise_count(different).sum(axis=1, dtype=np.int64))

    @cached_property
    def starts(self) -> npt.NDArray[np.int64]:
        """int64[n]: for each row the first row of its block."""
        edges = np.flatnonzero(np.diff(self.ends)) + 1
        first = np.concatenate([[0], edges]).astype(np.int64)
        return np.repeat(first, np.diff(np.concatenate([first, [len(self)]]))) if len(self) else first[:0]

    def block_sizes(self) -> npt.NDArray[np.int64]:
        """Return the number of rows of each block."""
        return np.diff(np.concatenate([[0], np.unique(self.ends)])).astype(np.int64)

    def ranges(self, n: int) -> list[tuple[int, int]]:
        """Split the rows into at most `n` ranges of about equally many row pairs.

        A pair belongs to the range of its first row. Cuts lie between blocks, but for a block that
        alone outweighs a share, which is cut between its rows.

        Returns:
            Consecutive (lo, hi) that cover all rows; empty for a pass without pairs.
        """
        pairs = np.cumsum(self.ends - np.arange(1, len(self) + 1))
        if not len(pairs) or pairs[-1] == 0:
            return []
        cuts = [0]
        for share in range(1, max(n, 1)):
            row = int(np.searchsorted(pairs, pairs[-1] * share / n, side="left")) + 1
            row = min(row, len(self) - 1)
            start = int(self.starts[row])
            cuts.append(start if start > cuts[-1] else max(row, cuts[-1]))
        cuts.append(len(self))
        return [(lo, hi) for lo, hi in pairwise(cuts) if lo < hi]
