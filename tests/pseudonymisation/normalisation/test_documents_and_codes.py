"""Numbers, sex, countries, texts."""

import polars as pl
import pytest

from pseudonymisation.normalisation.countries import country_column, country_names
from pseudonymisation.normalisation.documents import cnss_check, code_column, social_security_column
from pseudonymisation.normalisation.fields import ColumnReport
from pseudonymisation.normalisation.texts import category_column, custom_code_column, sex_column, text_column


def check_digit(eight: str) -> str:
    c = [int(sign) for sign in eight]
    return str((10 - ((c[1] + c[3] + c[5] + c[7]) * 2 + c[2] + c[4] + c[6]) % 10) % 10)


@pytest.mark.parametrize(
    ("written", "number"),
    [
        ("ab 123-456", "AB123456"),
        ("AB123456<<", "AB123456"),
        ("0012345", "0012345"),
        ("ＡＢ１２", "AB12"),
        ("000000", None),
        ("99999", None),
        ("XXXX", None),
        ("Néant", None),
        ("NEANT", None),
        ("N/A", None),
        ("0", None),
        ("A", "A"),
    ],
)
def test_identifiers(written, number):
    assert code_column(pl.Series([written]), ColumnReport()).to_list() == [number]


def test_social_security_sentinels_match_nothing_and_a_wrong_check_digit_is_kept_and_counted():
    good = "12345678" + check_digit("12345678")
    wrong = good[:-1] + str((int(good[-1]) + 1) % 10)
    report = ColumnReport()
    column = pl.Series([good, wrong, "000000000", "999999999", "100000000", None, "123-45-6789", "l23 45 678O", "--"])
    out = social_security_column(column, report)
    assert out.to_list() == [good, wrong, None, None, None, None, "123456789", "123456780", None]
    assert (report.sentinels, report.check_failed, report.unparsable) == (3, 1, 1)


def test_check_rule_of_every_eight_digit_stem_has_one_valid_ending():
    stems = [f"1{number:07d}" for number in range(0, 10_000_000, 99_991)]
    for stem in stems:
        valid = cnss_check(pl.Series([stem + str(last) for last in range(10)]))
        assert valid.to_list() == [str(last) == check_digit(stem) for last in range(10)]


@pytest.mark.parametrize(
    ("written", "sex"),
    [
        *[(text, "f") for text in ("F", "Female", "femme", "Féminin", "2", "أنثى", " f. ", "FEMALE")],
        *[(text, "m") for text in ("M", "male", "Homme", "H", "1", "ذكر", "Masculin")],
        *[(text, None) for text in ("X", "t2227949966", "female | male", "0")],
    ],
)
def test_sex(written, sex):
    report = ColumnReport()
    assert sex_column(pl.Series([written]), report).to_list() == [sex]
    assert report.unparsable == (sex is None)


@pytest.mark.parametrize(
    ("code", "written"),
    [
        ("MAR", ["MAR", "ma", "504", "Maroc", "Morocco", "المغرب", "Marocaine", "MAROCAIN"]),
        ("SEN", ["SEN", "Sénégal", "senegalais", "SN", "السنغال"]),
        ("CIV", ["CIV", "Côte d'Ivoire", "COTE D IVOIRE", "Ivory Coast", "ivoirienne"]),
        ("COD", ["RDC", "Congo-Kinshasa", "CD"]),
        ("GBR", ["UK", "GBR", "Royaume-Uni", "United Kingdom", "britannique", "GBD"]),
        ("DEU", ["D<<", "Allemagne", "Germany", "DE"]),
        ("DZA", ["Algérie", "12", "012", "الجزائر", "Algerian"]),
        ("USA", ["U.S.A.", "États-Unis", "United States"]),
        ("UKR", ["UKR", "804", "Ukraine"]),
        ("NER", ["Niger", "nigérien"]),
        ("NGA", ["Nigeria", "Nigerian"]),
        ("XKX", ["Kosovo", "XKX"]),
    ],
)
def test_countries(code, written):
    report = ColumnReport()
    assert country_column(pl.Series(written), report).to_list() == [code] * len(written)
    assert report.unparsable == 0


def test_an_unknown_country_is_counted_not_guessed():
    report = ColumnReport()
    assert country_column(pl.Series(["Atlantis", None, "MAR"]), report).to_list() == [None, None, "MAR"]
    assert (report.unparsable, report.unparsable_rows) == (1, [0])


def test_every_iso_code_means_itself():
    import pycountry

    table = country_names()
    for country in pycountry.countries:
        assert table[country.alpha_3.lower()] == table[country.alpha_2.lower()] == country.alpha_3
        assert table[country.numeric] == country.alpha_3


def test_texts_keep_numbers_and_abbreviations():
    column = pl.Series(["12 Bis, Av. des F.A.R.", "شارع محمد الخامس 15", "St. John's Rd", "Çanakkale №٣", "!!", None])
    report = ColumnReport()
    assert text_column(column, report).to_list() == [
        "12 bis av des f a r",
        "chara mohamed el khamas 15",
        "st johns rd",
        "sanakkale no3",
        None,
        None,
    ]
    assert report.unparsable == 1


def test_custom_codes_and_categories():
    assert custom_code_column(pl.Series([" A.B@Mail.org ", None])).to_list() == ["a.b@mail.org", None]
    assert category_column(pl.Series(["  NSW ", "a  b", None])).to_list() == ["nsw", "a b", None]
