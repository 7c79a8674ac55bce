import numpy as np

from evaluation.baselines.clusterings import connected_components, single_best_link
from linkage.pairs import SubjectPairs

REGISTER = np.array([0, 1, 1, 0])


def pairs(edges: list[tuple[int, int, float]]) -> SubjectPairs:
    a, b, probability = (np.array(column) for column in zip(*edges, strict=True))
    return SubjectPairs(a, b, probability, np.zeros(len(a)))


EDGES = pairs([(0, 1, 0.9), (0, 2, 0.8), (2, 3, 0.6), (1, 3, 0.2)])


def test_closure_joins_all_that_is_connected() -> None:
    assert connected_components(REGISTER, EDGES).tolist() == [0, 0, 0, 0]
    assert connected_components(REGISTER, EDGES, threshold=0.7).tolist() == [0, 0, 0, 1]


def test_the_best_link_of_a_one_register_wins() -> None:
    assert single_best_link(REGISTER, (1,), EDGES).tolist() == [0, 0, 1, 1]
    assert single_best_link(REGISTER, (), EDGES).tolist() == [0, 0, 0, 0]
    assert single_best_link(REGISTER, (1,), EDGES, threshold=0.95).tolist() == [0, 1, 2, 3]
