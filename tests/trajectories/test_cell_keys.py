"""Cell-key perturbation: always the same, unbiased, bounded; what a difference of two tables gives away."""

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.errors import InputError
from trajectories.disclosure.cell_keys import (
    NOISE_BOUND,
    NOISE_VARIANCE,
    Perturbation,
    correction_stream,
    epoch_key,
    noise_distribution,
    noise_table,
    record_keys,
)
from trajectories.disclosure.cubes import protect_cube, with_margins
from trajectories.disclosure.magnitudes import unsafe_magnitudes

EPOCH = epoch_key(b"s" * 32, "series", "1")
VALUES = np.arange(-NOISE_BOUND, NOISE_BOUND + 1)


def keys_of(count: int, start: int = 0) -> np.ndarray:
    return record_keys((f"p{number}" for number in range(start, start + count)), "series")


def test_every_row_of_the_table_is_unbiased_bounded_and_keeps_counts_positive() -> None:
    rows = noise_distribution()
    assert (rows.sum(axis=1) == 1 << 16).all()
    assert (rows @ VALUES == 0).all()
    for count, row in enumerate(rows):
        assert (row >= 0).all()
        assert (row[-count > VALUES] == 0).all()
        wanted = NOISE_VARIANCE if count else 0.0
        assert row @ VALUES**2 / (1 << 16) == pytest.approx(wanted, abs=0.01)
    assert (noise_table()[0] == 0).all()
    with pytest.raises(InputError):
        noise_distribution(2, 9.0)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, 40), min_size=1, max_size=30), st.integers(0, 2**32 - 1))
def test_noise_depends_on_cell_population_and_epoch_alone(counts: list[int], population: int) -> None:
    numbers, keys = np.array(counts), keys_of(len(counts))
    one = Perturbation(EPOCH, population)
    seen = one.perturbed(numbers, keys)
    assert (seen == Perturbation(EPOCH, population).perturbed(numbers, keys)).all()
    backwards = one.perturbed(numbers[::-1], keys[::-1])
    assert (backwards[::-1] == seen).all()
    assert (np.abs(seen - numbers) <= NOISE_BOUND).all()
    assert (seen >= 0).all()
    assert (seen[numbers == 0] == 0).all()


def test_another_epoch_or_population_is_other_noise_and_the_mean_is_the_count() -> None:
    numbers, keys = np.full(40_000, 25), keys_of(40_000)
    one = Perturbation(EPOCH, 7).noise(numbers, keys)
    assert abs(one.mean()) < 5 * np.sqrt(NOISE_VARIANCE / len(one))
    for other in (Perturbation(EPOCH, 8), Perturbation(epoch_key(b"s" * 32, "series", "2"), 7)):
        assert abs(np.corrcoef(one, other.noise(numbers, keys))[0, 1]) < 0.03
    assert "key=" not in repr(Perturbation(EPOCH, 7)).replace("population_key=", "")


def test_bad_input_is_refused() -> None:
    noise = Perturbation(EPOCH, 1)
    with pytest.raises(InputError, match="shape"):
        noise.noise(np.array([1, 2]), np.array([1]))
    with pytest.raises(InputError, match="negative"):
        noise.noise(np.array([-1]), np.array([1]))
    with pytest.raises(InputError, match="variables"):
        protect_cube(np.zeros((2,) * 5, dtype=np.int64), np.zeros((2,) * 5, dtype=np.int64), noise)


def test_drill_two_tables_that_differ_by_one_person() -> None:
    """10 000 pairs of tables: the attacker knows mechanism and everybody else, not the target's category.

    Two categories; the target is in one of them. The Bayes-optimal guess from both tables' differences must be right no
    more often than the noise allows: 1/2 + TV/2, TV the total variation between both categories' difference
    distributions as the p-table states them.
    """
    pairs, size = 10_000, 60
    rng = np.random.default_rng(5)
    keys = keys_of(pairs * size).reshape(pairs, size)
    category = rng.integers(0, 2, (pairs, size))
    category[:, 1:21], category[:, 21:41] = 0, 1  # 20 persons or more in each: one row of the p-table
    truth = category[:, 0]  # the target's
    seen = np.empty((2, pairs, 2), dtype=np.int64)
    for without in (0, 1):
        for number in range(pairs):
            own, where = keys[number, without:], category[number, without:]
            noise = Perturbation(EPOCH, int(own.sum()))
            sums = np.array([own[where == 0].sum(), own[where == 1].sum()])
            seen[without, number] = noise.perturbed(np.bincount(where, minlength=2), sums)
    difference = seen[0] - seen[1]

    row = noise_distribution()[NOISE_BOUND] / (1 << 16)
    stated = np.convolve(row, row[::-1])  # of two independent draws, -8..8
    span = 2 * NOISE_BOUND

    def probability(value: np.ndarray) -> np.ndarray:
        return np.where(np.abs(value) <= span, stated[np.clip(value + span, 0, 2 * span)], 0.0)

    # The target's category moves by one, the other by nothing; both with the stated noise.
    affected, other = difference[np.arange(pairs), truth] - 1, difference[np.arange(pairs), 1 - truth]
    for sample in (affected, other):
        observed = np.bincount(sample + span, minlength=2 * span + 1)
        expected = stated * pairs
        large = expected > 5
        assert ((observed - expected)[large] ** 2 / expected[large]).sum() < 2.5 * large.sum()

    likelihood = [probability(difference[:, c] - 1) * probability(difference[:, 1 - c]) for c in (0, 1)]
    posterior = likelihood[1] / (likelihood[0] + likelihood[1])
    right = ((posterior > 0.5) == truth).mean()
    grid = np.arange(-span - 1, span + 2)
    joint = np.outer(probability(grid - 1), probability(grid))
    total_variation = np.abs(joint - joint.T).sum() / 2
    ceiling = 0.5 + total_variation / 2
    assert right < ceiling + 3 * np.sqrt(0.25 / pairs)
    # What he believes is as often true as he believes it: there is nothing else in the tables.
    for low, high in ((0.1, 0.3), (0.3, 0.5), (0.5, 0.7), (0.7, 0.9)):
        band = (posterior > low) & (posterior <= high)
        assert abs(truth[band].mean() - posterior[band].mean()) < 0.05

    # The same attack on cell keys alone names the category that moved.
    plain = Perturbation(EPOCH, 0)
    both = []
    for without in (0, 1):
        where, own = category[:, without:], keys[:, without:]
        counts = np.stack([(where == c).sum(axis=1) for c in (0, 1)], axis=1)
        sums = np.stack([np.where(where == c, own, 0).sum(axis=1) for c in (0, 1)], axis=1)
        both.append(plain.perturbed(counts, sums))
    moved = both[0] - both[1]
    assert (moved[np.arange(pairs), 1 - truth] == 0).all()
    assert (moved[np.arange(pairs), truth] != 0).mean() > 0.8


def test_drill_of_corrections_that_one_person_moves() -> None:
    """The same attack where the target was all but lost: the correction of the target's category moves by one too.

    A correction without noise would name the category; with its own noise it tells as much as a count does.
    """
    pairs, size = 10_000, 60
    rng = np.random.default_rng(6)
    keys = keys_of(pairs * size).reshape(pairs, size)
    category = rng.integers(0, 2, (pairs, size))
    category[:, 1:21], category[:, 21:41] = 0, 1
    truth = category[:, 0]
    difference = np.zeros((2, pairs, 2), dtype=np.int64)  # of counts, of corrections
    for without, sign in ((0, 1), (1, -1)):
        for number in range(pairs):
            own, where = keys[number, without:], category[number, without:]
            counts = np.bincount(where, minlength=2)
            sums = np.array([own[where == 0].sum(), own[where == 1].sum()])
            noise = Perturbation(EPOCH, int(own.sum()))
            lost = np.array([3, 3])
            lost[truth[number]] += 1 - without
            difference[0, number] += sign * noise.perturbed(counts, sums)
            stream = correction_stream({"cell": lost})
            difference[1, number] += sign * (lost + noise.noise(counts, sums, stream))
    row = noise_distribution()[NOISE_BOUND] / (1 << 16)
    stated, span = np.convolve(row, row[::-1]), 2 * NOISE_BOUND

    def probability(value: np.ndarray) -> np.ndarray:
        return np.where(np.abs(value) <= span, stated[np.clip(value + span, 0, 2 * span)], 0.0)

    likelihood = [
        np.prod([probability(one[:, c] - 1) * probability(one[:, 1 - c]) for one in difference], axis=0) for c in (0, 1)
    ]
    right = ((likelihood[1] > likelihood[0]) == truth).mean()
    grid = np.arange(-span - 1, span + 2)
    joint = np.outer(probability(grid - 1), probability(grid))
    both = np.einsum("ab,cd->abcd", joint, joint)  # counts and corrections of two categories
    ceiling = 0.5 + np.abs(both - both.transpose(1, 0, 3, 2)).sum() / 4
    assert 0.6 < right < ceiling + 3 * np.sqrt(0.25 / pairs)
    assert ceiling < 0.67
    own, other = difference[1][np.arange(pairs), truth] - 1, difference[1][np.arange(pairs), 1 - truth]
    related = np.corrcoef(difference[0].ravel(), difference[1].ravel())[0, 1]
    assert abs(related) < 0.08  # of independent noises: both move by the target
    for sample in (own, other):
        expected = stated * pairs
        large = expected > 5
        observed = np.bincount(sample + span, minlength=2 * span + 1)
        assert ((observed - expected)[large] ** 2 / expected[large]).sum() < 2.5 * large.sum()


def test_a_table_of_a_million_cells_takes_seconds() -> None:
    rng = np.random.default_rng(1)
    shape = (100, 100, 100)
    counts = rng.poisson(12, shape).astype(np.int64)
    keys = rng.integers(0, 1 << 32, shape)
    before = time.process_time()
    made = protect_cube(counts, keys, Perturbation(EPOCH, 3))
    assert time.process_time() - before < 12
    assert made.counts.shape == (101, 101, 101)
    truth = with_margins(counts)
    assert truth[made.shown].min() >= 10  # every category has persons: no structural zero
    assert (np.abs(made.counts - truth) <= NOISE_BOUND).all()


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(2, 5), st.integers(1, 4), st.integers(2, 60))
def test_no_small_complement_follows_from_a_protected_table(seed: int, rows: int, columns: int, largest: int) -> None:
    rng = np.random.default_rng(seed)
    counts = rng.integers(0, largest, (rows, columns))
    counts[:, 0] += 1
    counts[0, :] += 1  # no structural zero
    made = protect_cube(counts, rng.integers(0, 1 << 32, counts.shape), Perturbation(EPOCH, seed))
    assert (with_margins(counts)[made.shown] >= 10).all()
    for axis in (0, 1):
        seen = np.moveaxis(made.counts, axis, -1).reshape(-1, made.counts.shape[axis])
        open_ = np.moveaxis(made.shown, axis, -1).reshape(seen.shape)
        for line, shown in zip(seen, open_, strict=True):
            closed = ~shown[:-1]
            if shown[-1] and closed.any():
                assert closed.sum() > 1
                assert line[:-1][closed].sum() >= 10 + NOISE_BOUND
            if not shown[-1]:
                assert closed.any()


def test_dominance_rules_of_magnitudes() -> None:
    def verdict(amounts: list[float], persons: int = 12) -> bool:
        count = len(amounts) * persons
        contributor = np.repeat(np.arange(len(amounts)), persons)
        amount = np.repeat(np.array(amounts) / persons, persons)
        cell = np.ones(count, dtype=np.int64)
        return bool(unsafe_magnitudes(cell, np.arange(count), contributor, amount, 2)[1])

    assert not verdict([40, 30, 20, 10])
    assert verdict([40, 30])  # two employers
    assert verdict([40, 30, 20], persons=3)  # nine persons
    assert verdict([60, 35, 3, 2])  # two hold 95 %
    assert verdict([80, 4, 4, 2])  # the rest is under 10 % of the largest
    assert not verdict([50, 20, 15, 15])
    empty = np.zeros(0, dtype=np.int64)
    assert unsafe_magnitudes(empty, empty, empty, empty.astype(float), 2).all()
    with pytest.raises(InputError):
        unsafe_magnitudes(np.array([2]), np.array([0]), np.array([0]), np.array([1.0]), 2)
