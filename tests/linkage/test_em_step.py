"""The kernel of a step of EM beside its NumPy twins."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linkage.em_step import step, terms_of
from linkage.evidence import Evidence, State
from tests.linkage.conftest import plan_for
from tests.linkage.test_em import FIELDS, PASSES

PLAN = plan_for({"a": "one", "b": "one"}, passes=PASSES)
NAMES_ALONE = plan_for({"a": "one", "b": "one"}, fields=FIELDS, passes=PASSES)
RECORD = plan_for({"a": "one", "b": "one"}, profile="record", passes=())


def random_evidence(plan, patterns: int, draw: np.random.Generator) -> Evidence:
    levels = np.stack([draw.integers(0, size, patterns) for size in plan.sizes], axis=1).astype(np.uint8)
    number = np.where(draw.random(patterns) < 0.1, 1e6, 1.0) * draw.random(patterns)
    return Evidence(levels, number, np.sort(draw.integers(0, len(plan.passes), patterns)), plan)


def close(found: State, wanted: State) -> None:
    for one, other in zip((found.m, found.u, found.mix), (wanted.m, wanted.u, wanted.mix), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-15)


@pytest.mark.parametrize("plan", [PLAN, NAMES_ALONE, RECORD])
@settings(max_examples=15, deadline=None)
@given(st.integers(0, 400), st.integers(0, 2**32 - 1), st.booleans())
def test_a_step_is_expect_and_maximise(plan, patterns: int, seed: int, relaxed: bool) -> None:
    evidence = random_evidence(plan, patterns, np.random.default_rng(seed))
    evidence.relaxed = relaxed
    state, terms = evidence.start(0.3), terms_of(evidence)
    for _ in range(3):
        wanted = evidence.maximise(evidence.expect(state)[0])
        state = step(terms, relaxed, state)
        close(state, wanted)


def test_patterns_too_unlikely_for_a_product_are_told_apart_all_the_same() -> None:
    evidence = random_evidence(PLAN, 200, np.random.default_rng(1))
    start = evidence.start(0.3)
    scale = np.where(np.arange(len(start.mix)) % 2, 1.0, 1e-300)[:, None]  # in some passes, not in all
    state = State(start.m, start.u, start.mix * scale)
    close(step(terms_of(evidence), False, state), evidence.maximise(evidence.expect(state)[0]))
