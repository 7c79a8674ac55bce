import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linkage.cluster import cluster
from linkage.draws import DRAWS_SCHEMA, PartitionDraws, draw_partitions, uniform
from linkage.errors import EvidenceError
from linkage.pairs import SubjectPairs


def drawn(
    register: list[int],
    edges: list[tuple[int, int, float]],
    one: tuple[int, ...] = (),
    draws: int = 200,
    **more: object,
) -> PartitionDraws:
    columns = zip(*sorted(edges), strict=True) if edges else ((), (), ())
    a, b, probability = (np.array(column, dtype=kind) for column, kind in zip(columns, (int, int, float), strict=True))
    pairs = SubjectPairs(a, b, probability, np.zeros(len(a)))
    point = cluster(len(register), np.array(register), one, a, b, probability)
    return draw_partitions(np.array(register), one, pairs, point, draws=draws, seed=7, **more)


def test_a_lone_pair_is_one_person_as_often_as_its_probability_says() -> None:
    for chance in (0.1, 0.5, 0.9):
        pairs = [(at, at + 1, chance) for at in range(0, 400, 2)]
        made = drawn([0] * 400, pairs, draws=20)
        share = np.mean([labels[0::2] == labels[1::2] for labels in made])
        assert abs(share - chance) < 0.03


def test_sure_persons_do_not_vary_and_cost_no_row() -> None:
    made = drawn([0, 0, 0, 0], [(0, 1, 0.99999), (2, 3, 0.5)], draws=50)
    assert set(made.table.column("subject").to_pylist()) == {3}
    assert all(labels[0] == labels[1] for labels in made)
    assert made.table.schema == DRAWS_SCHEMA


def test_doubt_about_one_person_is_not_thrown_twice() -> None:
    # 0 and 1 are sure; 2 hangs on both by the same doubt
    made = drawn([0, 0, 0], [(0, 1, 0.99999), (0, 2, 0.5), (1, 2, 0.5)], draws=1000)
    share = np.mean([labels[0] == labels[2] for labels in made])
    assert abs(share - 0.5) < 0.05


def test_two_records_of_a_one_register_stay_apart_in_every_draw() -> None:
    made = drawn([0, 1, 1], [(0, 1, 0.6), (0, 2, 0.6), (1, 2, 0.9)], one=(1,))
    assert all(labels[1] != labels[2] for labels in made)
    shares = [np.mean([labels[0] == labels[at] for labels in made]) for at in (1, 2)]
    assert min(shares) > 0.1


def test_a_person_too_large_for_its_register_is_cut_in_every_draw_as_in_the_point_estimate() -> None:
    # thirty persons of two records; two of three each, surely, that a middling edge joins; and two small ones so joined
    sure = [(at, at + 1, 0.99999) for at in range(0, 60, 2)]
    large = [(at + i, at + j, 0.99999) for at in (60, 63) for i, j in ((0, 1), (0, 2), (1, 2))]
    doubted = [(a, b, 0.65) for a in (60, 61, 62) for b in (63, 64, 65)]
    small = [(66, 67, 0.65)]
    made = drawn([0] * 68, sure + large + doubted + small, draws=100)
    assert made.point[60] != made.point[63]
    assert all(labels[60] != labels[63] for labels in made)
    assert all(len(set(labels[at : at + 3].tolist())) == 1 for labels in made for at in (60, 63))  # cores stay whole
    assert 0.4 < np.mean([labels[66] == labels[67] for labels in made]) < 0.9
    likely = drawn([0] * 68, sure + large + [(a, b, 0.95) for a, b, _ in doubted] + small, draws=20)
    assert np.mean([labels[60] == labels[63] for labels in likely]) > 0.7  # evidence outweighs size


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 9), st.integers(0, 9), st.floats(0, 1)).filter(lambda edge: edge[0] < edge[1]),
        max_size=25,
        unique_by=lambda edge: edge[:2],
    ),
    st.lists(st.integers(0, 2), min_size=10, max_size=10),
)
def test_properties(edges: list[tuple[int, int, float]], register: list[int]) -> None:
    made = drawn(register, edges, one=(1,), draws=6, doubt=1.0)
    fewer = drawn(register, edges, one=(1,), draws=3, doubt=1.0)
    for number, labels in enumerate(made):
        held = [label for label, where in zip(labels.tolist(), register, strict=True) if where == 1]
        assert len(held) == len(set(held))
        if number < 3:  # a draw does not depend on how many there are
            assert labels.tolist() == fewer.labels(number).tolist()
        for label in set(labels.tolist()):  # the rule for names
            first = int(np.flatnonzero(labels == label)[0])
            is_first = int(np.flatnonzero(made.point == made.point[first])[0]) == first
            assert label == (made.point[first] if is_first else 10 + first)


def test_a_component_draws_the_same_whatever_else_there_is() -> None:
    few = drawn([0] * 4, [(0, 1, 0.5), (1, 2, 0.4)], draws=30)
    more = drawn([0] * 6, [(0, 1, 0.5), (1, 2, 0.4), (4, 5, 0.5)], draws=30)
    together = [labels[0] == labels[1] for labels in few]
    assert together == [labels[0] == labels[1] for labels in more]
    assert len(set(together)) == 2


def test_doubt_about_calibration_is_shared_by_all_edges_of_two_registers() -> None:
    pairs = [(at, at + 1, 0.5) for at in range(0, 400, 2)]
    spread = []
    for doubt in (0.0, 1.0):
        made = drawn([0] * 400, pairs, draws=40, doubt=doubt)
        spread.append(np.std([(labels[0::2] == labels[1::2]).mean() for labels in made]))
    # Of 200 edges: sqrt(.25 / 200) = .035 without; about .2 more by an error of one unit in log odds.
    assert spread[0] < 0.05
    assert 0.12 < spread[1] < 0.3


def test_numbers_of_the_counter_are_uniform_and_their_own() -> None:
    found = uniform(1, 2, np.arange(20_000), np.arange(20_000)[::-1])
    assert abs(found.mean() - 0.5) < 0.01
    assert abs(np.histogram(found, bins=10, range=(0, 1))[0] - 2000).max() < 200
    assert len(np.unique(found)) == len(found)
    assert not np.array_equal(found, uniform(2, 2, np.arange(20_000), np.arange(20_000)[::-1]))


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(EvidenceError):
        drawn([0, 0], [], doubt=-1.0)
    with pytest.raises(EvidenceError):
        drawn([0, 0], [(0, 1, float("inf"))])
    with pytest.raises(EvidenceError):
        drawn([0], []).labels(-1)


def test_no_subject_and_one_subject() -> None:
    assert drawn([], []).table.num_rows == 0
    assert drawn([0], []).labels(3).tolist() == [0]
