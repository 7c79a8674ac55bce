"""The cap is about persons: duplicates of one person in a key value count once, different persons apart."""

import numpy as np
import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from connectors.counting import MAX_ROWS, PersonCounter


def _identities(*rows):
    columns = ("given", "family", "birth_year", "birth_month", "birth_day", "sex", "code:email")
    return pl.DataFrame([dict(zip(columns, row, strict=True)) for row in rows], schema_overrides={"sex": pl.String})


def _count(identities, subjects=None, buckets=None):
    rows = np.arange(identities.height)
    counter = PersonCounter(identities, rows if subjects is None else np.array(subjects))
    buckets = np.zeros(identities.height, dtype=np.int64) if buckets is None else np.array(buckets)
    return counter(buckets, rows, 1).tolist()


def test_spellings_of_one_person_count_once():
    rows = _identities(
        ("mohamed", "idrissi", 1984, 5, 3, "m", None),
        ("mohammed", "idrissi", 1984, 5, 3, "m", None),
        ("idrissi", "mohamed", 1984, 3, 5, "m", None),
    )
    assert _count(rows) == [1]


def test_namesakes_of_other_birth_dates_are_different_persons():
    rows = _identities(
        ("mohamed", "alami", 1984, 5, 3, "m", None),
        ("mohamed", "alami", 1991, 11, 20, "m", None),
        ("mohamed", "alami", 1962, 2, 8, "m", None),
    )
    assert _count(rows) == [3]


def test_twins_are_two_persons():
    rows = _identities(("hassan", "tazi", 1990, 7, 9, "m", None), ("hussein", "tazi", 1990, 7, 9, "m", None))
    other = _identities(("fatima", "tazi", 1990, 7, 9, "f", None), ("omar", "tazi", 1990, 7, 9, "m", None))
    assert _count(other) == [2]
    assert _count(rows) in ([1], [2])  # names this alike may count once: it costs nothing but a crowded block


def test_subjects_already_grouped_count_once_however_they_look():
    rows = _identities(("a", "b", 1950, 1, 2, "f", None), ("c", "d", 1999, 3, 4, "m", None))
    assert _count(rows, subjects=[7, 7]) == [1]


def test_key_values_are_counted_apart():
    rows = _identities(
        ("ana", "lopez", 1980, 2, 3, "f", None),
        ("ana", "lopez", 1980, 2, 3, "f", None),
        ("li", "wang", 1970, 4, 5, "m", None),
    )
    assert _count(rows, buckets=[0, 1, 1]) == [1, 2]


@given(
    st.lists(
        st.tuples(st.sampled_from("abc"), st.sampled_from("xyz"), st.integers(1950, 1953), st.integers(0, 2)),
        min_size=1,
        max_size=20,
    )
)
def test_never_more_persons_than_subjects_nor_fewer_than_one(rows):
    identities = _identities(*((g, f, y, 1, 2, None, None) for g, f, y, _ in rows))
    buckets = np.array([b for *_, b in rows])
    counted = PersonCounter(identities, np.arange(len(rows)))(buckets, np.arange(len(rows)), 1)
    sizes = np.bincount(buckets)
    assert (counted <= sizes).all()
    assert (counted[sizes > 0] >= 1).all()


def test_a_key_value_on_very_many_rows_is_crowded_without_comparing_them():
    many = _identities(*[("ana", "lopez", 1980, 2, 3, "f", None)] * (MAX_ROWS + 1))
    assert _count(many) == [MAX_ROWS + 1]


def test_likely_persons_are_the_same_however_many_pairs_are_weighed_at_a_time(monkeypatch):
    people = (("amina", "bennani", 1990), ("amina", "benani", 1990), ("omar", "alami", 1985), ("zineb", "alami", 1971))
    rows = _identities(*((*one, 1 + n % 12, 1 + n % 28, None, None) for n in range(15) for one in people))
    counter = PersonCounter(rows, np.arange(rows.height))

    def buckets():
        for column in ("given", "birth_year", "birth_month"):
            keyed = rows.with_row_index("row").sort(column, "row")
            yield keyed[column].rle_id().to_numpy().astype(np.int64), keyed["row"].to_numpy().astype(np.int64)

    whole = counter.likely_persons(buckets())
    assert 1 < len(np.unique(whole)) < rows.height
    monkeypatch.setattr("connectors.counting._PAIRS_AT_ONCE", 7)
    assert (counter.likely_persons(buckets()) == whole).all()


def test_a_chain_of_namesakes_is_not_one_person(monkeypatch):
    """Each is a letter from the next: by links alone all would be one, and nobody has so many rows."""
    letters = "abcdefghijklmnopqrstuvwxyz"
    names = ["".join(letters[(at + step) // 6 % 26] for step in range(6)) for at in range(120)]
    rows = _identities(*((name, "alami", 1980, 1, 1, "m", None) for name in names))
    counter = PersonCounter(rows, np.arange(rows.height))

    def buckets():
        yield np.repeat(np.arange(60), 4)[: rows.height * 2], np.sort(np.r_[np.arange(120), np.arange(120)])
        yield np.repeat(np.arange(40), 3), np.arange(120)

    whole = np.bincount(counter.likely_persons(buckets()))
    monkeypatch.setattr("connectors.counting._MOST_ROWS_OF_A_PERSON", 3)
    parts = np.bincount(counter.likely_persons(buckets()))
    assert whole.max() > 3 >= parts.max()
