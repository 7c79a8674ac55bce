"""Kaplan-Meier and Aalen-Johansen against published and hand-made values."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.errors import InputError
from trajectories.durations import aalen_johansen, kaplan_meier


def counts(times: list[int], size: int = 40) -> np.ndarray:
    return np.bincount(np.array(times, dtype=np.int64), minlength=size).astype(np.int64)


#: Weeks in remission of 21 children on 6-mercaptopurine, Freireich et al. (1963), Blood 21, as in every textbook.
EVENTS = [6, 6, 6, 7, 10, 13, 16, 22, 23]
CENSORED = [6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35]
#: Kaplan-Meier estimates and at-risk numbers published for them (Cox and Oakes 1984, table 1.2).
PUBLISHED = {
    6: (21, 0.857),
    7: (17, 0.807),
    10: (15, 0.753),
    13: (12, 0.690),
    16: (11, 0.627),
    22: (7, 0.538),
    23: (6, 0.448),
}


def test_remission_times_give_the_published_curve() -> None:
    curve = kaplan_meier(counts(EVENTS), counts(CENSORED))
    for week, (at_risk, survival) in PUBLISHED.items():
        assert curve.at_risk[week] == at_risk
        assert curve.survival[week] == pytest.approx(survival, abs=0.0006)
    assert curve.median() == 23
    # Published 95 % limits of the log-log interval at week 10: 0.503 and 0.889 (survival package of R).
    assert (curve.lower[10], curve.upper[10]) == pytest.approx((0.503, 0.889), abs=0.001)


def test_a_curve_that_does_not_fall_to_a_half_has_no_median() -> None:
    assert np.isnan(kaplan_meier(counts([1, 2]), counts([5] * 10)).median())
    assert np.isnan(kaplan_meier(counts([]), counts([])).median())


def test_many_curves_at_once_are_the_same_as_one_by_one() -> None:
    events, censored = np.stack([counts(EVENTS), counts([3])]), np.stack([counts(CENSORED), counts([1, 9])])
    both = kaplan_meier(events, censored)
    for row in range(2):
        alone = kaplan_meier(events[row], censored[row])
        assert both.survival[row].tolist() == alone.survival.tolist()
        assert np.array_equal(both.median()[row], alone.median(), equal_nan=True)


def test_competing_events_by_hand() -> None:
    # 4 at risk: one insured in month 1; 3 at risk: one left in month 2; 2 at risk: one insured in 3, one censored.
    found = aalen_johansen((counts([1, 3], 5), counts([2], 5)), counts([3], 5))
    assert found.incidence[0].tolist() == pytest.approx([0, 1 / 4, 1 / 4, 1 / 4 + 1 / 2 * 1 / 2, 1 / 2])
    assert found.incidence[1].tolist() == pytest.approx([0, 0, 1 / 4, 1 / 4, 1 / 4])
    assert found.free.tolist() == pytest.approx([1, 3 / 4, 1 / 2, 1 / 4, 1 / 4])


months = st.lists(st.integers(0, 20), max_size=30)


@given(months, months, months)
def test_incidences_and_the_free_share_sum_to_one(first: list[int], second: list[int], censored: list[int]) -> None:
    found = aalen_johansen((counts(first), counts(second)), counts(censored))
    assert (found.incidence[0] + found.incidence[1] + found.free) == pytest.approx(np.ones(40))


@given(months, months)
def test_without_competition_incidence_is_one_minus_survival(events: list[int], censored: list[int]) -> None:
    found = aalen_johansen((counts(events),), counts(censored))
    assert found.incidence[0] == pytest.approx(1 - kaplan_meier(counts(events), counts(censored)).survival)


@given(months)
def test_without_censoring_survival_is_the_share_left(events: list[int]) -> None:
    curve = kaplan_meier(counts(events), counts([]))
    for month in range(21):
        left = sum(event > month for event in events)
        assert curve.survival[month] == pytest.approx(left / len(events) if events else 1.0)


def test_counts_that_do_not_fit_are_refused() -> None:
    with pytest.raises(InputError, match="same months"):
        kaplan_meier(counts([1], 5), counts([1], 6))
    with pytest.raises(InputError, match="same months"):
        kaplan_meier(np.array([-1]), np.array([1]))
