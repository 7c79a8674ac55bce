import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.agreement import PassTerms
from linkage.errors import PatternError, PlanError
from linkage.plan import plan_of
from tests.linkage.conftest import agreement_of, plan_for

PLAN = plan_for({"a": "one", "b": "many"})


def test_variables_follow_the_fields() -> None:
    assert [variable.name for variable in PLAN.variables] == [
        "given",
        "family",
        "order",
        "full",
        "birth_date",
        "documents",
        "birth_place",
        "email",
        "guild",
        "nationality",
        "sex",
    ]
    assert PLAN.of_kind("sketch") == ("birth_place", "email")
    assert PLAN.of_kind("token") == ("guild", "nationality", "sex")
    assert PLAN.many == (False, True)


def test_a_register_without_full_name_compares_no_full_name() -> None:
    plan = plan_for({"a": "one"}, fields=("given_names", "family_name"))
    assert [variable.name for variable in plan.variables] == ["given", "family", "order"]


def test_only_a_full_name() -> None:
    plan = plan_for({"a": "many"}, fields=("full_name",))
    assert [variable.name for variable in plan.variables] == ["full"]


def test_passes_say_what_their_key_touches() -> None:
    passes = (
        PassTerms(name="dob", levels=(("birth_year", "birth_month"), ("birth_year", "birth_month", "given_initial"))),
        PassTerms(name="doc", levels=(("document",),)),
    )
    plan = plan_for({"a": "one"}, passes=passes)
    assert plan.touched["dob"] == {"birth_date", "given", "full"}
    assert plan.core["dob"] == {"birth_date"}
    assert plan.touched["doc"] == {"documents"}


@given(st.data())
def test_packing_is_a_bijection(data: st.DataObject) -> None:
    rows = data.draw(
        st.lists(st.tuples(*(st.integers(0, len(v.levels) - 1) for v in PLAN.variables)), min_size=1, max_size=20)
    )
    levels = np.array(rows)
    assert np.array_equal(PLAN.levels_of(PLAN.pack(levels)), levels)


def test_patterns_and_levels_outside_the_plan_are_refused() -> None:
    with pytest.raises(PatternError):
        PLAN.levels_of(np.array([PLAN.pattern_limit], dtype=np.uint64))
    with pytest.raises(PatternError):
        PLAN.pack(np.full((1, len(PLAN.variables)), 99))
    with pytest.raises(PatternError):
        PLAN.pack(np.zeros((1, 2), dtype=np.int64))


def test_an_agreement_that_compares_nothing_is_refused() -> None:
    with pytest.raises(PlanError):
        plan_of(agreement_of({"a": "one"}, fields=("doc_type",)))


def test_the_record_profile_compares_similarity_and_documents() -> None:
    plan = plan_for({"a": "one"}, profile="record")
    assert [variable.name for variable in plan.variables] == ["similarity", "documents"]
    assert plan.passes == ("record",)
