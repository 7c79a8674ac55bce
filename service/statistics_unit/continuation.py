"""What a clustering continues: the pairs and persons of the run before, in the numbers of today's subjects."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from linkage.cluster import absent_evidence, register_masks
from linkage.incremental import Before


class Earlier(NamedTuple):
    """Objects of the run before: its links (`persons.LINK_COLUMNS`, sorted) and its pairs, numbered as its links."""

    links: pl.DataFrame
    pairs: pa.Table


def before_of(earlier: Earlier, subjects: pl.DataFrame, register: npt.NDArray[np.int64], single: list[int]) -> Before:
    """Translate the run before.

    Args:
        earlier: The objects of the run before.
        subjects: `register`, `subject_ref` of today's subjects, sorted.
        register: int64[n], their registers' places in the agreement.
        single: Places of registers with one record a person.
    """
    numbered = subjects.with_row_index("now").with_columns(pl.col("now").cast(pl.Int64))
    known = earlier.links.join(numbered, on=["register", "subject_ref"], how="left", maintain_order="left")
    now = known["now"].fill_null(-1).to_numpy()
    person = known["person_id"].rank("dense").cast(pl.Int64).to_numpy() - 1
    n = subjects.height
    labels = np.full(n, -1, dtype=np.int64)
    labels[now[now >= 0]] = person[now >= 0]
    gone_persons = np.unique(person[now < 0])
    bereft = np.isin(labels, gone_persons)
    a, b = (now[earlier.pairs.column(name).to_numpy()] for name in ("a", "b"))
    probability = earlier.pairs.column("probability").to_numpy()
    for one, other in ((a, b), (b, a)):
        bereft[one[(one >= 0) & (other < 0)]] = True
    kept = (a >= 0) & (b >= 0)
    low, high, probability = np.minimum(a, b)[kept], np.maximum(a, b)[kept], probability[kept]
    order = np.lexsort((high, low))
    low, high, probability = low[order], high[order], probability[order]
    absent = absent_evidence(low, high, probability, register_masks(register, single))
    return Before(low, high, probability, labels, bereft, absent)
