"""A register's table through `normalise`: columns, types, order of rows, report."""

from datetime import date

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pseudonymisation.normalisation import FieldMapping, FieldMappingError, normalise

DAY = date(2026, 1, 1)
NAME_COLUMNS = ["given", "family", "given_skeleton", "family_skeleton", "full", "full_skeleton", "name_order_known"]


def field(column: str, kind: str, **options) -> FieldMapping:
    return FieldMapping(column, kind, **options)


PERMITS = {
    "family_name": field("nom", "name"),
    "given_names": field("prenom", "name"),
    "family_name_ar": field("nom_ar", "name"),
    "given_names_ar": field("prenom_ar", "name"),
    "birth_date": field("ne_le", "date", format="%d/%m/%Y"),
    "sex": field("sexe", "category"),
    "nationality": field("nat", "country"),
    "birth_place": field("lieu", "text"),
    "passport_no": field("passeport", "code"),
    "residence_card_no": field("carte", "code"),
}


def permits() -> pl.DataFrame:
    return pl.DataFrame(
        {
            "nom": ["EL IDRISSI", "", None, "Diallo"],
            "prenom": ["Mohammed", None, "", "Fatou Binetou"],
            "nom_ar": ["الإدريسي", "الشرقاوي", None, ""],
            "prenom_ar": [None, "فاطمة الزهراء", None, ""],
            "ne_le": ["17/05/1984", "01/01/1990", "31/02/1990", ""],
            "sexe": ["M", "F", "?", None],
            "nat": ["Marocain", "DZA", "Atlantis", "SN"],
            "lieu": ["Fès", "12, Rabat", None, ""],
            "passeport": ["ab 12", "000000", None, "X1"],
            "carte": ["r-123", None, None, ""],
        }
    )


def test_a_permit_register():
    out = normalise(permits(), PERMITS, as_of=DAY)
    frame = out.frame
    assert frame.height == 4
    assert frame.select(NAME_COLUMNS).rows() == [
        ("mohammed", "idrissi", "mhmd", "drs", "idrissi mohammed", "drs mhmd", True),
        ("fatima zahra", "cherkaoui", "ftm zhr", "xrk", "cherkaoui fatima zahra", "ftm xrk zhr", True),
        (None, None, None, None, None, None, True),
        ("fatou binetou", "diallo", "ft bnt", "jl", "binetou diallo fatou", "bnt ft jl", True),
    ]
    assert frame.select("birth_year", "birth_month", "birth_day").rows() == [
        (1984, 5, 17),
        (1990, None, None),
        (1990, None, None),
        (None, None, None),
    ]
    assert frame.schema["birth_year"] == pl.Int32
    assert frame.schema["birth_month"] == frame.schema["birth_day"] == pl.Int8
    assert frame.get_column("sex").to_list() == ["m", "f", None, None]
    assert frame.get_column("nationality").to_list() == ["MAR", "DZA", None, "SEN"]
    assert frame.get_column("text:birth_place").to_list() == ["fes", "12 rabat", None, None]
    assert frame.get_column("passport").to_list() == ["AB12", None, None, "X1"]
    assert frame.get_column("residence_card").to_list() == ["R123", None, None, None]
    report = out.report
    assert (report["family_name"].missing, report["passport_no"].sentinels, report["sex"].unparsable) == (2, 1, 1)
    assert report["birth_date"].unparsable_rows == [2]


def test_no_value_stands_in_the_report():
    out = normalise(permits(), PERMITS, as_of=DAY)
    told = repr({name: column.as_dict() for name, column in out.report.items()})
    for value in ("Atlantis", "31/02", "000000", "IDRISSI", "Diallo"):
        assert value not in told


def test_a_register_of_full_names_guesses_the_parts_and_says_so():
    frame = pl.DataFrame({"n": ["IDRISSI MOHAMMED", None, "Cher"]})
    out = normalise(frame, {"full_name": field("n", "name")}).frame
    assert out.columns == NAME_COLUMNS
    assert out.rows() == [
        ("idrissi", "mohammed", "drs", "mhmd", "idrissi mohammed", "drs mhmd", False),
        (None, None, None, None, None, None, False),
        (None, "cher", None, "xr", "cher", "xr", False),
    ]


def test_full_sets_of_swapped_names_are_equal():
    frame = pl.DataFrame({"n": ["Mohamed El Idrissi", "EL IDRISSI MOHAMED", "محمد الإدريسي"]})
    out = normalise(frame, {"full_name": field("n", "name")}).frame
    assert out.get_column("full").n_unique() == 1


def test_a_full_name_speaks_only_where_the_parts_are_empty():
    frame = pl.DataFrame({"n": ["A B", "Mohamed Diallo"], "f": ["Sow", None], "g": ["Awa", None]})
    fields = {"full_name": field("n", "name"), "family_name": field("f", "name"), "given_names": field("g", "name")}
    out = normalise(frame, fields).frame
    assert out.select("given", "family", "name_order_known").rows() == [
        ("awa", "sow", True),
        ("mohamed", "diallo", False),
    ]


def test_one_name_field_alone_still_gives_all_name_columns():
    out = normalise(pl.DataFrame({"f": ["Sow"]}), {"family_name": field("f", "name")}).frame
    assert out.select("given", "family", "full").rows() == [(None, "sow", "sow")]


def test_typed_document_numbers_go_to_their_kind():
    frame = pl.DataFrame({"no": ["P1", "C2", "R3", "U4", None], "kind": ["P", "CIN", "cre", None, "P"]})
    fields = {"doc_no": field("no", "code"), "doc_type": field("kind", "category")}
    out = normalise(frame, fields).frame
    assert out.columns == ["passport", "national_id", "residence_card", "document_any"]
    assert out.rows() == [
        ("P1", None, None, None),
        (None, "C2", None, None),
        (None, None, "R3", None),
        (None, None, None, "U4"),
        (None, None, None, None),
    ]


def test_untyped_numbers_and_those_of_any_kind_are_kept_apart():
    frame = pl.DataFrame({"no": ["X12345678"]})
    assert normalise(frame, {"doc_no": field("no", "code")}).frame.columns == ["document_any"]
    any_kind = normalise(frame, {"national_id": field("no", "code", any_document=True)}).frame
    assert any_kind.columns == ["document_any"]


def test_birth_parts_in_three_columns():
    frame = pl.DataFrame({"y": ["1984", "84", "2O01", "x"], "m": ["5", "1", "17", ""], "d": ["17", "1", "3", "0"]})
    fields = {"birth_year": field("y", "date"), "birth_month": field("m", "date"), "birth_day": field("d", "date")}
    out = normalise(frame, fields, as_of=DAY)
    assert out.frame.rows() == [(1984, 5, 17), (1984, None, None), (2001, None, 3), (None, None, None)]
    assert {name: column.unparsable for name, column in out.report.items()} == {
        "birth_day": 0,
        "birth_month": 1,
        "birth_year": 1,
    }


def test_custom_fields_carry_their_type():
    frame = pl.DataFrame({"a": ["X@Y.z"], "b": ["Prof"], "c": ["Rue 5"], "d": ["1984"], "e": ["Ben Ali"], "f": ["FR"]})
    fields = {
        "email": field("a", "code"),
        "job": field("b", "category"),
        "suburb": field("c", "text"),
        "wed": field("d", "date"),
        "mother": field("e", "name"),
        "visa": field("f", "country"),
    }
    assert normalise(frame, fields, as_of=DAY).frame.to_dicts() == [
        {
            "code:email": "x@y.z",
            "category:job": "prof",
            "name:mother": "benali",
            "text:suburb": "rue 5",
            "country:visa": "FRA",
            "date:wed": "1984-00-00",
        }
    ]


@pytest.mark.parametrize(
    "fields",
    [
        {"family_name": FieldMapping("absent", "name")},
        {"family_name": FieldMapping("nom", "text")},
        {"thing": FieldMapping("nom", "number")},
    ],
)
def test_a_mapping_that_cannot_be_meant_is_refused(fields):
    with pytest.raises(FieldMappingError):
        normalise(permits(), fields)


def test_an_empty_register_has_the_same_columns():
    full = normalise(permits(), PERMITS, as_of=DAY).frame
    empty = normalise(permits().clear(), PERMITS, as_of=DAY).frame
    assert empty.height == 0
    assert empty.schema == full.schema


def test_a_row_does_not_depend_on_its_neighbours():
    whole = normalise(permits(), PERMITS, as_of=DAY).frame
    turned = normalise(permits().reverse(), PERMITS, as_of=DAY).frame
    assert turned.reverse().equals(whole)


ANY = st.text(st.characters(codec=None, exclude_categories=("Cs",)), max_size=30)
NASTY = st.sampled_from(
    ["\x00", "\u202eabc", "a\x00b", "🙂", "ﷺ" * 300, "A" * 10_000, "\u0640\u064b", "𝕄𝕠", "ا", "و", "'", "|", ",,"]
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.one_of(st.none(), ANY, NASTY), min_size=1, max_size=6))
def test_any_text_gives_clean_tokens_and_no_crash(values):
    frame = pl.DataFrame({"v": pl.Series(values, dtype=pl.String)})
    fields = {
        "full_name": field("v", "name"),
        "birth_date": field("v", "date"),
        "birth_place": field("v", "text"),
        "nationality": field("v", "country"),
        "sex": field("v", "category"),
        "social_security_no": field("v", "code"),
        "family_name_ar": field("v", "name"),
    }
    out = normalise(frame, fields, as_of=DAY).frame
    assert out.height == len(values)
    for name in NAME_COLUMNS[:-1]:
        for value in out.get_column(name).drop_nulls():
            assert value
            assert all(token.isascii() and token.isalpha() and token.islower() for token in value.split(" "))
    for value in out.get_column("text:birth_place").drop_nulls():
        assert all(token.isascii() and token.isalnum() for token in value.split(" "))
    both = out.select(pl.col("full").is_null() == pl.col("full_skeleton").is_null()).to_series()
    assert both.all()
