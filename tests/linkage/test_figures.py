"""Figures of the quality report: they add up, and say what the model says."""

from __future__ import annotations

import numpy as np
import pytest

from linkage.compare import count_patterns
from linkage.em import fit
from linkage.figures import (
    LIKELY,
    comparison_figures,
    own_patterns,
    rows_alone,
    score_histogram,
    threshold_curve,
    waterfall,
)
from linkage.loading import load_pass
from linkage.patterns import PatternCounts
from linkage.twins import patterns_of
from tests.linkage.conftest import plan_for, random_tables
from tests.linkage.test_register_pairs import PLAN, counted

FIELDS = ("given_names", "family_name", "birth_date", "sex", "passport_no")


@pytest.fixture(scope="module")
def scene():
    plan = plan_for({"a": "one", "b": "many"}, fields=FIELDS)
    arrays = load_pass(random_tables(plan, 300, 60, seed=4), plan, "names")
    counts = count_patterns(arrays, plan, 0, len(arrays))
    return plan, arrays, counts, fit({"names": counts}, plan)


def test_a_row_with_itself_agrees_on_all_it_has(scene) -> None:
    plan, arrays, _, _ = scene
    own = own_patterns(arrays, plan)
    rows = np.arange(len(arrays))
    assert own.pairs == len(arrays)
    assert set(own.pattern.tolist()) == set(patterns_of(arrays, plan, rows, rows).tolist())
    assert (own.register_a == own.register_b).all()
    last = [len(variable.levels) - 1 for variable in plan.variables if variable.kind != "order"]
    kept = [at for at, variable in enumerate(plan.variables) if variable.kind != "order"]
    assert (plan.levels_of(own.pattern)[:, kept] < last).all()


def test_rows_that_no_block_compares(scene) -> None:
    plan, arrays, _, _ = scene
    expected = [0, 0]
    for row in range(len(arrays)):
        others = [
            other
            for other in range(int(arrays.starts[row]), int(arrays.ends[row]))
            if other != row and (arrays.register[other] != arrays.register[row] or plan.many[arrays.register[row]])
        ]
        expected[arrays.register[row]] += not others
    assert rows_alone(arrays, plan).tolist() == expected
    nothing = load_pass(random_tables(plan, 0, 1, seed=1), plan, "names")
    assert rows_alone(nothing, plan).tolist() == [0, 0]
    assert own_patterns(nothing, plan).pairs == 0


def test_the_steps_of_a_waterfall_end_at_the_probability(scene) -> None:
    _, _, counts, model = scene
    for pattern in counts.pattern[::37]:
        found = waterfall(model, "names", int(pattern))
        total = found["prior"] + sum(step["weight"] for step in found["steps"])
        assert 1 / (1 + 2.0**-total) == pytest.approx(found["probability"], abs=1e-12)
        missing = [step["weight"] for step in found["steps"] if step["level"] == "missing"]
        assert missing == pytest.approx([0] * len(missing), abs=1e-12)


def test_figures_add_up(scene) -> None:
    plan, arrays, counts, model = scene
    own = own_patterns(arrays, plan)
    found = comparison_figures(model, {"names": counts}, {"names": own}, least=10)
    assert sum(found["scores"]["pairs"]) == counts.pairs
    estimated = model.quality["passes"]["names"]["estimated_matches"]
    assert sum(found["scores"]["expected_matches"]) == pytest.approx(estimated)
    curve = found["thresholds"]
    assert [point["links"] for point in curve] == sorted((point["links"] for point in curve), reverse=True)
    (half,) = [point for point in curve if point["threshold"] == LIKELY]
    assert half["links"] == model.quality["passes"]["names"]["estimated_links"]
    assert all(point["precision"] is None or point["precision"] >= point["threshold"] for point in curve)
    assert sum(register["names"]["rows"] for register in found["registers"].values()) == len(arrays)
    assert all(example["pairs"] >= 10 for example in found["masked_pairs"])
    assert found["masked_pairs"]
    for register, passes in found["registers"].items():
        rows = own.register_a == plan.registers.index(register)
        likely = model.probability("names", own.pattern) >= LIKELY
        assert passes["names"]["unlinkable"] == own.count[rows & ~likely].sum()


def test_missed_matches_lower_recall_alone() -> None:
    probability, count = np.array([0.9, 0.3]), np.array([10, 10])
    curve = {point["threshold"]: point for point in threshold_curve(probability, count, missed=3.0)}
    assert curve[0.5] == {"threshold": 0.5, "links": 10, "precision": 0.9, "recall": pytest.approx(9 / 15)}
    assert curve[0.99]["precision"] is None
    nothing = np.empty(0)
    assert threshold_curve(nothing, nothing.astype(np.int64))[0]["recall"] is None
    assert score_histogram(nothing, nothing.astype(np.int64), nothing)["pairs"] == []


def test_nothing_compared_is_no_error(scene) -> None:
    _, _, _, model = scene
    found = comparison_figures(model, {}, {}, least=10)
    assert found["registers"] == {}
    assert found["masked_pairs"] == []
    assert comparison_figures(model, {"names": PatternCounts.empty()}, {}, 10)["scores"]["pairs"] == []


def test_pairs_and_records_are_weighed_by_their_registers() -> None:
    counts, _ = counted(0.5)
    model = fit(counts, PLAN)
    assert model.own is not None
    held = counts["code"]
    places = model.own.places(held.register_a, held.register_b)
    expected = float((held.count * model.probability("code", held.pattern, places)).sum())
    found = comparison_figures(model, counts, {}, least=1)
    assert sum(found["scores"]["expected_matches"]) == pytest.approx(expected)
    assert expected != pytest.approx(float((held.count * model.probability("code", held.pattern)).sum()), rel=1e-6)
    for one in found["masked_pairs"]:
        total = one["prior"] + sum(step["weight"] for step in one["steps"])
        assert 1 / (1 + 2.0**-total) == pytest.approx(one["probability"], abs=1e-12)
    # a record that disagrees in its date may be linked where dates often differ, and nowhere else
    sizes = np.array([len(variable.levels) for variable in PLAN.variables])
    every = PLAN.pack(np.random.default_rng(1).integers(0, sizes, (20_000, len(sizes))))
    chance = [model.probability("code", every, np.full(len(every), place)) for place in range(3)]
    doubted = every[(chance[1] > LIKELY) & (chance[0] < LIKELY) & (chance[2] < LIKELY)]
    assert len(doubted)
    patterns = np.repeat(doubted[:1], 3)
    register = np.arange(3, dtype=np.uint16)
    own = {"code": PatternCounts.gathered(patterns, register, register, np.ones(3, dtype=np.int64))}
    records = comparison_figures(model, counts, own, least=1)["registers"]
    assert [records[name]["code"]["unlinkable"] for name in "abc"] == [0, 1, 0]
