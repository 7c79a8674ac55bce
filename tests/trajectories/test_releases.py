"""Extended indicators and intervals as a release shows them: nothing small, nothing exact, nothing unstated."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from tests.trajectories.builders import WINDOW, linked, person
from tests.trajectories.test_uncertainty import population
from trajectories.breakdowns import ALL_BREAKDOWNS, breakdowns_of
from trajectories.channels import build_channels
from trajectories.disclosure import NOISE_BOUND, cells_from, cells_of, protect
from trajectories.disclosure.cell_keys import epoch_key
from trajectories.disclosure.pay import dominated_pay
from trajectories.disclosure.published import BEHIND
from trajectories.disclosure.widening import widened
from trajectories.extended import EVERY_INDICATOR, EXTENDED
from trajectories.figures import Figures
from trajectories.measures import count_extended
from trajectories.persons import describe_persons
from trajectories.values import table_of, values_of

EPOCH = epoch_key(b"s" * 32, "series", "1")
KEYS = ["indicator", "residence", "period", "breakdown", "category"]


@pytest.fixture(scope="module")
def scene() -> tuple[Figures, pl.DataFrame, pl.DataFrame]:
    """Return figures of 900 persons, the raw table with made-up intervals, and what a release shows."""
    channels = build_channels(population(900, 4), WINDOW)
    breakdowns = breakdowns_of(channels, describe_persons(channels), ALL_BREAKDOWNS)
    figures = count_extended(channels, breakdowns)
    cells, _ = cells_of(channels, breakdowns, "series", figures=figures, count=count_extended)
    made = cells_from(cells)
    values = values_of(figures, EVERY_INDICATOR)
    raw = table_of(figures, EVERY_INDICATOR, values, values * 0.9, values * 1.2)
    noise = made.perturbation(EPOCH)
    return figures, raw, protect(made.figures, noise=noise, keys=made.keys, indicators=EVERY_INDICATOR, raw=raw)


def test_every_indicator_is_in_a_release_and_some_of_every_kind_are_shown(scene) -> None:
    _, _, shown = scene
    assert set(shown["indicator"]) == {one.code for one in EVERY_INDICATOR}
    assert shown["protected"].all()
    open_ = shown.drop_nulls("value")
    assert {"working_age_stock", "retention_12", "incidence_insured_6", "arrival_to_permit_km_median"} <= set(
        open_["indicator"]
    )


def test_shown_counts_are_of_ten_persons_or_more_and_within_the_noise(scene) -> None:
    _, raw, shown = scene
    counts = [one.code for one in EVERY_INDICATOR if one.kind == "count" and one.code != "net_migration"]
    joined = shown.join(raw.select(*KEYS, x="value"), on=KEYS).filter(pl.col("indicator").is_in(counts))
    joined = joined.filter(pl.col("x") > 0).drop_nulls("value")
    assert joined.height > 100
    assert joined["x"].min() >= 10
    assert (joined["value"] - joined["x"]).abs().max() <= NOISE_BOUND
    assert (joined["value"] != joined["x"]).any()


def test_an_interval_holds_the_links_and_the_noise_in_coarse_steps(scene) -> None:
    _, raw, shown = scene
    joined = shown.join(raw.select(*KEYS, x="value", low="lower", high="upper"), on=KEYS).drop_nulls("value")
    stock = joined.filter(pl.col("indicator") == "resident_stock", pl.col("value") > 0)
    for row in stock.iter_rows(named=True):
        for width, own in (
            (row["value"] - row["lower"], row["x"] - row["low"]),
            (row["upper"] - row["value"], row["high"] - row["x"]),
        ):
            exact = np.hypot(own, 1.959963984540054 * np.sqrt(3))
            assert exact <= width + 1e-9 <= 1.1 * exact + 1
            assert width == float(f"{width:.2g}")
    assert (joined["lower"] <= joined["value"]).all()
    assert (joined["upper"] >= joined["value"]).all()
    shares = joined.filter(pl.col("indicator").str.starts_with("incidence"))
    assert shares["upper"].max() <= 1
    assert shown.filter(pl.col("value").is_null())["lower"].is_null().all()


def test_without_intervals_inside_there_are_none_outside(scene) -> None:
    _, raw, shown = scene
    bare = raw.with_columns(lower=pl.lit(None, pl.Float64), upper=pl.lit(None, pl.Float64))
    made = widened(shown.with_columns(lower=None, upper=None), np.zeros(shown.height), bare)
    assert made["lower"].null_count() == made["upper"].null_count() == shown.height


def test_a_share_needs_ten_persons_that_it_leaves_out_and_a_median_twenty(scene) -> None:
    figures, _, shown = scene
    for one in EXTENDED:
        if one.kind == "ratio" and len(one.numerator) == len(one.denominator) == 1:
            above, below = one.numerator[0][0], one.denominator[0][0]
        elif one.kind == "incidence":
            event = one.numerator[0][0].removeprefix("first_")
            above, below = f"{event}_by_{int(one.scale)}", f"observed_{int(one.scale)}"
        else:
            continue
        for year in figures.years:
            if (above, "all", year) not in figures.counts:
                continue
            rest = figures.counts[below, "all", year] - figures.counts[above, "all", year]
            own = shown.filter(indicator=one.code, period=str(year))["value"].is_not_null().to_numpy()
            assert (rest[own] >= 10 - NOISE_BOUND).all()
    for code, measures in BEHIND.items():
        for year in figures.years:
            own = shown.filter(indicator=code, period=str(year))["value"].is_not_null().to_numpy()
            for measure in measures:
                if measure != "paid_nationals":
                    assert (figures.counts[measure, "all", year][own] >= 20).all()


def test_the_same_release_twice_is_the_same(scene) -> None:
    _, raw, shown = scene
    channels = build_channels(population(900, 4), WINDOW)
    breakdowns = breakdowns_of(channels, describe_persons(channels), ALL_BREAKDOWNS)
    made = cells_from(cells_of(channels, breakdowns, "series", count=count_extended)[0])
    noise = made.perturbation(EPOCH)
    again = protect(made.figures, noise=noise, keys=made.keys, indicators=EVERY_INDICATOR, raw=raw)
    assert again.equals(shown)
    without = protect(
        replace(made.figures, known_medians={}), noise=noise, keys=made.keys, indicators=EVERY_INDICATOR, raw=raw
    )
    assert "pay_gap" not in set(without["indicator"])  # what the figures lack is left out, not made up


@pytest.mark.parametrize(("employers", "unsafe"), [(6, False), (1, True), (0, True)])
def test_a_pay_gap_that_an_employer_dominates_is_closed(employers: int, unsafe: bool) -> None:
    people = [
        person(months="2020-12", nationality=nationality, born=1980) for nationality in ("SEN",) * 30 + ("MAR",) * 30
    ]
    registers = linked(*people)
    own = registers.events["social_security"]
    names = [f"e{n % employers}" if employers else None for n in range(own.height)]
    paid = own.with_columns(
        pl.lit("26").alias("days"), pl.lit("400000").alias("pay_centimes"), pl.Series("employer_no", names, pl.String)
    )
    channels = build_channels(replace(registers, events={**registers.events, "social_security": paid}), WINDOW)
    closed = dominated_pay(channels, breakdowns_of(channels, describe_persons(channels), ALL_BREAKDOWNS), 2020)
    assert closed[0] == unsafe
