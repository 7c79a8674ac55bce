"""Links that no pass found: their number by hand, and whom a draw gives a lost subject to."""

import numpy as np
import pytest

from linkage.draws import draw_partitions
from linkage.errors import EvidenceError
from linkage.missed import LEAST_SPREAD, MissedLinks, estimate_missed, sensitivities
from linkage.pairs import SubjectPairs


def chain(passes: list[int]) -> tuple[np.ndarray, SubjectPairs, np.ndarray, np.ndarray]:
    """Persons of one subject in each of two registers, each pair found by so many passes."""
    n = len(passes)
    a = np.arange(0, 2 * n, 2)
    pairs = SubjectPairs(a, a + 1, np.full(n, 0.99), np.full(n, 5.0))
    return np.tile([0, 1], n), pairs, np.array(passes), np.repeat(np.arange(n), 2)


def test_the_estimate_lies_between_chao_and_the_jackknife() -> None:
    found = estimate_missed(*chain([1] * 12 + [2] * 8 + [5] * 30))
    chao, jackknife = 12 * 11 / (2 * 9), 12
    assert [one.register for one in found] == [0, 1]
    for one in found:
        assert one.expected == pytest.approx(np.sqrt(chao * jackknife))
        assert one.spread == max(np.log(jackknife / chao) / 2, LEAST_SPREAD)
        assert one.company.tolist() == list(range(one.register, 24, 2))


def test_nothing_is_estimated_where_nothing_was_found_twice_or_all_was() -> None:
    assert estimate_missed(*chain([1] * 20)) == []
    assert estimate_missed(*chain([2] * 20)) == []
    register, pairs, passes, labels = chain([1, 1, 2])
    unsure = pairs._replace(probability=np.full(3, 0.4))
    assert estimate_missed(register, unsure, passes, labels) == []
    assert estimate_missed(register[:0], SubjectPairs(*(column[:0] for column in pairs)), passes[:0], labels[:0]) == []


def test_groups_are_estimated_and_drawn_by_themselves() -> None:
    # The first group is hard to find, the second is not.
    register, pairs, passes, labels = chain([1] * 12 + [2] * 8 + [5] * 60)
    group = np.repeat([0, 1], [40, 120])
    found = estimate_missed(register, pairs, passes, labels, group)
    assert [(one.register, one.group) for one in found] == [(0, 0), (1, 0)]
    # Subjects of register 1 that are alone, 20 of each group, and as many of register 0 whom they may belong to.
    register, labels = np.r_[register, np.repeat([1, 0], 40)], np.r_[labels, 80 + np.arange(80)]
    group = np.r_[group, np.tile(np.repeat([0, 1], 20), 2)]
    again = estimate_missed(register, pairs, passes, labels, group)
    assert [one.expected for one in again] == [one.expected for one in found]
    for made in draw_partitions(register, [], pairs, labels, draws=20, seed=1, missed=again[1:], settled=True):
        joined = [at for at in range(160, 200) if (made == made[at]).sum() > 1]
        assert joined
        assert max(joined) < 180


def test_a_doubtful_link_is_a_capture_too() -> None:
    register, pairs, passes, labels = chain([1] * 12 + [2] * 8 + [5] * 30)
    doubtful = pairs._replace(probability=np.where(passes == 1, 0.6, 0.99))
    assert [one.expected for one in estimate_missed(register, doubtful, passes, labels)] == [
        one.expected for one in estimate_missed(register, pairs, passes, labels)
    ]


def test_a_lost_subject_keeps_the_distance_in_time_that_is_usual() -> None:
    # Subjects of register 2 lie 400 days after those of 1; those of 0 lie anywhere.
    rng = np.random.default_rng(5)
    persons = 60
    at = 3000.0 + 500.0 * np.arange(persons)
    register = np.r_[np.repeat([0], persons), np.repeat([1], persons), np.repeat([2], persons)]
    moment = np.r_[rng.permutation(at), at, at + 400]
    point = np.tile(np.arange(persons), 3)
    point[-20:] = persons + np.arange(20)  # the last 20 lost their subject of register 2
    links = MissedLinks(2, 12.0, company=np.arange(2 * persons, 3 * persons - 20))
    distances = []
    for labels in drawn(register.tolist(), point.tolist(), links, moment=moment):
        for subject in range(3 * persons - 20, 3 * persons):
            mates = np.flatnonzero(labels[persons : 2 * persons] == labels[subject])
            distances += [moment[subject] - at[mate] for mate in mates]
    assert len(distances) > 100
    assert np.median(distances) == pytest.approx(400, abs=50)


def drawn(register: list[int], point: list[int], links: MissedLinks, **more: object) -> list[np.ndarray]:
    nothing = SubjectPairs(*(np.empty(0, kind) for kind in (np.int64, np.int64, float, float)))
    sure = np.array([(at, to) for at in range(len(point)) for to in range(at) if point[at] == point[to]])
    pairs = nothing
    if len(sure):
        order = np.lexsort((sure[:, 0], sure[:, 1]))
        size = len(sure)
        pairs = SubjectPairs(sure[order, 1], sure[order, 0], np.full(size, 1 - 1e-9), np.full(size, 9.0))
    made = draw_partitions(np.array(register), [], pairs, np.array(point), draws=30, seed=3, missed=[links], **more)
    return list(made)


def test_a_lost_subject_goes_where_subjects_of_its_kind_have_company() -> None:
    # Register 2 is lost from persons with registers 0 and 1, as the first person shows, never from those of 0 alone.
    register = [0, 1, 2] + [0, 1] * 10 + [0] * 10 + [2] * 5
    point = [0, 0, 0] + [1 + n // 2 for n in range(20)] + list(range(11, 21)) + list(range(21, 26))
    joined = 0
    for labels in drawn(register, point, MissedLinks(2, 3.0, company=np.array([2]))):
        for subject in range(33, 38):
            others = [at for at in range(38) if labels[at] == labels[subject] and at != subject]
            assert sorted(register[at] for at in others) in ([], [0, 1])
            joined += bool(others)
    assert 40 < joined < 140


def test_a_lost_subject_goes_to_somebody_of_its_time() -> None:
    register, point = [0] * 40 + [1] * 4, list(range(44))
    moment = np.r_[np.arange(40) * 1000.0, 5000.0, 5000.0, 30_000.0, 30_000.0]
    for labels in drawn(register, point, MissedLinks(1, 2.0), moment=moment):
        for subject in range(40, 44):
            for other in np.flatnonzero(labels[:40] == labels[subject]):
                assert abs(moment[other] - moment[subject]) < 1000


def test_more_than_64_registers_are_refused() -> None:
    with pytest.raises(EvidenceError):
        drawn(list(range(65)), list(range(65)), MissedLinks(0, 1.0))


def test_sensitivity_is_the_share_of_links_that_were_found() -> None:
    register, person = [0, 1, 0, 1, 1], [0, 0, 1, 1, 2]
    found = sensitivities(np.array(register), np.array(person), [MissedLinks(1, 2.0)])
    assert found == {0: 1.0, 1: 0.5}  # two linked, two lost; the one that is alone is no link
