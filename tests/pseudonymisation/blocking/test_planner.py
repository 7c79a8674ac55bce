"""The planner, on the fields of the labelled data sets and of the six registers."""

import pytest

from contract.agreement import PassTerms
from contract.errors import AgreementError
from contract.fields import FieldType
from contract.registers import REGISTERS
from pseudonymisation.blocking.planner import MAX_PASSES, component_fields, plan_passes

NAMES = ("family_name", "given_names")
_PSEUDO = (*NAMES, "middle_initial")
SETS = {
    "fake_1000": ({"a": (*NAMES, "birth_date", "city", "email")}, {"city": "text", "email": "code"}),
    "febrl": (
        dict.fromkeys("ab", (*NAMES, "birth_date", "address", "suburb", "postcode", "state")),
        {"suburb": "text", "postcode": "text", "state": "category"},
    ),
    "foreigners": (dict.fromkeys("abc", (*NAMES, "birth_date", "nationality", "region")), {"region": "category"}),
    "historical": (
        {"a": ("full_name", "birth_date", "sex", "birth_place", "postcode", "occupation")},
        {"postcode": "text", "occupation": "category"},
    ),
    "pseudopeople": (
        {
            "ssa": (*_PSEUDO, "birth_date", "sex", "social_security_no"),
            "w2": (*_PSEUDO, "address", "social_security_no"),
            "census": (*_PSEUDO, "birth_date", "sex", "address"),
            "tax1040": (*_PSEUDO, "address", "social_security_no"),
        },
        {"middle_initial": "category"},
    ),
    "rldata": ({"a": (*NAMES, "birth_year", "birth_month", "birth_day")}, {}),
    "registers": ({name: schema.linkage_fields for name, schema in REGISTERS.items()}, {}),
}


def _plan(name, persons=10_000):
    registers, own = SETS[name]
    return plan_passes(registers, {field: FieldType(kind) for field, kind in own.items()}, persons)


def _can(fields, parts):
    return all(set(fields) & needed for part in parts for needed in component_fields(part))


@pytest.mark.parametrize("name", SETS)
def test_between_six_and_sixteen_passes_with_names_of_their_own(name):
    passes = _plan(name)
    assert 6 <= len(passes) <= MAX_PASSES
    assert len({one.name for one in passes}) == len(passes)
    assert all(isinstance(one, PassTerms) for one in passes)


@pytest.mark.parametrize("name", SETS)
def test_a_level_refines_the_one_before(name):
    for one in _plan(name):
        for broad, fine in zip(one.levels, one.levels[1:], strict=False):
            assert fine[: len(broad)] == broad


@pytest.mark.parametrize("name", SETS)
def test_most_registers_of_a_pass_can_follow_to_its_last_level(name):
    registers, _ = SETS[name]
    for one in _plan(name):
        able = [fields for fields in registers.values() if _can(fields, one.levels[0])]
        assert len(able) >= min(2, len(registers))
        for part in one.levels[-1]:
            assert 2 * sum(_can(fields, [part]) for fields in able) > len(able)


@pytest.mark.parametrize("name", SETS)
def test_no_pass_is_the_beginning_of_another(name):
    levels = [one.levels for one in _plan(name)]
    for place, one in enumerate(levels):
        assert not any(known[: len(one)] == one for known in levels[:place])


def test_people_without_birth_date_are_found_by_other_passes():
    registers, _ = SETS["pseudopeople"]
    for name in ("w2", "tax1040"):
        usable = [one.name for one in _plan("pseudopeople") if _can(registers[name], one.levels[0])]
        assert len(usable) >= 4


def test_large_registers_begin_with_narrower_keys():
    small = {one.name: one.levels[0] for one in _plan("rldata", 5_000)}
    large = {one.name: one.levels[0] for one in _plan("rldata", 5_000_000)}
    assert small["birth_date"] == ("birth_year", "birth_month", "birth_day")
    assert len(large["birth_date"]) > len(small["birth_date"])


def test_a_field_of_one_register_alone_is_no_key():
    passes = plan_passes({"a": (*NAMES, "address"), "b": NAMES}, {}, 1000)
    assert not any("text:address" in level for one in passes for level in one.levels)


def test_nothing_in_common_is_an_error():
    with pytest.raises(AgreementError):
        plan_passes({"a": ("sex",), "b": ("passport_no",)}, {}, 1000)


def test_the_plan_does_not_depend_on_the_order_of_registers():
    registers, own = SETS["pseudopeople"]
    own = {field: FieldType(kind) for field, kind in own.items()}
    assert plan_passes(dict(reversed(registers.items())), own, 1000) == plan_passes(registers, own, 1000)
