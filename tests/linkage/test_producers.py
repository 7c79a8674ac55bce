"""What each register is told about its own subjects, on a handful of them."""

from __future__ import annotations

import numpy as np
import pytest

from linkage.errors import EvidenceError
from linkage.pairs import SubjectPairs
from linkage.producers import producer_figures


def test_counts_of_each_register() -> None:
    # register 0 (one record a person): 0, 1, 2; register 1 (many): 3, 4, 5; register 2 (one): 6
    register = np.array([0, 0, 0, 1, 1, 1, 2])
    labels = np.array([0, 1, 2, 0, 0, 3, 1])
    pairs = SubjectPairs(
        np.array([0, 0, 1, 1, 2]), np.array([3, 4, 3, 6, 5]), np.array([0.99, 0.9, 0.6, 0.8, 0.3]), np.zeros(5)
    )
    has_row = np.array([True, True, True, True, True, True, False])
    first, second, third = producer_figures(register, (0, 2), 3, pairs, labels, has_row)
    assert (first.subjects, first.no_row, first.no_likely_pair) == (3, 0, 1)
    assert first.linked == {1: 1, 2: 1}
    assert first.linked_at_all == 2
    assert first.rivals == 2  # 0 and 1 both look like subject 3
    assert first.left_apart == 1
    assert (second.linked, second.linked_at_all, second.left_apart, second.rivals) == ({0: 2, 2: 0}, 2, 1, 0)
    assert (third.subjects, third.no_row, third.linked, third.rivals) == (1, 1, {0: 1, 1: 0}, 0)


def test_a_register_without_subjects_and_arrays_that_do_not_fit() -> None:
    none = SubjectPairs(*(np.empty(0, dtype=kind) for kind in (int, int, float, float)))
    empty = np.empty(0, dtype=np.int64)
    (found,) = producer_figures(empty, (), 1, none, empty, np.empty(0, dtype=bool))
    assert (found.subjects, found.linked, found.linked_at_all) == (0, {}, 0)
    with pytest.raises(EvidenceError):
        producer_figures(np.zeros(2, dtype=int), (), 1, none, np.zeros(1, dtype=int), np.ones(2, dtype=bool))
