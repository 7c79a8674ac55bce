"""Links that no pass found: their number by hand, and who stands for them in a draw."""

from dataclasses import replace

import numpy as np
import pytest

from linkage.detachment import draw_detached
from linkage.draws import DRAWS_SCHEMA
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
        assert one.found.tolist() == list(range(one.register, 100, 2))
        assert one.passes.tolist() == [1] * 12 + [2] * 8 + [5] * 30


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
    table = draw_detached(labels, found, draws=20, seed=1)
    assert 0 < max(table.column("subject").to_pylist()) < 40


def test_a_doubtful_link_is_a_capture_too() -> None:
    register, pairs, passes, labels = chain([1] * 12 + [2] * 8 + [5] * 30)
    doubtful = pairs._replace(probability=np.where(passes == 1, 0.6, 0.99))
    assert [one.expected for one in estimate_missed(register, doubtful, passes, labels)] == [
        one.expected for one in estimate_missed(register, pairs, passes, labels)
    ]


def numbers(
    missed: list[MissedLinks], subjects: int, draws: int = 300, labels: np.ndarray | None = None
) -> list[list[int]]:
    """Return the subjects that stand alone in each draw; all belong to one large person by default."""
    table = draw_detached(np.zeros(subjects, np.int64) if labels is None else labels, missed, draws=draws, seed=4)
    assert table.schema == DRAWS_SCHEMA
    draw, subject, person = (table.column(name).to_numpy() for name in ("draw", "subject", "person"))
    assert (person == subjects + subject).all()
    assert (np.diff(draw * subjects + subject) > 0).all()
    return [subject[draw == number].tolist() for number in range(draws)]


def links_of(
    register: int, expected: float, spread: float = 0.0, *, once: range, more: range = range(0)
) -> MissedLinks:
    passes = np.repeat([1, 2], [len(once), len(more)])
    return MissedLinks(register, expected, spread, np.array([*once, *more]), passes)


def test_as_many_stand_alone_as_are_estimated_to_be_lost() -> None:
    links = links_of(0, 12.0, once=range(40), more=range(40, 60))
    taken = [len(found) for found in numbers([links], 60)]
    assert np.mean(taken) == pytest.approx(12, abs=4 * np.sqrt(12 / 300))
    assert np.var(taken) == pytest.approx(12, rel=0.4)  # Poisson
    assert max(max(found) for found in numbers([links], 60)) < 40  # nobody found twice while there are others


def test_those_found_twice_follow_where_those_found_once_are_too_few() -> None:
    links = links_of(0, 20.0, once=range(10), more=range(10, 60))
    for found in numbers([links], 60, 50):
        first = {*range(10)} & {*found}
        assert len(first) == min(len(found), 10)
        assert len(found) >= 5


@pytest.mark.parametrize("spread", [0.4, 1.0])
def test_the_mean_over_few_draws_is_the_estimate_whatever_its_spread(spread: float) -> None:
    links = links_of(0, 400.0, spread, once=range(40_000))
    for seed in range(4):
        table = draw_detached(np.zeros(40_000, np.int64), [links], draws=20, seed=seed)
        assert table.num_rows / 20 == pytest.approx(400, abs=4 * np.sqrt(400 / 20))  # Poisson alone
        sizes = np.bincount(table.column("draw").to_numpy(), minlength=20)
        assert np.std(np.log(sizes)) == pytest.approx(spread, rel=0.15)


@pytest.mark.parametrize("found", [(200, 400, 1400), (200, 100, 1400)])
def test_a_link_that_both_its_ends_count_is_missed_once(found: tuple[int, int, int]) -> None:
    # 2 000 pairs and nobody else, a tenth of them found by one pass: both registers estimate the same lost links.
    register, pairs, passes, labels = chain(np.repeat([1, 2, 5], found).tolist())
    missed = [replace(one, spread=0.0) for one in estimate_missed(register, pairs, passes, labels)]
    assert [one.register for one in missed] == [0, 1]
    table = draw_detached(labels, missed, draws=400, seed=2)
    draw, subject = (table.column(name).to_numpy() for name in ("draw", "subject"))
    parted = np.unique(draw * len(labels) + subject // 2)
    assert len(parted) == table.num_rows  # nobody is parted by both
    assert len(parted) / 400 == pytest.approx(missed[0].expected, rel=0.03)


def test_the_estimate_errs_in_one_direction_for_all_groups_of_a_register() -> None:
    ends = np.arange(0, 800).reshape(4, 200)
    once = np.ones(200, np.int64)
    links = [MissedLinks(at // 2, 50.0, 0.5, ends[at], once, group=at % 2) for at in range(4)]
    counts = np.array([np.bincount(np.array(found) // 200, minlength=4) for found in numbers(links, 800)])
    related = np.corrcoef(np.log(counts + 1).T)
    assert related[0, 1] > 0.8
    assert related[2, 3] > 0.8
    assert abs(related[0, 2]) < 0.25


def test_a_draw_is_the_same_whatever_else_is_lost() -> None:
    links = links_of(3, 5.0, 0.4, once=range(20))
    assert numbers([links], 30, 5) == numbers([links], 30, 5)
    more = numbers([links_of(1, 5.0, 0.4, once=range(20, 30)), links], 30, 4)
    assert [[at for at in found if at < 20] for found in more] == numbers([links], 30, 4)
    assert draw_detached(np.arange(5), [], draws=3, seed=1).num_rows == 0


def test_what_cannot_be_is_refused() -> None:
    for wrong in (
        MissedLinks(0, float("nan")),
        MissedLinks(0, -1.0),
        MissedLinks(0, 1.0, float("inf")),
        MissedLinks(0, 1.0, found=np.array([5]), passes=np.array([1])),
    ):
        with pytest.raises(EvidenceError):
            draw_detached(np.arange(5), [wrong], draws=2, seed=1)


def test_sensitivity_is_the_share_of_links_that_were_found() -> None:
    register, person = [0, 1, 0, 1, 1], [0, 0, 1, 1, 2]
    found = sensitivities(np.array(register), np.array(person), [MissedLinks(1, 2.0)])
    assert found == {0: 1.0, 1: 0.5}  # two linked, two lost; the one that is alone is no link
