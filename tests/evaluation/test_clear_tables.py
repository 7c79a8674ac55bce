"""The yardstick compares exactly: similarities against sets, agreement levels by hand."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.agreement import Agreement, Party, PassTerms, ProfileTerms, RegisterTerms
from contract.fields import FieldType
from contract.signing import encode_bytes
from evaluation.clear_tables import jaccard, load_clear
from linkage.errors import PassTableError
from linkage.plan import (
    BIRTH_DATE_LEVELS,
    DOCUMENT_LEVELS,
    NAME_PART_LEVELS,
    ORDER_LEVELS,
    SKETCH_LEVELS,
    TOKEN_LEVELS,
    plan_of,
)
from linkage.twins import patterns_of
from pseudonymisation.encoding.columns import pass_schema
from pseudonymisation.encoding.sketches import bigrams

NAMES = st.text(alphabet="abcde ", min_size=1, max_size=12).filter(str.strip)


@settings(deadline=None)  # the first example waits for the compiler
@given(st.lists(st.tuples(NAMES, NAMES), min_size=1, max_size=8))
def test_jaccard_is_that_of_the_sets(pairs):
    sets = [bigrams(name) for pair in pairs for name in pair]
    offsets = np.concatenate([[0], np.cumsum([len(one) for one in sets])]).astype(np.int64)
    flat = np.array([gram for one in sets for gram in one], dtype=np.uint64)
    left = np.arange(0, len(sets), 2, dtype=np.int64)
    found = jaccard(left, left + 1, offsets, flat)
    for value, (one, other) in zip(found, pairs, strict=True):
        a, b = set(bigrams(one)), set(bigrams(other))
        assert value == pytest.approx(len(a & b) / len(a | b))


def _agreement() -> Agreement:
    key = encode_bytes(bytes(32))
    roles = [("holder", "institution"), ("lu", "linkage_unit"), ("su", "statistics_unit"), ("po", "privacy_officer")]
    fields = ("given_names", "family_name", "birth_date", "passport_no", "sex", "city")
    return Agreement(
        title="test",
        purpose="test",
        epoch=1,
        created_on=date(2026, 1, 1),
        expires_on=date(2027, 1, 1),
        retention_until=date(2027, 1, 1),
        parties=tuple(Party(name=name, role=role, signing_key=key, sealing_key=key) for name, role in roles),
        registers=tuple(RegisterTerms(name=name, holder="holder", fields=fields) for name in ("a", "b")),
        own_fields={"city": FieldType.TEXT},
        passes=(PassTerms(name="all", levels=(("sex",),)),),
        profile=ProfileTerms(name="clear"),
    )


ROW = {
    "given": "moussa",
    "family": "coulibaly",
    "given_skeleton": "ms",
    "family_skeleton": "klbl",
    "birth_year": "1980",
    "birth_month": "3",
    "birth_day": "12",
    "passport": "A1234567",
    "passport_sketch": "A1234567",
    "sex": "M",
    "city": "casablanca",
}


def _table(agreement: Agreement, rows: list[dict], first: int) -> pa.Table:
    schema = pass_schema(agreement, clear=True)
    full = [{"handle": first + at, "block": 7} | row for at, row in enumerate(rows)]
    return pa.Table.from_pylist([{name: row.get(name) for name in schema.names} for row in full], schema=schema)


def _levels(changes: dict) -> dict[str, str]:
    """Return the agreement levels, by name, of the row above with the same row changed."""
    agreement = _agreement()
    plan = replace(plan_of(agreement), profile="blind_blocks")
    tables = {"a": _table(agreement, [ROW], 1), "b": _table(agreement, [ROW | changes], 50)}
    arrays = load_clear(agreement, plan, "all", tables)
    (levels,) = plan.levels_of(patterns_of(arrays, plan, np.array([0]), np.array([1])))
    return {
        variable.name: variable.levels[level] for variable, level in zip(plan.variables, levels.tolist(), strict=True)
    }


def test_equal_rows_agree_on_everything():
    assert _levels({}) == {
        "given": "exact_rare",
        "family": "exact_rare",
        "order": "straight",
        "birth_date": "equal",
        "documents": "equal",
        "city": "exact",
        "sex": "equal",
    }


@pytest.mark.parametrize(
    ("changes", "variable", "level"),
    [
        # 8 of 12 bigrams shared, the skeleton whole: J = .83 on average
        ({"family": "coulibali"}, "family", "close"),
        ({"family": "diallo", "family_skeleton": "dl"}, "family", "different"),
        ({"given": None, "given_skeleton": None}, "given", "missing"),
        (
            {"given": "coulibaly", "family": "moussa", "given_skeleton": "klbl", "family_skeleton": "ms"},
            "order",
            "swapped",
        ),
        ({"birth_month": "12", "birth_day": "3"}, "birth_date", "month_day_swapped"),
        ({"birth_day": None, "birth_month": None}, "birth_date", "year_rest_missing"),
        ({"birth_year": "1990"}, "birth_date", "month_day"),
        ({"passport": "A1234568", "passport_sketch": "A1234568"}, "documents", "near"),
        ({"passport": "B7654321", "passport_sketch": "B7654321"}, "documents", "renewable_differs"),
        ({"sex": "F"}, "sex", "different"),
        ({"city": "casablance"}, "city", "close"),
        ({"city": "rabat"}, "city", "different"),
    ],
)
def test_one_change_moves_one_level(changes, variable, level):
    assert _levels(changes)[variable] == level


def test_levels_named_here_are_the_plan_s():
    known = {*NAME_PART_LEVELS, *ORDER_LEVELS, *BIRTH_DATE_LEVELS, *DOCUMENT_LEVELS, *SKETCH_LEVELS, *TOKEN_LEVELS}
    assert set(_levels({}).values()) <= known


def test_exact_distance_is_what_sketches_estimate():
    agreement = _agreement()
    plan = replace(plan_of(agreement), profile="blind_blocks")
    other = ROW | {"family": "coulibali"}
    arrays = load_clear(agreement, plan, "all", {"a": _table(agreement, [ROW], 1), "b": _table(agreement, [other], 50)})
    one, two = set(bigrams("coulibaly")), set(bigrams("coulibali"))
    expected = 64 * (1 - len(one & two) / len(one | two))
    family = 1  # second of the sketch columns: given, family, ...
    assert arrays.distance(np.array([0]), np.array([1]), family, family)[0] == pytest.approx(expected)
    assert arrays.distance(np.array([0]), np.array([0]), family, family)[0] == 0


def test_a_column_that_nobody_fills_is_missing_everywhere():
    assert _levels({"city": None})["city"] == "missing"
    agreement = _agreement()
    plan = replace(plan_of(agreement), profile="blind_blocks")
    empty = dict.fromkeys(ROW)
    tables = {"a": _table(agreement, [empty], 1), "b": _table(agreement, [empty], 50)}
    arrays = load_clear(agreement, plan, "all", tables)
    assert not plan.levels_of(patterns_of(arrays, plan, np.array([0]), np.array([1]))).any()


def test_a_table_of_another_register_is_refused():
    agreement = _agreement()
    plan = replace(plan_of(agreement), profile="blind_blocks")
    with pytest.raises(PassTableError):
        load_clear(agreement, plan, "all", {"stranger": _table(agreement, [ROW], 1)})
