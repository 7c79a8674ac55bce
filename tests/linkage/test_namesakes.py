"""The few other pairs of a pass of names: namesakes, who share sex and origin as well."""

import numpy as np

from contract.agreement import PassTerms
from linkage.em import fit
from linkage.patterns import PatternCounts
from linkage.plan import plan_of
from tests.linkage.conftest import agreement_of

FIELDS = ("given_names", "family_name", "birth_date", "sex", "nationality")
PASSES = (
    PassTerms(name="names", levels=(("skeleton_pair",),)),
    PassTerms(name="dob", levels=(("birth_year", "birth_month", "birth_day"),)),
)
PLAN = plan_of(agreement_of({"a": "one", "b": "one"}, fields=FIELDS, passes=PASSES))


def drawn(draw: np.random.Generator, shares: dict[str, dict[str, float]], pairs: int) -> np.ndarray:
    columns = []
    for variable in PLAN.variables:
        share = shares[variable.name]
        places = [max(at for at, name in enumerate(variable.levels) if name.startswith(level)) for level in share]
        columns.append(draw.choice(places, size=pairs, p=list(share.values())))
    return np.stack(columns, axis=1)


SAME = {
    "given": {"exact": 0.92, "close": 0.08},
    "family": {"exact": 0.95, "close": 0.05},
    "order": {"straight": 1.0},
    "birth_date": {"equal": 0.93, "year_month": 0.04, "month_day": 0.03},
    "sex": {"equal": 0.99, "different": 0.01},
    "nationality": {"equal": 0.99, "different": 0.01},
}
NAMESAKES = SAME | {
    "birth_date": {"different": 0.9, "one_part": 0.1},
    "sex": {"equal": 0.95, "different": 0.05},
    "nationality": {"equal": 0.7, "different": 0.3},
}
STRANGERS = SAME | {
    "given": {"different": 0.9, "weak": 0.1},
    "family": {"different": 0.9, "weak": 0.1},
    "birth_date": {"equal": 1.0},
    "sex": {"equal": 0.5, "different": 0.5},
    "nationality": {"equal": 0.3, "different": 0.7},
}


def counted(levels: np.ndarray) -> PatternCounts:
    register = np.zeros(len(levels), dtype=np.uint16)
    return PatternCounts.gathered(PLAN.pack(levels), register, register + np.uint16(1), np.ones(len(levels), np.int64))


def test_one_namesake_among_two_hundred_matches_is_no_match() -> None:
    draw = np.random.default_rng(3)
    matches, namesakes = drawn(draw, SAME, 20_000), drawn(draw, NAMESAKES, 100)
    strangers = drawn(draw, STRANGERS, 300)
    model = fit(
        {"names": counted(np.concatenate([matches, namesakes])), "dob": counted(np.concatenate([matches, strangers]))},
        PLAN,
    )
    assert model.converged
    probability = model.probability("names", PLAN.pack(namesakes))
    assert probability.mean() < 0.45  # .74 with the anchor left as it is
    assert model.probability("names", PLAN.pack(matches)).mean() > 0.999
    assert 60 < (1 - model.match_rate("names")) * 20_100 < 130
    at = PLAN.index("sex")
    assert model.u["names"][at, 1] > 0.8  # namesakes share their sex
    assert model.u["dob"][at, 1] < 0.65  # people of one birthday need not
