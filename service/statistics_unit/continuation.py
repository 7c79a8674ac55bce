"""What a clustering continues: the pairs and persons of the run before, in the numbers of today's subjects."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from linkage.cluster import LIKELY, absent_evidence, labels_of, register_masks
from linkage.incremental import Before, likely_components
from linkage.mincut import size_limits
from linkage.pairs import SubjectPairs

#: Column of links: each subject's component of likely edges, for the next vintage.
COMPONENT = "component"


class Earlier(NamedTuple):
    """Objects of the run before: its links (`persons.links_of`, sorted) and its pairs, numbered as its links."""

    links: pl.DataFrame
    pairs: pa.Table


def before_of(earlier: Earlier, subjects: pl.DataFrame, register: npt.NDArray[np.int64], single: list[int]) -> Before:
    """Translate the run before.

    Both lists of subjects are sorted alike, so that pairs stay sorted. Links of older runs tell no components:
    they are found again.

    Args:
        earlier: The objects of the run before.
        subjects: `register`, `subject_ref` of today's subjects, sorted.
        register: int64[n], their registers' places in the agreement.
        single: Places of registers with one record a person.
    """
    numbered = subjects.with_row_index("now").with_columns(pl.col("now").cast(pl.Int64))
    known = earlier.links.join(numbered, on=["register", "subject_ref"], how="left", maintain_order="left")
    now = known["now"].fill_null(-1).to_numpy()
    here = now >= 0
    person = _codes(known["person_id"])
    gone = np.zeros(int(person.max(initial=-1)) + 1, dtype=np.bool_)  # persons that lost a subject
    gone[person[~here]] = True
    labels, bereft = np.full(subjects.height, -1, dtype=np.int64), np.zeros(subjects.height, dtype=np.bool_)
    labels[now[here]] = person[here]
    bereft[now[here]] = gone[person[here]]
    a, b = (now[earlier.pairs.column(name).to_numpy()] for name in ("a", "b"))
    probability = earlier.pairs.column("probability").to_numpy()
    likely = probability > LIKELY
    for one, other in ((a, b), (b, a)):
        bereft[one[likely & (one >= 0) & (other < 0)]] = True
    kept = (a >= 0) & (b >= 0)
    pairs = SubjectPairs(a[kept], b[kept], probability[kept], probability[kept])
    absent = absent_evidence(*pairs[:3], register_masks(register, single))
    component = np.full(subjects.height, -1, dtype=np.int64)
    if COMPONENT in known.columns:
        component[now[here]] = labels_of(known[COMPONENT].to_numpy())[here]
    else:
        component = np.where(labels < 0, -1, likely_components(register, single, pairs))
    limits = size_limits(labels, register, single)
    return Before(*pairs[:3], labels, bereft, absent, limits, component)


def person_ids(earlier: Earlier, labels: npt.NDArray[np.int64]) -> pl.Series:
    """Return `person_id` of the run before for labels of `before_of`; null where that is -1."""
    names = earlier.links["person_id"].unique(maintain_order=True)
    return names.gather(pl.Series(labels).replace(-1, None)).alias("person_id")


def _codes(names: pl.Series) -> npt.NDArray[np.int64]:
    """Return int64[n]: the place of each name among the distinct ones, by first appearance."""
    encoded: Any = names.to_arrow().dictionary_encode()
    return np.asarray(encoded.indices.to_numpy(zero_copy_only=False), dtype=np.int64)
