"""Whether match probabilities mean what they say, measured against the truth."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

_LOW, _HIGH = 0.05, 0.95
_BINS = 9


def calibration(probability: npt.NDArray[np.float64], match: npt.NDArray[np.bool_]) -> dict[str, Any]:
    """Return the expected calibration error over (.05, .95) and the sum of probabilities against the matches.

    The error is the mean over nine equal bins, weighted by their pairs, of the distance between the mean
    probability and the share of matches (Naeini, Cooper and Hauskrecht 2015).

    Args:
        probability: float64[n] of the pairs that were given a probability.
        match: bool[n], whether each is a true pair.
    """
    middle = (probability > _LOW) & (probability < _HIGH)
    chance, truth = probability[middle], match[middle]
    bins = np.minimum(((chance - _LOW) / (_HIGH - _LOW) * _BINS).astype(np.int64), _BINS - 1)
    error = 0.0
    for number in range(_BINS):
        inside = bins == number
        if inside.any():
            error += float(inside.sum()) * abs(float(chance[inside].mean()) - float(truth[inside].mean()))
    return {
        "expected_error": error / len(chance) if len(chance) else 0.0,
        "pairs_in_the_middle": len(chance),
        "sum_of_probabilities": float(probability.sum()),
        "matches": int(match.sum()),
    }
