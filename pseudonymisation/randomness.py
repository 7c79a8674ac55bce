"""Random numbers for handles, dummies and noise: the system's in production, seeded in tests and evaluation."""

from __future__ import annotations

import hashlib
import os
from typing import Protocol

import numpy as np
import numpy.typing as npt


class RandomSource(Protocol):
    """Where random 64-bit words come from."""

    def words(self, count: int) -> npt.NDArray[np.uint64]:
        """Return uint64[count], independent and uniform."""
        ...

    def child(self, label: str) -> RandomSource:
        """Return an independent source for one purpose."""
        ...


class SystemRandomness:
    """The operating system's cryptographic generator."""

    def words(self, count: int) -> npt.NDArray[np.uint64]:
        """Return uint64[count]."""
        return np.frombuffer(os.urandom(8 * count), dtype="<u8").astype(np.uint64)

    def child(self, label: str) -> SystemRandomness:
        """Return itself: its words are independent anyway."""
        del label
        return self


class SeededRandomness:
    """SHAKE-256 of a seed: the same bits on every machine. Never for data that leave an institution."""

    def __init__(self, seed: bytes) -> None:
        self._seed = seed
        self._drawn = 0

    def words(self, count: int) -> npt.NDArray[np.uint64]:
        """Return the next uint64[count] of the stream."""
        head = len(self._seed).to_bytes(4, "big") + self._seed + b"words" + self._drawn.to_bytes(8, "big")
        self._drawn += 1
        return np.frombuffer(hashlib.shake_256(head).digest(8 * count), dtype="<u8").astype(np.uint64)

    def child(self, label: str) -> SeededRandomness:
        """Return the stream of a label: the same whatever was drawn here before."""
        head = len(self._seed).to_bytes(4, "big") + self._seed + b"child" + label.encode()
        return SeededRandomness(hashlib.sha256(head).digest())


def unit_interval(words: npt.NDArray[np.uint64]) -> npt.NDArray[np.float64]:
    """Return uniform float64 in (0, 1) from 64-bit words (their upper 53 bits, centred)."""
    return np.asarray(((words >> np.uint64(11)).astype(np.float64) + 0.5) / 2.0**53, dtype=np.float64)


def distinct_words(random: RandomSource, count: int) -> npt.NDArray[np.uint64]:
    """Return uint64[count] random words without repetition."""
    drawn = random.words(count)
    while len(np.unique(drawn)) != count:
        drawn = np.unique(np.concatenate([drawn, random.words(count)]))
        # np.unique sorts: a random choice among the sorted ones is wanted again
        drawn = drawn[np.argsort(random.words(len(drawn)), kind="stable")][:count]
    return drawn
