"""On a synthetic country whose links miss some contracts, the estimated parts of the gap are near the true ones."""

import numpy as np
import pytest

from evaluation.reference.gap import true_parts
from evaluation.reference.histories import histories
from evaluation.synthetic.country import generate
from tests.evaluation.test_reference_equality import linked_registers
from trajectories.breakdowns import breakdowns_of
from trajectories.channels import build_channels
from trajectories.gap import decompose_gap
from trajectories.measures import count_extended
from trajectories.persons import describe_persons
from trajectories.tables import Window


@pytest.mark.parametrize("missed", [0.0, 0.12])
def test_parts_lie_within_five_points_of_the_truth(missed: float) -> None:
    country = generate(3000, seed=3)
    window = Window(country.settings.start, country.settings.end)
    registers = {name: (register.identity, register.events) for name, register in country.registers.items()}
    exact: dict[str, dict[str, str]] = {name: {} for name in registers}
    for register, record, entity in country.truth().iter_rows():
        exact[register][record] = entity
    # A missed link: the insured numbers of a person are apart from all else.
    rng = np.random.default_rng(1)
    people = sorted(set(exact["social_security"].values()))
    lost = {name for name, draw in zip(people, rng.random(len(people)), strict=True) if draw < missed}
    seen = {name: dict(own) for name, own in exact.items()}
    seen["social_security"] = {
        record: f"{entity}/lost" if entity in lost else entity for record, entity in exact["social_security"].items()
    }

    channels = build_channels(linked_registers(registers, seen, window), window)
    figures = count_extended(channels, breakdowns_of(channels, describe_persons(channels)))
    estimated = decompose_gap(figures, 1 - missed).filter(category="total", period="2023")
    truth = histories(registers, exact, window.start, window.end)
    found = histories(registers, seen, window.start, window.end)
    parts = true_parts(found, truth, {name: name.removesuffix("/lost") for name in found}, 2023)
    total = sum(parts.values())
    assert total == round(estimated["persons"].sum())
    assert estimated["share"].sum() == pytest.approx(1.0)
    for part, share in estimated.select("part", "share").iter_rows():
        assert share == pytest.approx(parts[part] / total, abs=0.05 if missed else 1e-9), part
