import numpy as np
import pyarrow as pa
import pytest

from linkage.errors import EvidenceError
from linkage.pairs import met_pairs, subject_pairs


def edges(rows: list[tuple[str, int, int, float, float]]) -> pa.Table:
    names = ["pass", "handle_a", "handle_b", "weight", "probability"]
    types = [pa.string(), pa.uint64(), pa.uint64(), pa.float64(), pa.float64()]
    columns = list(zip(*rows, strict=True)) if rows else [[]] * 5
    return pa.table([pa.array(list(c), t) for c, t in zip(columns, types, strict=True)], names=names)


def handles(rows: list[tuple[str, int, int]]) -> pa.Table:
    columns = list(zip(*rows, strict=True)) if rows else [[]] * 3
    types = [pa.string(), pa.uint64(), pa.int64()]
    return pa.table(
        [pa.array(list(c), t) for c, t in zip(columns, types, strict=True)], names=["pass", "handle", "subject"]
    )


OWNERS = handles([("p", 1, 0), ("p", 2, 1), ("p", 3, 0), ("p", 4, 2), ("q", 1, 1), ("q", 2, 0)])


def test_a_pair_takes_its_best_meeting_of_each_pass_and_their_mean() -> None:
    found = subject_pairs(
        edges([("p", 1, 2, 5.0, 0.8), ("p", 2, 3, 6.0, 0.9), ("q", 1, 2, 3.0, 0.7), ("p", 2, 4, 1.0, 0.2)]), OWNERS
    )
    assert found.a.tolist() == [0, 1]
    assert found.b.tolist() == [1, 2]
    odds = (np.log(0.9 / 0.1) + np.log(0.7 / 0.3)) / 2
    assert found.probability.tolist() == pytest.approx([1 / (1 + np.exp(-odds)), 0.2])
    assert found.weight.tolist() == [4.5, 1.0]


def test_one_subjects_own_pairs_and_dummies_fall_away() -> None:
    found = subject_pairs(edges([("p", 1, 3, 5.0, 0.9), ("p", 1, 77, 5.0, 0.9), ("r", 1, 2, 5.0, 0.9)]), OWNERS)
    assert len(found.a) == 0
    assert found.a.dtype == np.int64


def test_no_edges_and_no_handles() -> None:
    assert len(subject_pairs(edges([]), handles([])).a) == 0
    assert len(subject_pairs(edges([("p", 1, 2, 1.0, 0.5)]), handles([])).a) == 0


def test_what_cannot_be_is_refused() -> None:
    good = edges([("p", 1, 2, 5.0, 0.8)])
    with pytest.raises(EvidenceError):
        subject_pairs(good, handles([("p", 1, 0), ("p", 1, 1)]))
    with pytest.raises(EvidenceError):
        subject_pairs(good, handles([("p", 1, 0), ("p", 2, 2**31)]))
    assert subject_pairs(good, handles([("p", 1, 0), ("p", 2, 2**31 - 1)])).b.tolist() == [2**31 - 1]
    with pytest.raises(EvidenceError):
        subject_pairs(good.drop_columns(["weight"]), OWNERS)
    with pytest.raises(EvidenceError):
        subject_pairs(edges([("p", 1, 2, float("inf"), 0.8)]), OWNERS)
    with pytest.raises(EvidenceError):
        subject_pairs(edges([("p", 1, 2, 1.0, 1.8)]), OWNERS)
    with pytest.raises(EvidenceError):
        subject_pairs(edges([("p", 1, 2, None, 0.8)]), OWNERS)


def test_handles_may_come_pass_by_pass() -> None:
    found = edges([("p", 1, 2, 5.0, 0.8), ("q", 1, 2, 3.0, 0.7), ("p", 2, 4, 1.0, 0.2), ("s", 1, 2, 1.0, 0.5)])
    whole = subject_pairs(found, OWNERS)
    rows = [(name, row["handle"], row["subject"]) for name in "pq" for row in OWNERS.to_pylist() if row["pass"] == name]
    by_pass = {
        name: iter([handles([row]).select(["handle", "subject"]) for row in rows if row[0] == name]) for name in "pq"
    }
    for one, other in zip(whole, subject_pairs(found, by_pass), strict=True):
        assert one.tolist() == other.tolist()
    tables = [found.slice(at, n) for at, n in ((0, 1), (2, 1), (1, 1), (3, 1))]
    apart = [pa.concat_tables(tables[:2]), *tables[2:]]
    for threads in (1, 3):
        for one, other in zip(whole, subject_pairs(iter(apart), OWNERS, threads=threads), strict=True):
            assert one.tolist() == other.tolist()
    with pytest.raises(EvidenceError):
        subject_pairs(iter(tables), OWNERS)
    twice = handles([("p", 1, 0)]).select(["handle", "subject"])
    with pytest.raises(EvidenceError):
        subject_pairs(found, {"p": [twice, twice]})
    with pytest.raises(EvidenceError):
        subject_pairs(found, {"p": [twice.drop_columns(["subject"])]})


def test_many_pairs_in_many_passes_take_the_mean_of_their_best() -> None:
    draw = np.random.default_rng(1)
    owners = handles([(name, 2 * at + twin, at) for name in "pqr" for at in range(400) for twin in (0, 1)])
    rows = [
        (name, int(a), int(b), float(weight), float(probability))
        for name in "rpq"
        for a, b, weight, probability in zip(
            draw.integers(0, 800, 9000), draw.integers(0, 800, 9000), draw.integers(0, 9, 9000),
            draw.choice([0.0, 0.1, 0.5, 0.9, 1.0], 9000), strict=True,
        )
    ]  # fmt: skip
    best: dict[tuple[int, int], dict[str, tuple[float, float]]] = {}
    for name, a, b, weight, probability in rows:
        pair = (min(a // 2, b // 2), max(a // 2, b // 2))
        if pair[0] != pair[1]:
            held = best.setdefault(pair, {})
            held[name] = max(held.get(name, (-1.0, 0.0)), (probability, weight))
    found, passes = met_pairs(edges(rows), owners)
    assert list(zip(found.a.tolist(), found.b.tolist(), strict=True)) == sorted(best)
    assert passes.tolist() == [len(best[pair]) for pair in sorted(best)]
    means = [np.mean([weight for _, weight in best[pair].values()]) for pair in sorted(best)]
    assert found.weight.tolist() == pytest.approx(means)
    share = [np.clip([chance for chance, _ in best[pair].values()], 1e-15, 1 - 1e-15) for pair in sorted(best)]
    odds = np.array([np.mean(np.log(one) - np.log1p(-one)) for one in share])
    assert found.probability.tolist() == pytest.approx((1 / (1 + np.exp(-odds))).tolist())
