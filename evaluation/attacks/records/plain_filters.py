"""The controls: plain Bloom filters, which every attack must break, and random bits, which none may."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from evaluation.attacks.records.persons import Persons
from evaluation.attacks.records.scenario import Bits
from pseudonymisation.encoding.record import FILTER_BITS, gram_positions


@dataclass(frozen=True)
class PlainFilters:
    """Bloom filters of m = 1024 bits with `hashes` independent keyed positions a gram (no double hashing)."""

    hashes: int = 10
    name: str = "plain filters"

    def positions(self, vocabulary: tuple[str, ...], key: bytes) -> list[npt.NDArray[np.int64]]:
        """Return the positions of each gram under a key."""
        return [gram_positions(key, gram, self.hashes) for gram in vocabulary]

    def encode(self, persons: Persons, key: bytes) -> Bits:
        """Return uint8[n, 1024]."""
        of_gram = {gram: gram_positions(key, gram, self.hashes) for gram in persons.vocabulary}
        out = np.zeros((len(persons), FILTER_BITS), dtype=np.uint8)
        for row, grams in enumerate(persons.grams):
            for gram in grams:
                out[row, of_gram[gram]] = 1
        return out


@dataclass(frozen=True)
class RandomBits:
    """Bits that depend on nothing but the key: the negative control."""

    bits: int = FILTER_BITS
    name: str = "random bits"

    def encode(self, persons: Persons, key: bytes) -> Bits:
        """Return uint8[n, bits], fair and independent."""
        seed = int.from_bytes(hashlib.sha256(key).digest(), "big")
        return np.random.default_rng(seed).integers(0, 2, (len(persons), self.bits), dtype=np.uint8)
