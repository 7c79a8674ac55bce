import numpy as np
import pytest

from contract.agreement import PassTerms
from linkage.em import fit
from linkage.errors import PatternError
from linkage.model import Model
from linkage.patterns import PatternCounts
from linkage.plan import ComparisonPlan
from linkage.priors import generic_shares
from tests.linkage.conftest import plan_for

FIELDS = ("given_names", "family_name", "birth_date", "sex", "email")
PASSES = (
    PassTerms(name="names", levels=(("skeleton_pair",),)),
    PassTerms(name="dob", levels=(("birth_year", "birth_month", "birth_day"),)),
    PassTerms(name="code", levels=(("code:email",),)),
)
PLAN = plan_for({"a": "one", "b": "one"}, fields=FIELDS, passes=PASSES)


def counted(levels: np.ndarray, plan: ComparisonPlan = PLAN) -> PatternCounts:
    patterns = plan.pack(levels)
    registers = np.zeros(len(patterns), dtype=np.uint16)
    return PatternCounts.gathered(patterns, registers, registers + np.uint16(1), np.ones(len(patterns), dtype=np.int64))


def shifted(share: np.ndarray, toward: int) -> np.ndarray:
    """Return shares that differ from the generic ones: a fifth of their mass goes to one level."""
    moved = 0.8 * share
    moved[toward] += 0.2
    return moved


TRUE_M = {v.name: shifted(generic_shares(v)[0], 2) for v in PLAN.variables}
TRUE_U = {v.name: shifted(generic_shares(v)[-1], len(v.levels) - 1) for v in PLAN.variables}


def simulated(pairs: int, rate: float, seed: int, forced: str = "", missing: float = 0.1):
    """Draw patterns from m and u that EM does not start from; a key makes the forced variable agree everywhere."""
    draw = np.random.default_rng(seed)
    match = draw.random(pairs) < rate
    levels = np.zeros((pairs, len(PLAN.variables)), dtype=np.int64)
    for at, variable in enumerate(PLAN.variables):
        for inside, share in ((True, TRUE_M[variable.name]), (False, TRUE_U[variable.name])):
            rows = match == inside
            levels[rows, at] = draw.choice(len(share), size=int(rows.sum()), p=share)
        if variable.name == forced:
            levels[:, at] = 1
        levels[draw.random(pairs) < missing, at] = 0
    return counted(levels), match, levels


@pytest.mark.parametrize("rate", [0.05, 0.5, 0.95])
def test_known_m_u_and_match_rate_are_recovered(rate: float) -> None:
    counts, match, levels = simulated(40_000, rate, seed=1)
    model = fit({"code": counts}, PLAN)
    assert model.converged
    assert model.match_rate("code") == pytest.approx(match.mean(), abs=0.01)
    for at, variable in enumerate(PLAN.variables):
        if variable.name == "email":  # the key's own field: its u is local
            continue
        size = len(variable.levels)
        assert np.abs(model.blended_m("code")[at, 1:size] - TRUE_M[variable.name][1:]).max() < 0.04
        if rate < 0.9:  # where few other pairs are left, u leans on the generic one: that keeps the classes apart
            assert np.abs(model.u["code"][at, 1:size] - TRUE_U[variable.name][1:]).max() < 0.1
    probability = model.probability("code", PLAN.pack(levels))
    assert ((probability >= 0.5) == match).mean() > 0.99
    assert probability.sum() == pytest.approx(match.sum(), rel=0.03)


def test_classes_do_not_turn_round_where_nearly_all_pairs_match() -> None:
    counts = {
        "names": simulated(20_000, 0.97, seed=2, forced="given")[0],
        "dob": simulated(20_000, 0.95, seed=3, forced="birth_date")[0],
        "code": simulated(5_000, 0.2, seed=4)[0],
    }
    model = fit(counts, PLAN)
    assert model.match_rate("names") == pytest.approx(0.97, abs=0.02)
    assert model.match_rate("dob") == pytest.approx(0.95, abs=0.02)
    assert model.quality["inverted"] == []


def test_a_variable_that_the_key_decides_is_no_evidence() -> None:
    counts, _, _ = simulated(20_000, 0.3, seed=5, forced="birth_date", missing=0.0)
    model = fit({"dob": counts}, PLAN)
    at = PLAN.index("birth_date")
    assert abs(np.log2(model.blended_m("dob")[at, 1] / model.u["dob"][at, 1])) < 0.7


def test_missing_is_no_evidence() -> None:
    counts, _, _ = simulated(5_000, 0.3, seed=6)
    model = fit({"code": counts}, PLAN)
    nothing = np.zeros((1, len(PLAN.variables)), dtype=np.int64)
    assert model.weight("code", PLAN.pack(nothing))[0] == pytest.approx(0.0, abs=1e-12)
    assert model.probability("code", PLAN.pack(nothing))[0] == pytest.approx(model.match_rate("code"))


@pytest.mark.parametrize("pairs", [0, 1, 4])
def test_a_few_pairs_lean_on_the_priors(pairs: int) -> None:
    agree = [1 if variable.name != "given" else 4 for variable in PLAN.variables]
    levels = np.array([agree] * pairs, dtype=np.int64).reshape(pairs, len(PLAN.variables))
    model = fit({"code": counted(levels)}, PLAN)
    yes, no = PLAN.pack(np.array([agree, [len(v.levels) - 1 for v in PLAN.variables]]))
    assert model.probability("code", np.array([yes]))[0] > 0.9
    assert model.probability("code", np.array([no]))[0] < 0.05
    assert 0 < model.match_rate("code") < 1


def test_all_equal_records() -> None:
    levels = np.ones((1000, len(PLAN.variables)), dtype=np.int64)
    model = fit({"names": counted(levels), "dob": counted(levels)}, PLAN)
    assert (model.probability("dob", PLAN.pack(levels[:1])) > 0.5).all()


def test_a_pattern_never_seen_has_a_finite_weight() -> None:
    counts, _, _ = simulated(100, 0.5, seed=7)
    model = fit({"code": counts}, PLAN)
    draw = np.random.default_rng(0)
    unseen = np.stack([draw.integers(0, len(v.levels), 500) for v in PLAN.variables], axis=1)
    assert np.isfinite(model.weight("dob", PLAN.pack(unseen))).all()


def test_convergence_is_told_truthfully(monkeypatch: pytest.MonkeyPatch) -> None:
    counts, _, _ = simulated(2_000, 0.3, seed=8)
    assert fit({"code": counts}, PLAN).converged
    monkeypatch.setattr("linkage.em.MAX_ITERATIONS", 3)
    assert not fit({"code": counts}, PLAN).converged


def test_the_same_counts_give_the_same_model_bit_for_bit() -> None:
    counts, _, _ = simulated(3_000, 0.3, seed=9)
    backwards = PatternCounts.gathered(
        counts.pattern[::-1], counts.register_a[::-1], counts.register_b[::-1], counts.count[::-1]
    )
    assert fit({"code": counts}, PLAN).to_json() == fit({"code": backwards}, PLAN).to_json()


def test_a_model_survives_json_bit_for_bit() -> None:
    counts, _, _ = simulated(3_000, 0.3, seed=10)
    model = fit({"code": counts}, PLAN)
    again = Model.from_json(model.to_json(), PLAN)
    assert again.to_json() == model.to_json()
    assert np.array_equal(again.weight("code", counts.pattern), model.weight("code", counts.pattern))


def test_models_that_cannot_be_are_refused() -> None:
    content = fit({}, PLAN).to_json()
    other = plan_for({"a": "one"}, fields=("sex",))
    for wrong in (b"{}", b"[]", b"nonsense", content.replace(b"wasl-model/2", b"wasl-model/9")):
        with pytest.raises(PatternError):
            Model.from_json(wrong, PLAN)
    with pytest.raises(PatternError):
        Model.from_json(content, other)
    with pytest.raises(PatternError):
        Model.from_json(content.replace(b"[0.", b"[7.", 1), PLAN)


def test_counts_that_cannot_be_are_refused() -> None:
    with pytest.raises(PatternError):
        fit({"nothing": PatternCounts.empty()}, PLAN)
    one = np.array([1], dtype=np.uint16)
    far = np.array([PLAN.pattern_limit], dtype=np.uint64)
    with pytest.raises(PatternError):
        fit({"code": PatternCounts(far, one, one, np.array([1]))}, PLAN)
    with pytest.raises(PatternError):
        PatternCounts.gathered(far, one, one, np.array([-1]))
    with pytest.raises(PatternError):
        PatternCounts.gathered(far, one, one, np.array([1, 2]))


@pytest.mark.parametrize("variable", PLAN.variables, ids=lambda variable: variable.name)
def test_generic_shares_are_shares(variable) -> None:
    shares = generic_shares(variable)
    assert shares.shape == (3, len(variable.levels))
    assert not shares[:, 0].any()
    assert shares.sum(axis=1) == pytest.approx(1)
    assert (shares[:, 1:] > 0).all()


def test_identical_records_are_matches_where_similarity_is_all_there_is() -> None:
    plan = plan_for({"a": "one", "b": "one"}, fields=("given_names", "family_name"), profile="record")
    draw = np.random.default_rng(11)
    bins = np.clip(np.concatenate([draw.normal(8, 2, 25_000), draw.normal(28, 5, 20), np.full(80, 41)]), 0, 39)
    levels = np.zeros((len(bins), len(plan.variables)), dtype=np.int64)
    levels[:, plan.index("similarity")] = 1 + bins.astype(np.int64)
    model = fit({"record": counted(levels, plan)}, plan)
    assert model.match_rate("record") * len(bins) == pytest.approx(100, abs=15)
    top = plan.pack(levels[-1:])
    assert model.probability("record", top)[0] > 0.99
