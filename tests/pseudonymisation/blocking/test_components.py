"""Key components: what a row may be blocked by, and what happens where something is missing."""

import polars as pl
import pytest

from contract.errors import AgreementError
from contract.fields import COMPONENT_TOUCHES
from pseudonymisation.blocking.components import SEPARATOR, key_values, key_variants
from tests.pseudonymisation.frames import DATES, frame, person


def _values(identities, *level):
    variants = key_variants(identities, level)
    values = key_values(variants, level)
    return sorted(zip(variants["row"], values, strict=True), key=str)


def _of(identities, *level):
    return [value and value.replace(SEPARATOR, "|") for _, value in _values(identities, *level)]


ONE = frame(
    person(0, "mohamed amine", "benali idrissi", (1984, 5, 17), sex="m", nationality="MAR", passport="AB123456789")
)


@pytest.mark.parametrize(
    ("level", "value"),
    [
        (DATES, "1984|5|17"),
        (("given_skeleton",), "mhmd"),
        (("family_skeleton",), "drs"),
        (("given_skeleton3", "family_initial"), "mhm|d"),
        (("initial_pair",), "d+m"),
        (("skeleton_pair", "sex"), "drs+mhmd|m"),
        (("nationality",), "MAR"),
        (("document",), "AB123456"),
    ],
)
def test_a_component_is_taken_from_its_columns(level, value):
    assert _of(ONE, *level) == [value]


@pytest.mark.parametrize("component", sorted(COMPONENT_TOUCHES))
def test_a_missing_component_is_no_key(component):
    assert _values(frame(person(0)), component) == [(0, None)]
    assert _values(pl.DataFrame({"subject": [0], "identity": [0]}), component) == [(0, None)]


def test_one_missing_part_is_no_key():
    assert _of(frame(person(0, "sara", "alami", (1990, None, None))), *DATES) == [None]
    assert _of(frame(person(0, None, "alami")), "skeleton_pair") == [None]


def test_swapped_names_have_one_pair():
    people = frame(person(0, "sara", "diallo"), person(1, "diallo", "sara"))
    for pair in ("initial_pair", "skeleton_pair"):
        assert len(set(_of(people, pair))) == 1


def test_an_unknown_order_of_names_is_read_both_ways():
    people = frame(person(0, "sara", "diallo", name_order_known=False))
    assert _of(people, "given_skeleton3") == ["jl", "sr"]
    assert _of(people, "skeleton_pair") == ["jl+sr"]


def test_every_document_is_a_key_whatever_its_type():
    people = frame(person(0, passport="P123456789", national_id="AB1234"), person(1, national_id="P1234567"))
    assert _values(people, "document") == [(0, "AB1234"), (0, "P1234567"), (1, "P1234567")]


def test_the_same_number_twice_is_one_key():
    assert _of(frame(person(0, passport="X1", national_id="X1")), "document") == ["X1"]


def test_own_fields():
    people = frame(person(0, **{"text:address": "12 main street", "code:email": "a@b", "category:state": "nsw"}))
    assert _of(people, "text:address", "code:email", "category:state") == ["12mainstreet|a@b|nsw"]


@pytest.mark.parametrize("component", ["nonsense", "given", "date:x"])
def test_an_unknown_component_is_refused(component):
    with pytest.raises(AgreementError):
        key_variants(frame(person(0)), [component])
