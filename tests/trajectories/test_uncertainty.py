"""Draws: figures are exactly those of a full run, intervals hold the truth, bad draws are refused."""

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.errors import InputError
from tests.trajectories.builders import WINDOW, linked, person
from trajectories.breakdowns import ALL_BREAKDOWNS
from trajectories.channels import Channels, build_channels, channels_of
from trajectories.definitions import BY_CODE, INDICATORS
from trajectories.figures import Figures, count_figures
from trajectories.measures import count_extended
from trajectories.tables import REFERENCE, LinkedRegisters, Window
from trajectories.uncertainty import LinkageDraws, combine, counter, figures_of_draws, intervals_of
from trajectories.values import values_of

COUNT = counter(count_extended, ALL_BREAKDOWNS)


def population(size: int, seed: int) -> LinkedRegisters:
    rng = np.random.default_rng(seed)
    people = []
    for _ in range(size):
        year, month = int(rng.integers(2020, 2023)), int(rng.integers(1, 13))
        arrival = f"{year}-{month:02d}-05"
        leaving = f", out {date.fromisoformat(arrival) + timedelta(days=250)}" if rng.random() < 0.2 else ""
        people.append(
            person(
                crossings=f"in {arrival}{leaving}" if rng.random() < 0.8 else "",
                permits=[(arrival, "2022-12-31")] if rng.random() < 0.6 else [],
                contracts=[(arrival, "2022-12-31")] if rng.random() < 0.5 else [],
                months="2020-12 2021-12 2022-12" if rng.random() < 0.6 else "",
                born=int(rng.integers(1960, 2010)),
                sex=str(rng.choice(["F", "M"])),
                nationality=str(rng.choice(["FRA", "SEN", "CIV", "MAR"])),
            )
        )
    return linked(*people)


def setting(size: int, seed: int) -> tuple[Channels, np.ndarray]:
    """Return channels, and the point estimate: each person's records are one subject each and one person."""
    channels = build_channels(population(size, seed), WINDOW)
    return channels, channels.person_of_record.copy()


def everything(figures: Figures) -> dict[object, list[int]]:
    return {key: np.asarray(row).ravel().tolist() for key, row in (figures.counts | figures.histograms).items()}


@settings(max_examples=8, deadline=None)
@given(
    st.integers(0, 1000), st.lists(st.tuples(st.integers(0, 2), st.integers(0, 99), st.integers(0, 39)), max_size=20)
)
def test_a_draw_costs_only_the_touched_and_gives_what_a_full_run_gives(
    seed: int, moves: list[tuple[int, int, int]]
) -> None:
    channels, owner = setting(20, seed)
    subjects = len(owner)  # every record is a subject
    unique = {(draw, subject % subjects): label for draw, subject, label in moves}
    rows = [(draw, subject, label) for (draw, subject), label in unique.items()]
    table = pl.DataFrame(rows, schema=dict.fromkeys(("draw", "subject", "person"), pl.Int64), orient="row")
    links = LinkageDraws(3, table, owner, np.arange(subjects))
    for draw, found in enumerate(figures_of_draws(channels.events, channels, links, COUNT)):
        label = owner.copy()
        for own, subject, person_label in rows:
            if own == draw:
                label[subject] = person_label
        names, position = np.unique(label, return_inverse=True)
        persons = pl.DataFrame({"person": np.arange(len(names))}).with_columns(
            person_id=pl.col("person").cast(pl.String)
        )
        whole = COUNT(channels_of(channels.events, persons, position.astype(np.int64), WINDOW, REFERENCE))
        assert everything(found) == everything(whole)


def test_the_interval_of_calibrated_draws_holds_the_truth() -> None:
    """Links are right with the probability that they claim: the intervals hold the truth as often as they say."""
    rng = np.random.default_rng(7)
    channels = build_channels(population(500, 1), Window(date(2020, 1, 1), date(2023, 1, 1)))
    truth = channels.person_of_record
    register = channels.events.records["register"].to_numpy()
    insured = np.flatnonzero(register == "social_security")
    count = counter(count_figures)
    wanted = [BY_CODE[code] for code in ("workers_both", "workers_union", "gap_none", "gap_exempt")]
    true_values = values_of(count(channels), wanted)
    fresh = 10_000 + np.arange(len(truth))
    held = total = 0
    for _ in range(5):
        chance = rng.choice([0.2, 0.5, 0.8, 0.97], size=len(insured))
        # The truth is one of the worlds that the probabilities allow.
        linked_to = np.where(rng.random(len(insured)) < chance, truth[insured], fresh[insured])
        world = truth.copy()
        world[insured] = linked_to
        names, position = np.unique(world, return_inverse=True)
        persons = pl.DataFrame({"person": np.arange(len(names))}).with_columns(
            person_id=pl.col("person").cast(pl.String)
        )
        real = values_of(count(channels_of(channels.events, persons, position, channels.window, REFERENCE)), wanted)
        point = truth.copy()
        point[insured] = np.where(chance >= 0.5, truth[insured], fresh[insured])
        rows = []
        for draw in range(16):
            label = np.where(rng.random(len(insured)) < chance, truth[insured], fresh[insured])
            moved = label != point[insured]
            rows += [(draw, int(s), int(p)) for s, p in zip(insured[moved], label[moved], strict=True)]
        table = pl.DataFrame(rows, schema=dict.fromkeys(("draw", "subject", "person"), pl.Int64), orient="row")
        links = LinkageDraws(16, table, point, np.arange(len(truth)))
        names, position = np.unique(point, return_inverse=True)
        persons = pl.DataFrame({"person": np.arange(len(names))}).with_columns(
            person_id=pl.col("person").cast(pl.String)
        )
        estimate = channels_of(channels.events, persons, position, channels.window, REFERENCE)
        bounds = intervals_of(count(estimate), figures_of_draws(channels.events, estimate, links, count), wanted)
        large = real >= 20
        inside = (bounds.lower <= real) & (real <= bounds.upper)
        held, total = held + int(inside[large].sum()), total + int(large.sum())
    assert np.isfinite(true_values).any()
    assert total > 100
    assert held / total >= 0.93


def test_combination_by_hand() -> None:
    value = np.array([10.0, 0.5, np.nan])
    drawn = np.array([[9.0, 0.5, 1.0], [11.0, 0.5, np.nan], [13.0, np.nan, np.nan]])
    bounds = combine(value, drawn, counts=np.array([True, False, False]))
    # mean 11, deviation 2, t(2) at .975 = 4.302653: 4.302653 * 2 * sqrt(4 / 3) = 9.936551
    assert bounds.mean[0] == 11
    assert (bounds.lower[0], bounds.upper[0]) == pytest.approx((11 - 9.936551, 11 + 9.936551))
    assert (bounds.lower[1], bounds.upper[1]) == (0.5, 0.5)
    assert np.isnan(bounds.lower[2])
    assert np.isnan(bounds.upper[2])


def test_a_count_that_no_draw_changes_keeps_half_a_unit() -> None:
    bounds = combine(np.array([7.0]), np.array([[7.0], [7.0]]), counts=np.array([True]))
    assert (bounds.lower[0], bounds.upper[0]) == (6.5, 7.5)


def test_the_interval_reaches_as_far_as_the_published_value() -> None:
    bounds = combine(np.array([20.0]), np.array([[10.0], [11.0], [12.0]]))
    assert bounds.lower[0] < 10
    assert bounds.upper[0] == 20


def test_draws_that_do_not_fit_are_refused() -> None:
    channels, owner = setting(5, 0)
    subjects, empty = np.arange(len(owner)), pl.DataFrame(schema=dict.fromkeys(("draw", "subject", "person"), pl.Int64))
    with pytest.raises(InputError, match="at least two"):
        LinkageDraws(1, empty, owner, subjects)
    with pytest.raises(InputError, match="column"):
        LinkageDraws(2, empty.drop("person"), owner, subjects)
    with pytest.raises(InputError, match="out of range"):
        LinkageDraws(2, pl.DataFrame({"draw": [2], "subject": [0], "person": [0]}), owner, subjects)
    with pytest.raises(InputError, match="another number of records"):
        next(figures_of_draws(channels.events, channels, LinkageDraws(2, empty, owner, subjects[:-1]), COUNT))


def test_without_moves_every_draw_is_the_point_estimate() -> None:
    channels, owner = setting(10, 3)
    empty = pl.DataFrame(schema=dict.fromkeys(("draw", "subject", "person"), pl.Int64))
    links = LinkageDraws(2, empty, owner, np.arange(len(owner)))
    count = counter(count_figures)
    bounds = intervals_of(count(channels), figures_of_draws(channels.events, channels, links, count), INDICATORS)
    values = values_of(count(channels), INDICATORS)
    finite = np.isfinite(values)
    assert (bounds.mean[finite] == values[finite]).all()
