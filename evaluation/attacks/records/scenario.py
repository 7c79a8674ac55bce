"""Who attacks whom: encodings at the linkage unit, clear text at the attacker, and the truth kept for scoring."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from evaluation.attacks.records.persons import Persons

Bits = npt.NDArray[np.uint8]
Positions = npt.NDArray[np.int64]


class Encoder(Protocol):
    """An encoding under attack; its parameters are public, its key is not (Kerckhoffs)."""

    @property
    def name(self) -> str:
        """What it is called in a report."""
        ...

    def encode(self, persons: Persons, key: bytes) -> Bits:
        """Return uint8[n, bits] of 0 and 1, row by row the persons' encodings."""
        ...


@dataclass(frozen=True)
class Scenario:
    """An attack's starting point.

    Attributes:
        encoder: The scheme, known to the attacker.
        bits: uint8[n, bits], what the linkage unit sees.
        persons: The attacker's clear text; every encoded person is in it.
        truth: int64[n], each encoding's person; for scoring and for known pairs only.
    """

    encoder: Encoder
    bits: Bits
    persons: Persons
    truth: Positions

    @property
    def guess(self) -> float:
        """Return the share that guessing at random names."""
        return 1.0 / max(1, len(self.persons))


def scenario(encoder: Encoder, persons: Persons, key: bytes, overlap: float, seed: int) -> Scenario:
    """Encode a share of the attacker's persons, in an order of its own.

    Neither side's order says anything of the other's: argmax and sorting break ties by position, which would name
    persons by the order of a file.

    Args:
        encoder: The scheme.
        persons: The attacker's list.
        key: The institutions' key.
        overlap: Share of the list that is encoded, in (0, 1].
        seed: Of the draw and the order.
    """
    if not 0 < overlap <= 1:
        raise ValueError("The overlap lies above 0 and is at most 1.")
    chosen = np.random.default_rng(seed).permutation(len(persons))[: round(overlap * len(persons))].astype(np.int64)
    return Scenario(encoder, encoder.encode(persons.take(chosen), key), persons, chosen)
