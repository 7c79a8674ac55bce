"""Distinct agreement patterns with their counts: all that EM ever sees of the pairs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from linkage.errors import PatternError


@dataclass(frozen=True)
class PatternCounts:
    """How many pairs of a pass have each pattern, by register pair; sorted, each combination once.

    Attributes:
        pattern: uint64[n].
        register_a, register_b: uint16[n], places in the plan's registers, a <= b.
        count: int64[n], at least 1.
    """

    pattern: npt.NDArray[np.uint64]
    register_a: npt.NDArray[np.uint16]
    register_b: npt.NDArray[np.uint16]
    count: npt.NDArray[np.int64]

    @property
    def pairs(self) -> int:
        """Number of pairs counted."""
        return int(self.count.sum())

    @classmethod
    def empty(cls) -> PatternCounts:
        """Return the counts of no pair."""
        none = np.empty(0, dtype=np.uint16)
        return cls(np.empty(0, dtype=np.uint64), none, none, np.empty(0, dtype=np.int64))

    @classmethod
    def gathered(
        cls,
        pattern: npt.NDArray[np.uint64],
        register_a: npt.NDArray[np.uint16],
        register_b: npt.NDArray[np.uint16],
        count: npt.NDArray[np.int64],
    ) -> PatternCounts:
        """Sort, and sum what stands several times.

        Raises:
            PatternError: The arrays have different lengths, or a count is negative.
        """
        if len({len(pattern), len(register_a), len(register_b), len(count)}) != 1:
            raise PatternError("Patterns, registers and counts have different lengths.")
        if len(count) and count.min() < 0:
            raise PatternError("A pattern is counted a negative number of times.")
        kept = count > 0
        pattern, register_a, register_b, count = pattern[kept], register_a[kept], register_b[kept], count[kept]
        if not len(pattern):
            return cls.empty()
        order = np.lexsort((register_b, register_a, pattern))
        pattern, register_a, register_b = pattern[order], register_a[order], register_b[order]
        new = (np.diff(pattern) != 0) | (np.diff(register_a) != 0) | (np.diff(register_b) != 0)
        first = np.concatenate([[0], np.flatnonzero(new) + 1])
        return cls(pattern[first], register_a[first], register_b[first], np.add.reduceat(count[order], first))

    @classmethod
    def merge(cls, parts: Iterable[PatternCounts]) -> PatternCounts:
        """Sum the counts of several row ranges; the same whatever the ranges and their order."""
        found = [cls.empty(), *parts]
        return cls.gathered(
            np.concatenate([part.pattern for part in found]),
            np.concatenate([part.register_a for part in found]),
            np.concatenate([part.register_b for part in found]),
            np.concatenate([part.count for part in found]),
        )
