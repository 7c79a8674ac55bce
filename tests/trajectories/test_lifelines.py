"""Durations against lifelines (Davidson-Pilon 2019), which shares no code with them: equal to 1e-9."""

import lifelines
import numpy as np
import polars as pl
import pytest

from tests.trajectories.builders import WINDOW
from tests.trajectories.test_uncertainty import population
from trajectories.channels import build_channels
from trajectories.durations import aalen_johansen, kaplan_meier
from trajectories.joint import joint_states

EXACT = 1e-9


def by_month(times: np.ndarray, chosen: np.ndarray, bins: int) -> np.ndarray:
    return np.bincount(times[chosen], minlength=bins).astype(np.int64)


def assert_same_curve(times: np.ndarray, event: np.ndarray) -> None:
    bins = int(times.max()) + 2
    own = kaplan_meier(by_month(times, event, bins), by_month(times, ~event, bins))
    other = lifelines.KaplanMeierFitter().fit(times, event, timeline=np.arange(bins))
    assert np.abs(own.survival - other.survival_function_.to_numpy()[:, 0]).max() < EXACT
    table = other.event_table.reindex(np.arange(bins)).fillna(0)
    events = table["observed"].to_numpy()
    assert (own.events == events).all()
    assert (own.at_risk[events > 0] == table["at_risk"].to_numpy()[events > 0]).all()
    bounds = other.confidence_interval_.to_numpy()
    inside = np.isfinite(own.lower) & (own.survival < 1)
    assert inside.any()
    for place, mine in enumerate((own.lower, own.upper)):
        assert np.abs(mine - bounds[:, place])[inside].max() < EXACT
    median = float(other.median_survival_time_)
    assert float(own.median()) == median or (np.isnan(own.median()) and np.isinf(median))


@pytest.mark.parametrize("seed", range(4))
def test_kaplan_meier_with_ties_and_censoring(seed: int) -> None:
    rng = np.random.default_rng(seed)
    times = rng.geometric(0.08, 300) - rng.integers(0, 2)
    assert_same_curve(times, rng.random(300) < (0.9, 0.6, 0.3, 0.75)[seed])


def test_aalen_johansen_of_competing_events() -> None:
    # Without ties: lifelines moves tied times apart at random.
    rng = np.random.default_rng(5)
    times = rng.permutation(np.arange(1, 201))
    kind = rng.choice([0, 1, 2], 200, p=[0.3, 0.45, 0.25])
    counts = [by_month(times, kind == one, 202) for one in (0, 1, 2)]
    own = aalen_johansen((counts[1], counts[2]), counts[0])
    for place in (1, 2):
        fitted = lifelines.AalenJohansenFitter(calculate_variance=False).fit(times, kind, event_of_interest=place)
        curve = fitted.cumulative_density_.iloc[:, 0]
        mine = own.incidence[place - 1][curve.index.to_numpy().astype(np.int64)]
        assert np.abs(mine - curve.to_numpy()).max() < EXACT
    assert np.abs(own.incidence[0] + own.incidence[1] + own.free - 1).max() < EXACT


def test_stays_in_a_joint_state() -> None:
    stays = joint_states(build_channels(population(300, 2), WINDOW))
    assert set(stays["state"]) >= {"presence", "presence+permit"}
    for state in ("presence", "presence+permit"):
        own = stays.filter(state=state)
        days = (own["end"] - own["start"]).dt.total_days().to_numpy().astype(np.int64)
        ended = own.select(pl.col("end") < WINDOW.end).to_series()
        assert_same_curve(days, ended.to_numpy())
