"""Errors in single values."""

import re

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluation.synthetic import errors
from evaluation.synthetic.documents import insured_numbers, national_ids, residence_cards
from evaluation.synthetic.names import name_pools, spellings
from evaluation.synthetic.readings import as_mrz_date, fit_mrz, plain

seeds = st.integers(0, 2**32 - 1)
names = st.sampled_from(
    ["El Idrissi", "N'Diaye", "Ben Jelloun", "Benjelloun", "Ndiaye", "Mohamed Amine", "de la Cruz", "Wu", "Ó"]
)


@given(seeds, names)
def test_a_changed_name_is_still_a_name(seed: int, name: str) -> None:
    rng = np.random.default_rng(seed)
    for change in (errors.respell, errors.mistype, errors.move_particle, errors.shorten):
        written = change(rng, name)
        assert written.strip()
        assert abs(len(written) - len(name)) <= max(8, len(name))


@given(seeds, names)
def test_a_typing_error_changes_the_name_by_at_most_two_letters(seed: int, name: str) -> None:
    written = errors.mistype(np.random.default_rng(seed), name)
    assert abs(len(written) - len(name)) <= 1


def test_particles_are_joined_split_and_dropped() -> None:
    rng = np.random.default_rng(1)
    seen = {errors.move_particle(rng, "El Idrissi") for _ in range(60)}
    assert {"Elidrissi", "El Idrissi", "El-Idrissi", "Idrissi"} == seen
    assert {errors.move_particle(rng, "Benjelloun") for _ in range(40)} == {"Ben Jelloun", "Jelloun"}
    assert errors.move_particle(rng, "Traoré") == "Traoré"


def test_respelling_uses_attested_forms() -> None:
    rng = np.random.default_rng(2)
    assert "Jallow" in {errors.respell(rng, "Diallo") for _ in range(60)}
    assert "Mohamed" in spellings()["Mohammed"]


@given(seeds)
def test_a_misread_number_differs(seed: int) -> None:
    rng = np.random.default_rng(seed)
    assert errors.misread(rng, "F70123456") != "F70123456"


@given(seeds, st.dates().filter(lambda d: d.year > 1920))
def test_misdated_dates_differ_or_stay_a_date(seed: int, born: object) -> None:
    written = errors.misdate(np.random.default_rng(seed), str(born))
    year, month, day = (int(part) for part in written.split("-"))
    assert 1 <= month <= 12
    assert 1 <= day <= 30
    assert abs(year - int(str(born)[:4])) <= 10


@given(seeds)
def test_blurred_dates_keep_the_year(seed: int) -> None:
    written = errors.blur(np.random.default_rng(seed), "1984-05-13")
    assert written in ("1984-01-01", "1984-00-00", "1984", "1984-05-00")


def test_mrz_dates() -> None:
    iso = np.array(["1984-05-13", "1984", "1984-00-00", "2001-05-00", ""], dtype=object)
    assert as_mrz_date(iso).tolist() == ["840513", "840000", "840000", "010500", ""]


def test_plain_and_fitted_names() -> None:
    assert plain(pl.Series(["N'Diaye", "Aït-Ali", "García López"])).to_list() == ["NDIAYE", "AIT ALI", "GARCIA LOPEZ"]
    family, given_names = fit_mrz(pl.Series(["Rodriguez Fernandez de la Torre"]), pl.Series(["Maria del Carmen"]))
    assert family.to_list() == ["RODRIGUEZ FERNANDEZ DE LA TORRE"]
    assert given_names.to_list() == ["MARIA"]


@pytest.mark.parametrize(
    ("make", "pattern"), [(national_ids, r"[A-Z]{1,2}\d{6}"), (residence_cards, r"[A-Z]\d{7}[A-Z]")]
)
def test_documents_are_distinct_and_well_formed(make: object, pattern: str) -> None:
    numbers = make(np.random.default_rng(3), 20_000)  # type: ignore[operator]
    assert len(set(numbers)) == 20_000
    assert all(re.fullmatch(pattern, number) for number in numbers)


def test_insured_numbers_are_distinct() -> None:
    assert len(set(insured_numbers(np.random.default_rng(4), 100_000))) == 100_000


def test_name_pools_cover_all_nationalities_with_both_scripts() -> None:
    from evaluation.synthetic import nationalities

    pools = name_pools()
    for code in (*nationalities.SHARES, nationalities.MOROCCAN):
        for role in ("M", "F", "S"):
            pool = pools[code, role]
            assert len(pool.latin) >= 10
            assert pool.probability.sum() == pytest.approx(1.0)
            assert all(re.search(r"[\u0600-\u06ff]", name) for name in pool.arabic)
