"""m by pair of registers: own shares where the data differ, those of all where they do not."""

import numpy as np
import pytest

from contract.agreement import PassTerms
from linkage.edges import ComparedPairs, edges_of
from linkage.em import fit
from linkage.errors import PatternError
from linkage.model import Model
from linkage.patterns import PatternCounts
from linkage.register_pairs import differing
from tests.linkage.conftest import plan_for

FIELDS = ("given_names", "family_name", "birth_date", "sex", "email")
PLAN = plan_for(
    {"a": "one", "b": "one", "c": "one"}, fields=FIELDS, passes=(PassTerms(name="code", levels=(("code:email",),)),)
)
DATE = PLAN.index("birth_date")
PAIRS = ((0, 1), (0, 2), (1, 2))


def counted(differs: float, seed: int = 3, pairs: int = 6000):
    """Draw matches and others of three pairs of registers; a and c differ in birth dates this often."""
    draw = np.random.default_rng(seed)
    parts, matches = [], {}
    for a, b in PAIRS:
        match = draw.random(pairs) < 0.5
        levels = np.zeros((pairs, len(PLAN.variables)), dtype=np.int64)
        for at, variable in enumerate(PLAN.variables):
            last = len(variable.levels) - 1
            agree = 4 if variable.kind == "name_part" else 1  # exact and rare, or equal
            wrong = (differs if (a, b) == (0, 2) and at == DATE else 0.08) if variable.name != "order" else 0.01
            apart = np.where(match, draw.random(pairs) < wrong, draw.random(pairs) < 0.9)
            other = 5 if variable.kind in ("birth_date", "name_part") else last  # a trace left, in both classes
            levels[:, at] = np.where(apart, np.where(match, other, last), agree)
        patterns, register = PLAN.pack(levels), np.full(pairs, a, dtype=np.uint16)
        parts.append(PatternCounts.gathered(patterns, register, np.full(pairs, b, np.uint16), np.ones(pairs, np.int64)))
        matches[a, b] = match, patterns
    return {"code": PatternCounts.merge(parts)}, matches


def test_registers_whose_dates_differ_have_an_m_of_their_own() -> None:
    counts, _ = counted(0.5)
    model = fit(counts, PLAN)
    assert model.converged
    assert model.own is not None
    assert model.own.pairs == PAIRS
    equal = {pair: model.m_of("code")[at, 0, DATE, 1] for at, pair in enumerate(PAIRS)}
    assert equal[0, 2] < 0.65
    assert min(equal[0, 1], equal[1, 2]) > 0.85


def test_registers_that_are_alike_share_one_m() -> None:
    model = fit(counted(0.08)[0], PLAN)
    assert model.own is not None
    assert np.array_equal(model.own.m, np.broadcast_to(model.own.m[:1], model.own.m.shape))


def test_pairs_are_weighed_by_their_registers_and_no_pair_exceeds_the_bound() -> None:
    counts, matches = counted(0.5)
    model = fit(counts, PLAN)
    doubtful = PLAN.pack(
        np.array([[5 if at == DATE else (4 if v.kind == "name_part" else 1) for at, v in enumerate(PLAN.variables)]])
    )
    zero, two = np.array([0], np.uint16), np.array([2], np.uint16)
    weights = {}
    for a, b in PAIRS:
        found = ComparedPairs(
            np.array([7], np.uint64), np.array([9], np.uint64), zero + np.uint16(a), zero + np.uint16(b), doubtful
        )
        weights[a, b] = edges_of(PLAN, model, "code", found, 1e-12).column("weight").to_pylist()[0]
    assert weights[0, 2] > weights[0, 1] + 1  # where dates often differ it says less
    assert weights[0, 1] == pytest.approx(weights[1, 2], abs=0.5)
    assert model.own is not None
    assert model.own.places(zero, two).tolist() == model.own.places(two, zero).tolist() == [1]
    assert model.own.places(two, two).tolist() == [-1]
    for (a, b), (match, patterns) in matches.items():
        places = np.full(len(patterns), PAIRS.index((a, b)))
        assert (model.weight("code", patterns, places) <= model.most_weight("code", patterns) + 1e-9).all()
        assert ((model.probability("code", patterns, places) >= 0.5) == match).mean() > 0.99


def test_it_survives_json_bit_for_bit_and_is_checked() -> None:
    counts, matches = counted(0.5)
    model = fit(counts, PLAN)
    again = Model.from_json(model.to_json(), PLAN)
    assert again.to_json() == model.to_json()
    _, patterns = matches[0, 2]
    places = np.ones(len(patterns), dtype=np.int64)
    assert np.array_equal(again.weight("code", patterns, places), model.weight("code", patterns, places))
    assert model.own is not None
    broken = model.own._replace(m=model.own.m[:2])
    with pytest.raises(PatternError):
        Model.from_json(Model(**{**vars(model), "own": broken}).to_json(), PLAN)


def test_the_test_asks_more_of_few_matches() -> None:
    m = np.array([[[0.0, 0.9, 0.1]]])
    used = np.array([[False, True, True]])
    shares = np.array([0.0, 0.7, 0.3])
    found = [bool(differing((number * shares)[None, None, None], m, used)[0, 0]) for number in (50, 500, 5000)]
    assert found == [False, True, True]
