"""Whether match probabilities mean what they say, measured against the truth."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

_LOW, _HIGH = 0.05, 0.95
_BINS = 9
_DRAWS = 50


def calibration(
    probability: npt.NDArray[np.float64], match: npt.NDArray[np.bool_], question: npt.NDArray[np.int64] | None = None
) -> dict[str, Any]:
    """Return the expected calibration error over (.05, .95) and the sum of probabilities against the matches.

    The error is the mean over nine equal bins, weighted by their pairs, of the distance between the mean
    probability and the share of matches (Naeini, Cooper and Hauskrecht 2015). A sound forecast errs by chance too,
    the more the fewer pairs there are, and far more where pairs fall together: `error_by_chance` is the mean error
    of draws from the probabilities themselves (Broecker and Smith 2007), one number for all pairs of a question.

    Args:
        probability: float64[n] of the pairs that were given a probability.
        match: bool[n], whether each is a true pair.
        question: int64[n], pairs that are one person together or not at all; each pair its own by default.
    """
    middle = (probability > _LOW) & (probability < _HIGH)
    chance = probability[middle]
    group = np.arange(len(chance)) if question is None else np.unique(question[middle], return_inverse=True)[1]
    draw = np.random.Generator(np.random.PCG64(1))
    by_chance = [_error(chance, draw.random(len(chance))[group] < chance) for _ in range(_DRAWS)]
    return {
        "expected_error": _error(chance, match[middle]),
        "error_by_chance": float(np.mean(by_chance)),
        "pairs_in_the_middle": len(chance),
        "questions_in_the_middle": int(group.max(initial=-1)) + 1,
        "sum_of_probabilities": float(probability.sum()),
        "matches": int(match.sum()),
    }


def _error(chance: npt.NDArray[np.float64], truth: npt.NDArray[np.bool_]) -> float:
    if not len(chance):
        return 0.0
    bins = np.minimum(((chance - _LOW) / (_HIGH - _LOW) * _BINS).astype(np.int64), _BINS - 1)
    difference = np.bincount(bins, weights=chance - truth, minlength=_BINS)
    return float(np.abs(difference).sum() / len(chance))
