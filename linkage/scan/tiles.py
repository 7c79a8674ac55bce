"""Codes laid out for the scans, and which rows of a list are compared with which."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from linkage.cells import aligned
from linkage.errors import PatternError
from linkage.scan.lanes import LANES


def hamming(codes: npt.NDArray[np.uint64], i: npt.NDArray[Any], j: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    """Return the Hamming distances (int64[n]) of rows i and j of uint64[rows, words]."""
    return np.asarray(np.bitwise_count(codes[i] ^ codes[j]).sum(axis=1, dtype=np.int64))


@dataclass(frozen=True)
class Codes:
    """Binary codes of rows, and whom each is compared with.

    Attributes:
        words: uint64[n, w], the codes.
        partners: int64[n]: row i is compared with rows partners[i] to n; partners[i] > i, and it never falls.
    """

    words: npt.NDArray[np.uint64]
    partners: npt.NDArray[np.int64]

    def __post_init__(self) -> None:
        if self.words.ndim != 2 or self.words.dtype != np.uint64 or not self.words.shape[1]:
            raise PatternError("Codes are uint64 with one row each.")
        n = len(self.words)
        ordered = np.all(self.partners[1:] >= self.partners[:-1])
        if len(self.partners) != n or not ordered or not np.all(self.partners > np.arange(n)):
            raise PatternError("Each row has a first partner behind it, none before that of the row above.")

    @classmethod
    def within(cls, words: npt.NDArray[np.uint64]) -> Codes:
        """Compare all rows with each other."""
        return cls(np.ascontiguousarray(words), np.arange(1, len(words) + 1, dtype=np.int64))

    @classmethod
    def between(cls, left: npt.NDArray[np.uint64], right: npt.NDArray[np.uint64]) -> Codes:
        """Compare each row of `left` with each of `right`, whose rows come behind those of `left`."""
        partners = np.repeat(np.array([len(left), len(left) + len(right)]), [len(left), len(right)])
        return cls(np.ascontiguousarray(np.concatenate([left, right])), np.maximum(partners, 1))

    @property
    def pairs(self) -> int:
        """Number of pairs compared."""
        return int(np.maximum(len(self.words) - self.partners, 0).sum())

    @property
    def bits(self) -> int:
        """Length of a code."""
        return 64 * int(self.words.shape[1])


def tiled(words: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """Return uint64[tiles, w, 8]: eight rows a tile, word by word; rows are padded with zeros."""
    n, width = words.shape
    tiles = aligned((-(-n // LANES), width, LANES), np.uint64)  # a vector that spans two cache lines loads twice
    whole, rest = divmod(n, LANES)
    tiles[:whole] = words[: n - rest].reshape(-1, LANES, width).transpose(0, 2, 1)
    if rest:
        tiles[whole, :, :rest] = words[n - rest :].T
    return tiles
