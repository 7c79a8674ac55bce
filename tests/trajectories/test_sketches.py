"""Sketches tell populations that are nearly the same, and protected releases are functions of perturbed counts."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.errors import InputError, IntegrityError
from tests.trajectories.builders import WINDOW, linked, person
from trajectories.breakdowns import breakdowns_of
from trajectories.channels import build_channels
from trajectories.disclosure import THRESHOLD, PopulationSketch, cells_from, cells_of, protect
from trajectories.disclosure.cell_keys import NOISE_BOUND, epoch_key, record_keys
from trajectories.persons import describe_persons

KEYS = record_keys((f"p{number}" for number in range(5000)), "series")
EPOCH = epoch_key(b"s" * 32, "series", "1")


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 40), st.integers(100, 3000))
def test_few_persons_of_difference_are_seen(fewer: int, size: int) -> None:
    whole, part = PopulationSketch.of(KEYS[:size]), PopulationSketch.of(KEYS[fewer:size])
    assert abs(whole.differing(part) - fewer) <= 4
    if fewer == 0 or fewer > 14:
        assert not whole.too_alike(part, threshold=THRESHOLD)
    if 0 < fewer < THRESHOLD:
        assert whole.too_alike(part, threshold=THRESHOLD)
        assert part.too_alike(whole, threshold=THRESHOLD)


def test_one_person_exchanged_and_two_halves_are_seen() -> None:
    one, other = PopulationSketch.of(KEYS[:1000]), PopulationSketch.of(np.append(KEYS[:999], KEYS[2000]))
    assert one.too_alike(other, threshold=THRESHOLD)
    halves = [("women", PopulationSketch.of(KEYS[:400])), ("men", PopulationSketch.of(KEYS[400:997]))]
    assert one.alike_among(halves, THRESHOLD) == ["women + men"]
    assert one.alike_among([("others", PopulationSketch.of(KEYS[1000:2000]))], THRESHOLD) == []
    again = PopulationSketch.from_bytes(one.to_bytes())
    assert again.differing(one) == 0
    assert again.persons == 1000
    for broken in (b"", one.to_bytes()[:-3], b"x\x9c"):
        with pytest.raises(IntegrityError):
            PopulationSketch.from_bytes(broken)


def crowd(count: int, skip: int | None = None) -> object:
    people = [
        person(months="2021-12 2022-12", contracts=[("2021-01-01", "2022-12-31")] if n % 3 else [], sex="FM"[n % 2])
        for n in range(count)
    ]
    return linked(*(one for n, one in enumerate(people) if n != skip))


def cells(registers: object):
    channels = build_channels(registers, WINDOW)
    return cells_of(channels, breakdowns_of(channels, describe_persons(channels)), "series")


def test_a_release_is_made_from_cells_with_keys() -> None:
    frame, sketch = cells(crowd(90))
    made = cells_from(frame)
    assert sketch.persons == 90
    assert int(made.figures.population[0]) == 90
    noise = made.perturbation(EPOCH)
    table = protect(made.figures, noise=noise, keys=made.keys)
    assert table.equals(protect(made.figures, noise=noise, keys=made.keys))
    raw = {
        (measure, residence, str(year), *category): int(count)
        for (measure, residence, year), counts in made.figures.counts.items()
        for category, count in zip(made.figures.categories, counts, strict=True)
    }
    shown = table.drop_nulls("value").filter(indicator="workers_insured")
    assert shown.height
    moved = 0
    for row in shown.iter_rows(named=True):
        count = raw[row["indicator"], row["residence"], row["period"], row["breakdown"], row["category"]]
        assert abs(row["value"] - count) <= NOISE_BOUND
        assert count >= THRESHOLD or row["value"] == 0  # nobody of the population is in the category
        moved += row["value"] != count
    assert moved
    # Women with and without a contract are different persons, but the same cell has the same number everywhere.
    equal = table.filter(category="F", breakdown="sex", indicator="workers_insured", period="2022")
    assert equal["value"].n_unique() == 1
    with pytest.raises(InputError):
        protect(made.figures, noise=noise)
    with pytest.raises(InputError):
        cells_from(frame.drop("key"))


def test_one_record_less_of_the_same_persons_is_another_population() -> None:
    people = [person(months="2021-12 2022-12") for _ in range(50)]
    changed = [person(months="2021-12"), *people[1:]]
    one, other = (cells(linked(*who)) for who in (people, changed))
    assert one[1].persons == other[1].persons
    assert one[1].differing(other[1]) == 2
    assert one[1].too_alike(other[1], threshold=THRESHOLD)
    assert cells_from(one[0]).population_key != cells_from(other[0]).population_key


def test_one_person_less_redraws_every_cell() -> None:
    tables = []
    for registers in (crowd(600), crowd(600, skip=7)):
        made = cells_from(cells(registers)[0])
        tables.append(protect(made.figures, noise=made.perturbation(EPOCH), keys=made.keys))
    both = tables[0].join(tables[1], on=["indicator", "residence", "period", "breakdown", "category"])
    counts = both.filter(breakdown="sex", category="F").drop_nulls(["value", "value_right"])
    assert (counts["value"] != counts["value_right"]).any()  # the person who left is a man
