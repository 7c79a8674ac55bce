"""What most of a person's records say: one vote a record, whatever its register."""

from __future__ import annotations

import numpy as np

from trajectories.intervals import Bools, Ints


def winners(values: Ints, counts: Bools, person_of_record: Ints) -> tuple[Ints, Ints]:
    """Return persons (sorted) and the value that most of their records give; nobody without a vote is in it.

    Ties go to the smallest value; values are numbered in string order where they stand for strings.

    Args:
        values: int64, each record's value, not negative where it counts.
        counts: Which records have a vote.
        person_of_record: Person of each record, -1 for none.
    """
    chosen = counts & (person_of_record >= 0)
    if not chosen.any():
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
    span = int(values[chosen].max()) + 1
    cells, votes = np.unique(person_of_record[chosen] * span + values[chosen], return_counts=True)
    person, value = cells // span, cells % span
    order = np.lexsort((value, -votes, person))
    person, value = person[order], value[order]
    first = np.ones(len(person), dtype=np.bool_)
    first[1:] = person[1:] != person[:-1]
    return person[first], value[first]
