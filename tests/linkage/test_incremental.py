import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linkage.cluster import absent_evidence, cluster, evidence_of, register_masks
from linkage.errors import EvidenceError
from linkage.incremental import Before, likely_components, recluster
from linkage.pairs import SubjectPairs

N = 24


def pairs_of(edges: dict[tuple[int, int], float]) -> SubjectPairs:
    keys = sorted(edges)
    ends = np.array(keys, dtype=np.int64).reshape(-1, 2)
    return SubjectPairs(ends[:, 0], ends[:, 1], np.array([edges[key] for key in keys]), np.zeros(len(keys)))


LIMITS = np.full(3, 2.5)  # a person with three subjects of a register is looked at again


def whole_of(register: np.ndarray, one: tuple[int, ...], pairs: SubjectPairs, absent: float) -> np.ndarray:
    return cluster(len(register), register, one, *pairs[:3], absent=absent, limits=LIMITS)


def clustered(register: np.ndarray, pairs: SubjectPairs, one: tuple[int, ...] = (1,)) -> Before:
    absent = absent_evidence(pairs.a, pairs.b, pairs.probability, register_masks(register, one))
    labels = whole_of(register, one, pairs, absent)
    nobody = np.zeros(len(register), dtype=np.bool_)
    component = likely_components(register, one, pairs)
    return Before(pairs.a, pairs.b, pairs.probability, labels, nobody, absent, LIMITS, component)


def edge_by_edge(register: np.ndarray, one: tuple[int, ...], pairs: SubjectPairs, before: Before, tolerance: float):
    """Return labels, probabilities and changed subjects as the docstring has them, by dictionaries and closure."""
    now = dict(zip(zip(pairs.a.tolist(), pairs.b.tolist(), strict=True), pairs.probability.tolist(), strict=True))
    then = dict(zip(zip(before.a.tolist(), before.b.tolist(), strict=True), before.probability.tolist(), strict=True))
    moved = {
        pair
        for pair in now.keys() | then.keys()
        if not (pair in now and pair in then)
        or abs(evidence_of(np.array([now[pair]]))[0] - evidence_of(np.array([then[pair]]))[0]) > tolerance
    }
    group = list(range(len(register)))
    for a, b in sorted(now.keys() | then.keys()):
        likely = max(now.get((a, b), 0), then.get((a, b), 0)) > 0.5
        if likely and not (register[a] == register[b] and register[a] in one):
            group = [group[a] if old == group[b] else old for old in group]
    dirty = {group[at] for at in range(len(register)) if before.labels[at] < 0 or before.bereft[at]}
    dirty |= {group[a] for a, b in moved if group[a] == group[b]}
    changed = np.array([group[at] in dirty for at in range(len(register))], dtype=np.bool_)
    own = whole_of(register, one, pairs, before.absent)
    names = [("new", own[at]) if changed[at] else ("old", before.labels[at]) for at in range(len(register))]
    labels = [list(dict.fromkeys(names)).index(name) for name in names]
    held = [
        now[pair] if pair in moved or (changed[pair[0]] and changed[pair[1]]) else then[pair] for pair in sorted(now)
    ]
    return labels, held, changed.tolist()


graphs = st.dictionaries(
    st.tuples(st.integers(0, N - 1), st.integers(0, N - 1)).filter(lambda pair: pair[0] < pair[1]),
    st.floats(0.01, 1),
    max_size=40,
)
registers = st.lists(st.integers(0, 2), min_size=N, max_size=N).map(np.array)


@settings(max_examples=80, deadline=None)
@given(graphs, graphs, registers)
def test_without_tolerance_it_is_the_full_clustering(first: dict, second: dict, register: np.ndarray) -> None:
    before = clustered(register, pairs_of(first))
    now = pairs_of(second)
    found = recluster(register, (1,), now, before, tolerance=0.0)
    whole = whole_of(register, (1,), now, before.absent)
    assert found.labels.tolist() == whole.tolist()
    assert found.pairs.probability.tolist() == now.probability.tolist()


changes = st.dictionaries(
    st.tuples(st.integers(0, N - 1), st.integers(0, N - 1)).filter(lambda pair: pair[0] < pair[1]),
    st.none() | st.floats(0.01, 1),
    max_size=6,
)


@settings(max_examples=150, deadline=None)
@given(
    graphs,
    changes,
    registers,
    st.lists(st.floats(-0.7, 0.7), min_size=40, max_size=40),
    st.sets(st.integers(0, N - 1), max_size=2),
    st.sets(st.integers(0, N - 1), max_size=2),
    st.sampled_from([0.0, 0.5, 1.0]),
)
def test_it_does_what_it_says_and_whoever_is_not_touched_keeps_their_person(
    edges: dict, changed: dict, register: np.ndarray, tremble: list, lost: set, new: set, tolerance: float
) -> None:
    first = {pair: chance for pair, chance in edges.items() if not new & set(pair)}
    before = clustered(register, pairs_of(first))
    for at in lost:
        before.bereft[at] = True
    for at in new:
        before.labels[at] = before.component[at] = -1
    shaken = {
        pair: 1 / (1 + (1 / chance - 1) * float(np.exp(-by)))
        for (pair, chance), by in zip(edges.items(), tremble, strict=False)
    }
    later = {pair: chance for pair, chance in (shaken | changed).items() if chance is not None}
    found = recluster(register, (1,), pairs_of(later), before, tolerance=tolerance)
    labels, held, anew = edge_by_edge(register, (1,), pairs_of(later), before, tolerance)
    assert found.changed.tolist() == anew
    assert found.labels.tolist() == labels
    assert found.pairs.probability.tolist() == held
    for label in set(before.labels[~found.changed].tolist()):
        assert len(set(found.labels[before.labels == label].tolist())) == 1
    # and on from there: the next vintage continues what this one hands over
    after = Before(*found.pairs[:3], found.labels, np.zeros(N, dtype=np.bool_), before.absent, LIMITS, found.component)
    assert not recluster(register, (1,), found.pairs, after).changed.any()
    whole = whole_of(register, (1,), pairs_of(first), before.absent)
    back = recluster(register, (1,), pairs_of(first), after, tolerance=0.0)
    assert tolerance > 0 or back.labels.tolist() == whole.tolist()


def test_trembling_evidence_does_not_flap() -> None:
    register = np.zeros(2, dtype=np.int64)
    before = clustered(register, pairs_of({(0, 1): 0.55}))
    steps = [recluster(register, (), pairs_of({(0, 1): chance}), before) for chance in (0.45, 0.52, 0.3)]
    assert [step.labels.tolist() for step in steps] == [[0, 0], [0, 0], [0, 1]]
    assert steps[0].pairs.probability.tolist() == [0.55]  # so that drift in small steps adds up


def test_a_lost_companion_and_a_new_subject_are_changes() -> None:
    register = np.zeros(3, dtype=np.int64)
    before = clustered(register, pairs_of({(0, 1): 0.9}))
    bereft = before._replace(
        bereft=np.array([True, False, False]), labels=np.array([0, 0, -1]), component=np.array([0, 0, -1])
    )
    assert recluster(register, (), pairs_of({(0, 1): 0.9}), bereft).changed.tolist() == [True, True, True]


def test_no_subjects_and_no_edges() -> None:
    none = pairs_of({})
    assert (
        recluster(np.empty(0, dtype=np.int64), (), none, clustered(np.empty(0, dtype=np.int64), none)).labels.tolist()
        == []
    )
    three = np.zeros(3, dtype=np.int64)
    assert recluster(three, (), none, clustered(three, pairs_of({(0, 2): 0.9}))).labels.tolist() == [0, 1, 2]


def test_what_cannot_be_is_refused() -> None:
    register = np.zeros(3, dtype=np.int64)
    before = clustered(register, pairs_of({(0, 1): 0.9}))
    unsorted = SubjectPairs(np.array([1, 0]), np.array([2, 1]), np.array([0.5, 0.5]), np.zeros(2))
    unfit = [
        unsorted,
        *(unsorted._replace(a=np.array(a), b=np.array(b)) for a, b in (([0, 1], [2, 3]), ([-1, 0], [1, 1]))),
    ]
    unfit += [SubjectPairs(np.array([0]), np.array([1]), np.array([chance]), np.zeros(1)) for chance in (1.5, np.nan)]
    unfit += [pairs_of({(0, 1): 0.5})._replace(probability=np.empty(0))]
    for pairs in unfit:
        with pytest.raises(EvidenceError):
            recluster(register, (), pairs, before)
        with pytest.raises(EvidenceError):
            recluster(register, (), pairs_of({}), before._replace(a=pairs.a, b=pairs.b, probability=pairs.probability))
    with pytest.raises(EvidenceError):
        recluster(register, (), pairs_of({}), before._replace(labels=np.zeros(2, dtype=np.int64)))


def test_unlikely_edges_between_components_make_nothing_dirty() -> None:
    register = np.zeros(4, dtype=np.int64)
    before = clustered(register, pairs_of({(0, 1): 0.9, (2, 3): 0.9, (1, 2): 0.1}))
    found = recluster(register, (), pairs_of({(0, 1): 0.9, (2, 3): 0.9, (0, 2): 0.3}), before)
    assert not found.changed.any()
    joined = recluster(register, (), pairs_of({(0, 1): 0.9, (2, 3): 0.9, (0, 2): 0.7}), before)
    assert joined.changed.all()


def test_drift_in_small_steps_adds_up() -> None:
    register = np.zeros(2, dtype=np.int64)
    state = clustered(register, pairs_of({(0, 1): 0.7}))
    joined = []
    for chance in (0.6, 0.5, 0.42, 0.35):
        step = recluster(register, (), pairs_of({(0, 1): chance}), state)
        state = state._replace(labels=step.labels, probability=step.pairs.probability, component=step.component)
        joined.append(bool(step.labels[0] == step.labels[1]))
    assert joined == [True, True, False, False]
