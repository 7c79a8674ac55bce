"""From edges between handles to pairs of subjects, at the statistics unit.

A subject may have several identities and stands in several passes, so that two subjects may meet many
times. Those meetings are not independent: in each pass the pair takes the probability of its
best-observed identity pair, over the passes the mean of the log odds, never a product.

Why the mean: every pass by itself is nearly calibrated, but the best of many passes overstates those
pairs that each pass doubts (namesakes meet in all passes of names; docs/adr/0009).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from linkage.errors import EvidenceError

_TINY = 1e-15


class SubjectPairs(NamedTuple):
    """Pairs of subjects (int64[n], a < b, sorted, each once) with probability and weight (float64[n])."""

    a: npt.NDArray[np.int64]
    b: npt.NDArray[np.int64]
    probability: npt.NDArray[np.float64]
    weight: npt.NDArray[np.float64]


def _texts(table: pa.Table, column: str) -> npt.NDArray[Any]:
    """Return a string column as codes' names: one numpy array of fixed-width text."""
    return np.asarray(table.column(column).cast(pa.string()).to_pylist(), dtype=np.str_)


def _require(table: pa.Table, columns: tuple[str, ...], what: str) -> None:
    for column in columns:
        if column not in table.column_names:
            raise EvidenceError(f"The {what} lack a column.", where={"column": column})
        if table.column(column).null_count:
            raise EvidenceError(f"The {what} have an empty cell.", where={"column": column})


def _subjects_of(
    passes: npt.NDArray[Any],
    wanted: npt.NDArray[np.uint64],
    known_passes: npt.NDArray[Any],
    known: npt.NDArray[np.uint64],
    subjects: npt.NDArray[np.int64],
) -> npt.NDArray[np.int64]:
    """Return the subject of each (pass, handle), -1 where nobody's: a dummy row's."""
    found = np.full(len(wanted), -1, dtype=np.int64)
    for name in np.unique(passes):
        mine, theirs = passes == name, known_passes == name
        order = np.argsort(known[theirs], kind="stable")
        handles, owners = known[theirs][order], subjects[theirs][order]
        if not len(handles):
            continue
        if (handles[1:] == handles[:-1]).any():
            raise EvidenceError("A handle belongs to two subjects or stands twice.", where={"pass": str(name)})
        at = np.minimum(np.searchsorted(handles, wanted[mine]), len(handles) - 1)
        found[mine] = np.where(handles[at] == wanted[mine], owners[at], -1)
    return found


def subject_pairs(edges: pa.Table, handles: pa.Table) -> SubjectPairs:
    """Gather edges into subject pairs.

    Args:
        edges: Columns of `contract/edges.py`; here pass, handle_a, handle_b, weight, probability count.
        handles: Columns `pass` (string), `handle` (uint64), `subject` (integer): who owns a handle. Handles
            of dummy rows are not listed: their edges fall away.

    Raises:
        EvidenceError: A column is missing or has gaps, a handle has two owners, or a number is not finite.
    """
    _require(edges, ("pass", "handle_a", "handle_b", "weight", "probability"), "edges")
    _require(handles, ("pass", "handle", "subject"), "handles")
    passes, known_passes = _texts(edges, "pass"), _texts(handles, "pass")
    known = handles.column("handle").to_numpy().astype(np.uint64)
    subjects = handles.column("subject").to_numpy().astype(np.int64)
    ends = [
        _subjects_of(passes, edges.column(name).to_numpy().astype(np.uint64), known_passes, known, subjects)
        for name in ("handle_a", "handle_b")
    ]
    probability = edges.column("probability").to_numpy().astype(np.float64)
    weight = edges.column("weight").to_numpy().astype(np.float64)
    if not (np.isfinite(probability).all() and np.isfinite(weight).all()):
        raise EvidenceError("An edge's weight or probability is not finite.")
    if len(probability) and (probability.min() < 0 or probability.max() > 1):
        raise EvidenceError("An edge's probability lies outside 0 to 1.")
    kept = (ends[0] >= 0) & (ends[1] >= 0) & (ends[0] != ends[1])
    a, b = np.minimum(*ends)[kept], np.maximum(*ends)[kept]
    probability, weight = probability[kept], weight[kept]
    return _gathered(passes[kept], a, b, probability, weight)


def _gathered(
    passes: npt.NDArray[Any],
    a: npt.NDArray[np.int64],
    b: npt.NDArray[np.int64],
    probability: npt.NDArray[np.float64],
    weight: npt.NDArray[np.float64],
) -> SubjectPairs:
    """Take the best edge of each pair in each pass, then the mean over its passes."""
    order = np.lexsort((-weight, -probability, passes, b, a))
    a, b, passes, probability, weight = a[order], b[order], passes[order], probability[order], weight[order]
    if not len(a):
        return SubjectPairs(a, b, probability, weight)
    new = np.r_[True, (a[1:] != a[:-1]) | (b[1:] != b[:-1])]
    best = new | np.r_[True, passes[1:] != passes[:-1]]
    start = np.flatnonzero(new[best])
    number = np.diff(np.r_[start, int(best.sum())])
    share = np.clip(probability[best], _TINY, 1 - _TINY)
    odds = np.add.reduceat(np.log(share) - np.log1p(-share), start) / number
    return SubjectPairs(a[new], b[new], 1 / (1 + np.exp(-odds)), np.add.reduceat(weight[best], start) / number)
