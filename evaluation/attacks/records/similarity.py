"""Dice similarities between all rows, and which rows choose each other."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from evaluation.attacks.records.scenario import Bits, Positions

Matrix = npt.NDArray[np.float32]


def dice(one: Bits, other: Bits) -> Matrix:
    """Return float32[n, m], 2 |a and b| / (|a| + |b|) of all pairs of rows; 0 for two empty rows."""
    left, right = one.astype(np.float32), other.astype(np.float32)
    total = left.sum(axis=1)[:, None] + right.sum(axis=1)[None, :]
    common: Matrix = left @ right.T
    common *= 2
    np.divide(common, total, out=common, where=total > 0)
    return common


def standardised(columns: Matrix) -> Matrix:
    """Return the columns with mean 0 and standard deviation 1; a constant column becomes 0."""
    centred = columns - columns.mean(axis=0)
    spread = centred.std(axis=0)
    out: Matrix = np.divide(centred, spread, out=np.zeros_like(centred), where=spread > 1e-9)
    return out


def unit_rows(rows: Matrix) -> Matrix:
    """Return the rows with Euclidean length 1; a row of zeros stays."""
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    out: Matrix = np.divide(rows, length, out=np.zeros_like(rows), where=length > 0)
    return out


def mutual(scores: Matrix) -> tuple[Positions, Positions, npt.NDArray[np.float32]]:
    """Return the pairs that choose each other, surest first, with their margins.

    The margin is the smaller of what the pair's score has over the second best of its row and of its column.
    """
    rows = np.arange(len(scores))
    best = scores.argmax(axis=1)
    back = scores.argmax(axis=0)
    chosen = rows[back[best] == rows]
    row_margin = _lead(scores, 1)[chosen]
    column_margin = _lead(scores, 0)[best[chosen]]
    margin = np.minimum(row_margin, column_margin)
    order = np.argsort(-margin, kind="stable")
    return chosen[order].astype(np.int64), best[chosen][order].astype(np.int64), margin[order]


def _lead(scores: Matrix, axis: int) -> npt.NDArray[np.float32]:
    """Return the best score's lead over the second along an axis."""
    if scores.shape[axis] < 2:
        return np.zeros(scores.shape[1 - axis], dtype=np.float32)
    two = np.partition(scores, -2, axis=axis)
    return np.asarray(np.take(two, -1, axis) - np.take(two, -2, axis), dtype=np.float32)
