"""Sketches of populations: how many persons two of them differ by, without a list of persons.

A sketch adds +1 or -1 per person into one of 2^14 counters, both chosen by the person's content key, so that a person
of whom something else is known now counts as two of difference. It is linear: the sketch of
a union of disjoint populations is the sum of theirs, and the sum of squares of a difference estimates the number of
persons in one population and not in the other. For few persons the estimate is exact unless two of them share a
counter (probability about d^2 / 2^15 for d persons).

Source: count sketch of Charikar, Chen and Farach-Colton (ICALP 2002), second moment as in Alon, Matias and Szegedy
(STOC 1996).
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from contract.errors import IntegrityError

_BITS: Final = 14
#: Room for one shared counter in the estimate.
_MARGIN: Final = 2


@dataclass(frozen=True)
class PopulationSketch:
    """Counters of a population, int32 (2^14,), and how many persons it has."""

    counters: NDArray[np.int32]
    persons: int

    @classmethod
    def of(cls, keys: NDArray[np.int64]) -> PopulationSketch:
        """Return the sketch of persons, given by their content keys, each once."""
        bucket = keys & ((1 << _BITS) - 1)
        sign = 1 - 2 * ((keys >> _BITS) & 1)
        counters = np.bincount(bucket, weights=sign, minlength=1 << _BITS)
        return cls(counters.astype(np.int32), len(keys))

    def differing(self, *others: PopulationSketch) -> int:
        """Return how many persons are estimated to be in this population or in the (disjoint) others, but not both."""
        rest = self.counters.astype(np.int64)
        for other in others:
            rest = rest - other.counters
        return int((rest**2).sum())

    def too_alike(self, *others: PopulationSketch, threshold: int) -> bool:
        """Return whether the populations differ by somebody, but by fewer persons than the threshold."""
        differing = self.differing(*others)
        apart = abs(self.persons - sum(other.persons for other in others))
        return 0 < max(differing, apart) < threshold + _MARGIN and apart < threshold

    def alike_among(self, earlier: Sequence[tuple[str, PopulationSketch]], threshold: int) -> list[str]:
        """Return the names of earlier populations that are too alike, and of pairs whose sum is (`a + b`).

        A pair is two disjoint populations that together make up this one but for a few persons: their tables would
        give those persons away by subtraction just as well.
        """
        found = [name for name, one in earlier if self.too_alike(one, threshold=threshold)]
        smaller = [(name, one) for name, one in earlier if 0 < one.persons < self.persons]
        for place, (name, one) in enumerate(smaller):
            for other_name, other in smaller[place + 1 :]:
                near = abs(one.persons + other.persons - self.persons) < threshold
                if near and self.too_alike(one, other, threshold=threshold):
                    found.append(f"{name} + {other_name}")
        return found

    def to_bytes(self) -> bytes:
        """Return the sketch compressed; the same sketch gives the same bytes."""
        head = np.array([self.persons], dtype="<i8").tobytes()
        return zlib.compress(head + self.counters.astype("<i4").tobytes(), 6)

    @classmethod
    def from_bytes(cls, raw: bytes) -> PopulationSketch:
        """Return the sketch that `to_bytes` wrote.

        Raises:
            IntegrityError: It is something else.
        """
        try:
            plain = zlib.decompress(raw)
        except zlib.error as error:
            raise IntegrityError("A sketch of a population does not read.") from error
        if len(plain) != 8 + 4 * (1 << _BITS):
            raise IntegrityError("A sketch of a population does not read.")
        counters = np.frombuffer(plain[8:], dtype="<i4").astype(np.int32)
        return cls(counters, int(np.frombuffer(plain[:8], dtype="<i8")[0]))
