"""A0: what encodings say without any clear text — fill, linear leakage, bit frequencies, duplicates, length."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from evaluation.attacks.records.result import AttackResult
from evaluation.attacks.records.scenario import Bits
from pseudonymisation.encoding.record import MAX_LINEAR_LEAKAGE, linear_leakage

MAX_BIT_DEVIATION = 0.05
MAX_LENGTH_CORRELATION = 0.2
_LOW_RECORD = 5  # percentile


@dataclass(frozen=True)
class Bounds:
    """Which of the bounds on the structure hold."""

    linear_leakage: bool
    low_record_leakage: bool
    bit_frequency: bool
    length_correlation: bool
    duplicates: bool


def structure(
    bits: Bits,
    input_fill: npt.NDArray[np.float64],
    diffusion: int,
    gram_counts: npt.NDArray[np.int64],
) -> AttackResult:
    """Measure a set of encodings; it names nobody.

    Args:
        bits: uint8[n, bits], the encodings.
        input_fill: float64[n], the share of ones of each filter before the diffusion.
        diffusion: t; 1 for plain filters.
        gram_counts: int64[n], grams of each record.
    """
    mean, low = float(input_fill.mean()), float(np.percentile(input_fill, _LOW_RECORD))
    frequency = bits.mean(axis=0)
    weights = bits.sum(axis=1, dtype=np.int64)
    packed = np.packbits(bits, axis=1)
    distinct = len(np.unique(packed, axis=0))
    details = {
        "fill": mean,
        "low_fill": low,
        "linear_leakage": linear_leakage(mean, diffusion),
        "low_record_leakage": linear_leakage(low, diffusion),
        "lowest_bit_frequency": float(frequency.min()),
        "highest_bit_frequency": float(frequency.max()),
        "duplicates": 1.0 - distinct / len(bits),
        "length_correlation": _correlation(weights, gram_counts),
    }
    return AttackResult("structure", None, None, 0.0, details)


def bounds_held(result: AttackResult) -> Bounds:
    """Return which bounds a structure keeps: leakage .01, bits within .05 of one half, correlation .2, no duplicate."""
    found = result.details
    deviation = max(abs(found["lowest_bit_frequency"] - 0.5), abs(found["highest_bit_frequency"] - 0.5))
    return Bounds(
        linear_leakage=found["linear_leakage"] <= MAX_LINEAR_LEAKAGE,
        low_record_leakage=found["low_record_leakage"] <= MAX_LINEAR_LEAKAGE,
        bit_frequency=deviation <= MAX_BIT_DEVIATION,
        length_correlation=abs(found["length_correlation"]) <= MAX_LENGTH_CORRELATION,
        duplicates=found["duplicates"] == 0,
    )


def _correlation(one: npt.NDArray[np.int64], other: npt.NDArray[np.int64]) -> float:
    if one.std() == 0 or other.std() == 0:
        return 0.0
    return float(np.corrcoef(one, other)[0, 1])
