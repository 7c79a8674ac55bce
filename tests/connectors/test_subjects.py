"""Grouping of own records: what is one person becomes one subject, twins and namesakes do not."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.subjects import group_subjects

COLUMNS = {
    "given": pl.String,
    "family": pl.String,
    "full": pl.String,
    "birth_year": pl.Int32,
    "birth_month": pl.Int8,
    "birth_day": pl.Int8,
    "sex": pl.String,
    "nationality": pl.String,
    "passport": pl.String,
    "national_id": pl.String,
}


def record(given_name: str | None, family: str | None, born: str = "", **more: Any) -> dict[str, Any]:
    year, month, day = (int(part) or None for part in born.split("-")) if born else (None, None, None)
    full = " ".join(sorted(f"{given_name or ''} {family or ''}".split())) or None
    base = {"given": given_name, "family": family, "full": full}
    return {**dict.fromkeys(COLUMNS), **base, "birth_year": year, "birth_month": month, "birth_day": day, **more}


def group(*records: dict[str, Any]) -> list[int]:
    return [int(number) for number in group_subjects(pl.DataFrame(list(records), schema=COLUMNS))]


SAME = [
    (record("awa", "diallo", "1984-05-03", passport="P1"), record("hawa", "diallo", "1984-05-03", passport="P1")),
    (record("awa", "diallo", "1984-05-03", passport="P1"), record("diallo", "awa", "1984-03-05", passport="P1")),
    (record("awa", "diallo", passport="P1"), record("awa", "diallo", "1984-05-03", passport="P1")),
    (record(None, None, "1984-05-03", passport="P1"), record("awa", "diallo", "1984-05-03", passport="P1")),
    (record("awa", "diallo", "1984-05-03", passport="P1"), record("awa", "diallo", "1984-05-03", sex="f")),
    (record("awa", "diallo", "1984-05-03"), record("awa", "diallo", "1984-05-03", sex="f")),
]
APART = {
    "twins": (record("hassan", "alami", "1984-05-03"), record("houcine", "alami", "1984-05-03")),
    "twins of like names": (record("mohamed amine", "alami", "1984-05-03"), record("mohamed", "alami", "1984-05-03")),
    "namesakes born apart": (record("awa", "diallo", "1984-05-03"), record("awa", "diallo", "1985-05-03")),
    "namesakes, day unknown": (record("awa", "diallo", "1984-05-00"), record("awa", "diallo", "1984-05-00")),
    "two national identities": (
        record("awa", "diallo", "1984-05-03", national_id="A1"),
        record("awa", "diallo", "1984-05-03", national_id="B2"),
    ),
    "namesakes born on one day": (
        record("awa", "diallo", "1984-05-03", passport="P1"),
        record("awa", "diallo", "1984-05-03", passport="P2"),
    ),
    "brother and sister": (
        record("noor", "alami", "1984-05-03", sex="f"),
        record("noor", "alami", "1984-05-03", sex="m"),
    ),
    "mother and child on one passport": (
        record("awa", "diallo", "1984-05-03", passport="P1"),
        record("fatou", "diallo", "2010-07-09", passport="P1"),
    ),
    "nothing but a document": (record(None, None, passport="P1"), record(None, None, passport="P1")),
    "nothing at all": (record(None, None), record(None, None)),
}


@pytest.mark.parametrize("pair", SAME)
def test_one_person_is_one_subject(pair: tuple[dict[str, Any], dict[str, Any]]) -> None:
    assert group(*pair) == [0, 0]


@pytest.mark.parametrize("pair", APART.values(), ids=APART.keys())
def test_two_persons_stay_apart(pair: tuple[dict[str, Any], dict[str, Any]]) -> None:
    assert group(*pair) == [0, 1]


def test_a_chain_never_joins_what_contradicts_itself() -> None:
    records = [
        record("awa", "diallo", "1984-05-03", national_id="A1", passport="P1"),
        record("awa", "diallo", "1984-05-03", passport="P1"),
        record("awa", "diallo", "1984-05-03", national_id="B2"),
    ]
    groups = group(*records)
    assert groups[0] != groups[2]


def test_a_number_on_many_identities_is_no_document() -> None:
    records = [record(f"name{number}", "x", passport="P0") for number in range(40)]
    assert group(*records) == list(range(40))


def test_without_grouping_each_record_stands_alone() -> None:
    frame = pl.DataFrame([SAME[0][0], SAME[0][0]], schema=COLUMNS)
    assert group_subjects(frame, grouped=False).tolist() == [0, 1]


@given(st.permutations(range(len(SAME) * 2)))
def test_groups_do_not_depend_on_the_order_of_records(order: list[int]) -> None:
    records = [
        {**one, "family": f"{one['family']}{number}", "full": f"{one['full']}{number}"}
        | {"passport": one["passport"] and f"{one['passport']}{number}"}
        for number, pair in enumerate(SAME)
        for one in pair
        if one["full"]
    ]
    order = [place for place in order if place < len(records)]
    direct, shuffled = group(*records), group(*(records[place] for place in order))
    for i in range(len(order)):
        for j in range(i):
            assert (shuffled[i] == shuffled[j]) == (direct[order[i]] == direct[order[j]])
