"""Corrected figures: as the links' when nothing is missed, additive, nearer to the truth; protected like them."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from contract.errors import InputError
from tests.trajectories.builders import WINDOW
from tests.trajectories.test_uncertainty import population
from trajectories.breakdowns import ALL_BREAKDOWNS, REFERENCE_BREAKDOWNS, breakdowns_of
from trajectories.channels import Channels, build_channels, channels_of
from trajectories.correction import corrected, corrected_table, corrections_of, with_missed
from trajectories.definitions import INDICATORS, PUBLISHED_COLUMNS
from trajectories.disclosure import cells_from, cells_of, protect
from trajectories.disclosure.cell_keys import NOISE_BOUND, NOISE_VARIANCE, Perturbation, epoch_key
from trajectories.exports import indicators_csv
from trajectories.exports.sdmx import sdmx_csv
from trajectories.extended import EVERY_INDICATOR
from trajectories.figures import Figures, count_figures
from trajectories.measures import count_extended
from trajectories.persons import describe_persons
from trajectories.tables import REFERENCE
from trajectories.uncertainty import LinkageDraws, counter, figures_of_draws
from trajectories.values import table_of, values_of

EPOCH = epoch_key(b"s" * 32, "series", "1")
KEYS = ["indicator", "residence", "period", "breakdown", "category"]
DRAWS = 20
COUNT = counter(count_extended, ALL_BREAKDOWNS)


def by_labels(channels: Channels, label: np.ndarray) -> Channels:
    names, position = np.unique(label, return_inverse=True)
    persons = pl.DataFrame({"person": np.arange(len(names))}).with_columns(person_id=pl.col("person").cast(pl.String))
    return channels_of(channels.events, persons, position.astype(np.int64), WINDOW, REFERENCE)


@pytest.fixture(scope="module")
def scene() -> tuple[Channels, Figures, Figures, dict]:
    """Return a population that lost a fifth of its social security links: channels and figures of the links, true
    figures, and the corrections by draws that let as many of the found ones stand alone."""
    rng = np.random.default_rng(11)
    true = build_channels(population(2400, 4), WINDOW)
    owner = true.person_of_record
    lost = np.flatnonzero(
        (true.events.records["register"].to_numpy() == "social_security") & (rng.random(len(owner)) < 0.2)
    )
    point = owner.copy()
    point[lost] = len(owner) + lost
    seen = by_labels(true, point)
    of_register = true.events.records["register"].to_numpy() == "social_security"
    found = np.setdiff1d(np.flatnonzero(of_register), lost)
    rows = [
        (draw, int(s), 2 * len(owner) + int(s)) for draw in range(DRAWS) for s in rng.permutation(found)[: len(lost)]
    ]
    table = pl.DataFrame(rows, schema=dict.fromkeys(("draw", "subject", "person"), pl.Int64), orient="row")
    links = LinkageDraws(DRAWS, table, point, np.arange(len(owner)))
    figures = COUNT(seen)
    return seen, figures, COUNT(true), corrections_of(figures, figures_of_draws(seen.events, seen, links, COUNT))


@pytest.fixture(scope="module")
def published(scene) -> pl.DataFrame:
    channels, figures, _, corrections = scene
    breakdowns = breakdowns_of(channels, describe_persons(channels), ALL_BREAKDOWNS)
    cells, _ = cells_of(channels, breakdowns, "series", figures=figures, count=count_extended, corrections=corrections)
    made = cells_from(cells)
    links = table_of(figures, EVERY_INDICATOR, *[values_of(figures, EVERY_INDICATOR)] * 3)
    return protect(
        made.figures,
        noise=made.perturbation(EPOCH),
        keys=made.keys,
        indicators=EVERY_INDICATOR,
        raw=corrected_table(figures, corrections, EVERY_INDICATOR, links),
        corrections=made.corrections,
    )


def test_corrected_figures_are_nearer_to_the_truth(scene) -> None:
    _, figures, true, corrections = scene
    for key in (("workers_both", "all", 2021), ("gap_total", "all", 2021), ("workers_union", "all", 2020)):
        linked, truth, now = (one.counts[key][0] for one in (figures, true, corrected(figures, corrections)))
        assert linked != truth
        assert abs(now - truth) < abs(linked - truth) / 4


def test_what_adds_up_by_the_links_adds_up_corrected(scene) -> None:
    _, figures, _, corrections = scene
    counts = corrected(figures, corrections).counts
    for year in figures.years:
        for side, other in (
            (("workers_insured", "workers_authorised"), ("workers_both", "workers_union")),
            (("gap_exempt", "gap_expired", "gap_none", "workers_both"), ("workers_insured",)),
            (("gap_exempt", "gap_expired", "gap_other_permit", "gap_residual"), ("gap_total",)),
        ):
            left, right = (sum(counts[name, "all", year] for name in names) for names in (side, other))
            assert left == pytest.approx(right)
        if year > figures.years[0]:  # categories that nobody leaves
            static = [place for place, (name, _) in enumerate(figures.categories) if name in REFERENCE_BREAKDOWNS]
            before, stock = (counts["resident_stock", "12_16", one][static] for one in (year - 1, year))
            inflow, outflow = (counts[name, "12_16", year][static] for name in ("inflow", "outflow"))
            assert before + inflow == pytest.approx(stock + outflow)
        sexes = [place for place, (name, _) in enumerate(figures.categories) if name == "sex"]
        row = counts["workers_both", "all", year]
        assert row[sexes].sum() == pytest.approx(row[0])


def test_doubtful_and_missed_links_add_up(scene) -> None:
    _, figures, _, _ = scene
    less = replace(figures, counts={key: row * 2 for key, row in figures.counts.items()})
    (both,) = with_missed(figures, iter([less]), [figures])
    assert all((both.counts[key] == row).all() for key, row in less.counts.items())
    (none,) = with_missed(figures, iter([figures]), [less])
    assert all((row == 0).all() for row in none.counts.values())  # figures + figures - 2 figures
    (never,) = with_missed(figures, iter([none]), [less])
    assert all((row == 0).all() for row in never.counts.values())  # nothing below 0
    assert all((row >= 0).all() for row in never.histograms.values())
    with pytest.raises(ValueError, match="shorter"):
        list(with_missed(figures, iter([figures, figures]), [figures]))


def test_without_missed_links_nothing_is_corrected(scene) -> None:
    _, figures, _, _ = scene
    nothing = corrections_of(figures, iter([figures] * 3))
    assert not any(row.any() for row in nothing.values())
    table = table_of(figures, EVERY_INDICATOR, values_of(figures, EVERY_INDICATOR))
    found = corrected_table(figures, nothing, EVERY_INDICATOR, table)
    assert found["value"].equals(table["value"], null_equal=True)
    assert found["linked"].equals(table["value"], null_equal=True)
    with pytest.raises(InputError, match="at least one draw"):
        corrections_of(figures, iter([]))


def test_the_interval_holds_both(scene) -> None:
    _, figures, _, corrections = scene
    links = table_of(figures, EVERY_INDICATOR, *[values_of(figures, EVERY_INDICATOR)] * 3)
    table = corrected_table(figures, corrections, EVERY_INDICATOR, links).drop_nulls("linked")
    outside = (pl.col("lower") > pl.min_horizontal("value", "linked")) | (
        pl.col("upper") < pl.max_horizontal("value", "linked")
    )
    assert table.filter(outside).is_empty()
    row = table.filter(indicator="workers_both", residence="all", period="2021", breakdown="total").row(0, named=True)
    assert row["lower"] == row["linked"] < row["value"]
    assert row["upper"] == row["value"]  # draws without any spread
    assert table.filter(pl.col("indicator") == "workers_both")["lower"].min() >= 0


def test_a_release_shows_both_or_neither_each_with_noise(scene, published: pl.DataFrame) -> None:
    _, figures, _, corrections = scene
    assert tuple(published.columns) == PUBLISHED_COLUMNS
    assert (published["value"].is_null() == published["linked"].is_null()).all()
    codes = [one.code for one in EVERY_INDICATOR if one.kind == "count" and one.code != "net_migration"]
    shown = published.filter(pl.col("indicator").is_in(codes)).drop_nulls("value")
    place = {category: number for number, category in enumerate(figures.categories)}
    moved, noises = 0, []
    for row in shown.iter_rows(named=True):
        key, at = (row["indicator"], row["residence"], int(row["period"])), place[row["breakdown"], row["category"]]
        if figures.counts[key][at]:
            noises.append(row["value"] - row["linked"] - np.rint(corrections[key][at]))
            assert min(row["value"], row["linked"]) >= 10
            moved += row["value"] != row["linked"]
    assert moved > 20
    # a correction is perturbed as a count is: nobody reads from it who was all but lost
    assert np.abs(noises).max() <= NOISE_BOUND
    assert np.var(noises) == pytest.approx(NOISE_VARIANCE, rel=0.3)
    for column in ("value", "linked"):
        assert (published["lower"] <= published[column]).drop_nulls().all()
        assert (published[column] <= published["upper"]).drop_nulls().all()


def test_another_correction_of_the_same_persons_is_other_noise_everywhere(scene, published: pl.DataFrame) -> None:
    channels, figures, _, corrections = scene
    breakdowns = breakdowns_of(channels, describe_persons(channels), ALL_BREAKDOWNS)
    made = cells_from(cells_of(channels, breakdowns, "series", figures=figures, count=count_extended)[0])
    seen = []
    for change in (0.0, 1.0):  # of one cell, as if one more person of hers were all but lost
        moved = {key: row.copy() for key, row in corrections.items()}
        moved["workers_insured", "all", 2022][0] += change
        table = protect(made.figures, noise=made.perturbation(EPOCH), keys=made.keys, corrections=moved)
        seen.append(
            table.filter(pl.col("indicator") == "resident_stock").select(
                *KEYS, moved=pl.col("value") - pl.col("linked"), n="linked"
            )
        )
    both = seen[0].join(seen[1], on=KEYS).drop_nulls().filter(pl.col("n") > 0)
    assert both.height > 20
    assert (both["moved"] != both["moved_right"]).mean() > 0.7


def test_a_correction_below_the_threshold_closes_the_cell_and_its_complement(scene) -> None:
    channels, figures, _, _ = scene
    breakdowns = breakdowns_of(channels, describe_persons(channels), ALL_BREAKDOWNS)
    made = cells_from(cells_of(channels, breakdowns, "series", figures=figures, count=count_extended)[0])
    key, woman = ("workers_insured", "all", 2022), figures.categories.index(("sex", "F"))
    less = {name: np.zeros(len(row)) for name, row in figures.counts.items()}
    shown = []
    for change in (0.0, 12.0 - float(figures.counts[key][woman])):
        less[key][woman] = change
        table = protect(made.figures, noise=made.perturbation(EPOCH), keys=made.keys, corrections=less)
        rows = table.filter(indicator="workers_insured", residence="all", period="2022", breakdown="sex")
        shown.append(rows.filter(pl.col("category").is_in(["F", "M"]))["linked"].to_list())
    assert None not in shown[0]
    assert shown[1] == [None, None]


def test_a_corrected_count_below_ten_is_never_shown(scene) -> None:
    channels, _, _, _ = scene
    breakdowns = breakdowns_of(channels, describe_persons(channels), REFERENCE_BREAKDOWNS)
    counted = count_figures(channels, breakdowns)
    made = cells_from(cells_of(channels, breakdowns, "series", figures=counted)[0])
    key, woman = ("workers_insured", "all", 2022), counted.categories.index(("sex", "F"))
    few = replace(made.figures, counts={name: row for name, row in counted.counts.items() if name[0] == key[0]})
    moves = {name: np.zeros(len(row)) for name, row in few.counts.items()}
    only = [one for one in INDICATORS if one.code == key[0]]
    assert counted.counts[key][woman] > 40
    moves[key][woman] = 9.0 - counted.counts[key][woman]
    for number in range(200):
        noise = Perturbation(epoch_key(b"s" * 32, "series", str(number)), made.population_key)
        table = protect(few, noise=noise, keys=made.keys, indicators=only, corrections=moves)
        cell = table.filter(indicator=key[0], residence=key[1], period="2022", breakdown="sex", category="F")
        assert cell["value"].item() is None


def test_cells_of_a_version_without_corrections_are_released_as_they_were(scene) -> None:
    channels, figures, _, corrections = scene
    breakdowns = breakdowns_of(channels, describe_persons(channels), ALL_BREAKDOWNS)
    frame = cells_of(channels, breakdowns, "s", figures=figures, count=count_extended, corrections=corrections)[0]
    old = cells_from(frame.drop("correction"))
    assert old.corrections is None
    table = protect(old.figures, noise=old.perturbation(EPOCH), keys=old.keys, corrections=old.corrections)
    assert "linked" not in table.columns
    assert table["value"].drop_nulls().len() > 100


def test_exports_carry_the_figure_of_the_links(published: pl.DataFrame) -> None:
    assert indicators_csv(published).decode().splitlines()[0].endswith("protected,linked")
    rows = sdmx_csv(published).decode().splitlines()
    assert rows[0].endswith("LOWER,UPPER,LINKED")
    assert len(rows) == published.height + 1
