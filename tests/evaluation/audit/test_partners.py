"""A register attacked together with made-up partners."""

from __future__ import annotations

import polars as pl
import pytest

from contract.agreement import CapTerms, PassTerms
from evaluation.attacks.blocks.joint import one_row_a_person
from evaluation.attacks.blocks.population import FIELDS, synthetic_identities
from evaluation.audit.encodings import Encodings
from evaluation.audit.partners import rates_of, with_partners
from tests.pseudonymisation.frames import KEY, agreement

PERSONS = 300
CAPPED = (PassTerms(name="names", levels=(("skeleton_pair",), ("skeleton_pair", "birth_year"))),)
BROAD = (PassTerms(name="broad", levels=(("family_initial", "birth_year"),)),)


def scene(passes, *others, **terms):
    """A register `police` of 300 persons under an agreement with other registers; the attacker's clear text."""
    made = agreement(passes, dict.fromkeys(("police", *others), tuple(FIELDS)), dummy_share=0.0, **terms)[0]
    people = synthetic_identities(PERSONS, 3)
    return Encodings(made, "police", "2025", "one", people, {}, KEY), one_row_a_person(people)


@pytest.fixture(scope="module")
def broad():
    encodings, people = scene(BROAD, "insurance", caps=CapTerms(persons_per_key=50))
    return encodings, people, with_partners(encodings, people, rows=200, seed=1)


def test_same_register_and_seed_same_figure(broad):
    encodings, people, found = broad
    assert with_partners(encodings, people, rows=200, seed=1) == found
    assert found.name == "with partners"
    assert found.named.total == 200


def test_broad_blocks_name_many_and_capped_ones_few(broad):
    encodings, people = scene(CAPPED, "insurance", "permits")
    capped = with_partners(encodings, people, rows=200, seed=1)
    assert capped.named.share < 0.1 < broad[2].named.share


def test_without_partners_there_is_nothing_to_put_beside():
    encodings, people = scene(CAPPED)
    assert with_partners(encodings, people, rows=200, seed=1) is None


def test_partners_have_the_registers_own_gaps():
    people = synthetic_identities(PERSONS, 3)
    before = rates_of(people)
    no_day = pl.when(pl.int_range(pl.len()) % 4 == 0).then(None).otherwise(pl.col("birth_day")).alias("birth_day")
    no_sex = pl.when(pl.int_range(pl.len()) % 2 == 0).then(None).otherwise(pl.col("sex")).alias("sex")
    rates = rates_of(people.with_columns(no_day, no_sex))
    assert rates.date_unknown > before.date_unknown
    assert rates.date_unknown == pytest.approx(0.25, abs=0.05)
    assert rates.missing == pytest.approx(before.missing + 0.25, abs=0.02)
