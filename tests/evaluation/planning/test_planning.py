import numpy as np
import polars as pl
import pytest

from contract.agreement import CapTerms, GateTerms, PassTerms
from contract.errors import InputError
from contract.fields import FieldType
from evaluation.planning.candidates import all_candidates
from evaluation.planning.errors import ErrorRates, view
from evaluation.planning.leakage import AttackedPasses
from evaluation.planning.plan import Question, plan
from evaluation.planning.population import own_persons, synthetic_persons, views
from evaluation.planning.selection import select
from evaluation.planning.simulation import TrueRegister, simulate, true_pairs
from pseudonymisation.blocking.planner import MAX_PASSES, plan_passes
from tests.pseudonymisation.frames import frame, person

FIELDS = ("given_names", "family_name", "birth_date", "sex", "nationality", "passport_no")
NONE = ErrorRates(**dict.fromkeys(ErrorRates().as_dict(), 0.0))
BIRTH = PassTerms(name="birth", levels=(("birth_year", "birth_month", "birth_day"),))
NAMES = PassTerms(name="names", levels=(("skeleton_pair",), ("skeleton_pair", "birth_year")))


def people(*rows):
    return frame(*(person(at, given, family, birth) for at, (given, family, birth) in enumerate(rows)))


def registers(left, right, one=True):
    made = [TrueRegister(name, rows, rows["subject"].to_numpy(), one) for name, rows in (("a", left), ("b", right))]
    return tuple(made)


LEFT = people(("omar", "alami", (1990, 5, 6)), ("fatou", "diop", (1985, 2, 3)), ("ana", "gomez", (1970, 7, 8)))
RIGHT = people(("omar", "alami", (1990, 5, 7)), ("fatou", "diop", (1985, 2, 3)), ("ines", "torres", (1970, 7, 8)))


def test_pairs_meet_where_a_pass_says_so_and_the_union_counts_each_once():
    made = simulate(registers(LEFT, RIGHT), (BIRTH, NAMES), CapTerms())
    assert made.passes["birth"].met.tolist() == [False, True, True]
    assert made.passes["names"].met.tolist() == [True, True, False]
    assert made.completeness(["birth"]) == pytest.approx(2 / 3)
    assert made.completeness(["birth", "names"]) == 1.0


def test_crowded_rows_without_a_refinement_are_withheld_and_rows_without_a_key_are_not():
    twins = people(("omar", "alami", (1990, 5, 6)), ("ali", "alami", (1990, 5, 6)), ("ana", "gomez", (None,) * 3))
    made = simulate(registers(twins, twins), (BIRTH,), CapTerms.model_construct(epsilon=50.0)).passes["birth"]
    assert made.withheld.tolist() == [True, True, False] * 2
    assert made.keyless.tolist() == [False, False, True] * 2
    uncapped = simulate(registers(twins, twins), (BIRTH,), CapTerms(persons_per_key=9)).passes["birth"]
    assert uncapped.companions.tolist() == [2, 2, 0] * 2


def test_pairs_inside_a_register_count_only_where_it_holds_a_person_more_than_once():
    doubled = pl.concat([LEFT, LEFT])
    assert len(true_pairs(registers(doubled, LEFT.head(0)))[0]) == 0
    assert len(true_pairs(registers(doubled, LEFT.head(0), one=False))[0]) == 3


def test_views_without_errors_agree_and_errors_come_at_the_stated_rates():
    persons = synthetic_persons(600, 3)
    one, two = views(persons, {"a": FIELDS, "b": FIELDS}, {}, NONE, 1)
    assert one.identities.equals(two.identities)
    clean = one.identities
    typed = view(
        persons, FIELDS, {}, ErrorRates(**{**NONE.as_dict(), "swap": 0.3, "missing": 0.1}), np.random.default_rng(1)
    )
    swapped = (typed["given"] == clean["family"]) & (typed["given"] != clean["given"])
    assert swapped.mean() == pytest.approx(0.3, abs=0.06)
    assert typed["sex"].null_count() / 600 == pytest.approx(0.1, abs=0.04)
    assert typed["given"].null_count() == 0


def test_a_rate_is_a_share():
    with pytest.raises(InputError, match="typing"):
        ErrorRates(typing=3.0)


def test_own_persons_become_partners_with_their_own_fields():
    own = frame(person(0, "omar", "alami", (1990, 5, 6), passport="AB1234567"), person(0, "umar", "alami", identity=1))
    own = own.with_columns(pl.lit("rabat").alias("text:city"))
    held = ("given_names", "family_name", "birth_date", "passport_no", "city")
    (one, two) = views(own_persons(own), {"mine": held}, {"city": FieldType.TEXT}, NONE, 1)
    assert len(one) == len(two) == 1
    row = one.identities.row(0, named=True)
    assert (row["given"], row["birth_year"], row["passport"], row["text:city"]) == ("omar", 1990, "AB1234567", "rabat")


def test_candidates_begin_with_the_agreed_passes_and_hold_the_planners():
    held = {"a": FIELDS, "b": FIELDS}
    planned = plan_passes(held, {}, 1000)
    found = all_candidates(held, {}, 1000, planned[:2])
    assert found[:2] == planned[:2]
    assert {terms.levels for terms in planned} <= {terms.levels for terms in found}
    assert len({terms.name for terms in found}) == len(found)
    without_dates = {"a": ("given_names", "family_name"), "b": ("given_names", "family_name")}
    parts = {part for terms in all_candidates(without_dates, {}, 100) for level in terms.levels for part in level}
    assert not any(part.startswith("birth") for part in parts)


def test_the_union_counts_a_person_once_and_has_an_interval():
    flags = {"one": np.array([True, True, False, False]), "two": np.array([True, False, True, False])}
    found = AttackedPasses({name: np.ones(4, dtype=bool) for name in flags}, flags, 4)
    assert found.of("one").share == 0.5
    assert found.union(["one", "two"]).share == 0.75
    assert found.union(["one", "two"]).high > 0.75
    assert found.union([]).share == 0.0


def test_the_attack_names_next_to_nobody_where_one_person_has_a_key_value_and_most_where_all_share_one():
    held = {"a": FIELDS, "b": FIELDS}
    crowd = (PassTerms(name="sex", levels=(("sex",),)),)
    loose = plan(Question(held, {}, 80, caps=CapTerms(persons_per_key=1000), agreed=crowd, attacked=40))
    named = {one["name"]: one["leakage"] for one in loose["candidates"]}
    assert named["sex"] > 0.3
    capped = plan(Question(held, {}, 80, agreed=crowd, attacked=40))
    assert {one["name"]: one["leakage"] for one in capped["candidates"]}["sex"] == 0.0


def test_selection_takes_the_greatest_gain_and_keeps_the_bounds():
    made = simulate(registers(LEFT, RIGHT), (BIRTH, NAMES), CapTerms())
    leaks = {"birth": 0.01, "names": 0.02}

    def leakage(names):
        return leaks[names[-1]], sum(leaks[name] for name in names)

    steps, refused = select(made, leakage, pass_bound=0.02, union_bound=0.05, most=16)
    assert [step.name for step in steps] == ["birth", "names"]
    assert steps[-1].completeness == 1.0
    assert refused == {}
    steps, refused = select(made, leakage, pass_bound=0.015, union_bound=0.05, most=16)
    assert [step.name for step in steps] == ["birth"]
    assert "alone" in refused["names"]
    steps, refused = select(made, leakage, pass_bound=0.02, union_bound=0.025, most=16)
    assert "union" in refused["names"]


def test_a_thrifty_selection_leaves_a_dear_pass_for_two_cheap_ones():
    dear = PassTerms(name="dear", levels=(("skeleton_pair",), ("skeleton_pair", "birth_year")))
    cheap = PassTerms(name="cheap", levels=(("family_skeleton", "given_skeleton"),))
    made = simulate(registers(LEFT, RIGHT), (dear, cheap, BIRTH), CapTerms())
    leaks = {"dear": 0.045, "cheap": 0.001, "birth": 0.01}

    def leakage(names):
        return leaks[names[-1]], sum(leaks[name] for name in names)

    bounds = {"pass_bound": 0.05, "union_bound": 0.05, "most": 16}
    assert [step.name for step in select(made, leakage, **bounds)[0]] == ["dear"]
    steps, _ = select(made, leakage, **bounds, thrifty=True)
    assert [step.name for step in steps] == ["cheap", "birth"]
    assert steps[-1].completeness == 1.0


def test_a_plan_names_its_assumptions_and_finds_no_less_than_the_default():
    question = Question(
        {"a": FIELDS, "b": FIELDS}, {}, 400, gate=GateTerms(union_leakage=0.9, pass_leakage=0.9), simulated=300
    )
    report = plan(question)
    assert report == plan(question)
    made, agreed, proposed = report["assumptions"], report["agreed"], report["proposed"]
    assert made["smaller_than_stated"]
    assert made["error_rates"] == ErrorRates().as_dict()
    assert proposed["pairs_completeness"] >= agreed["pairs_completeness"] - 0.002
    assert proposed["within_bounds"]
    assert len(report["passes"]) <= MAX_PASSES
    assert set(report["refused"]) | set(proposed["names"]) == {one["name"] for one in report["candidates"]}
    for one in report["candidates"]:
        withheld = sum(group["rows"] * group["share"] for group in one["withheld_by_nationality"].values())
        assert withheld / 600 == pytest.approx(one["withheld"])
