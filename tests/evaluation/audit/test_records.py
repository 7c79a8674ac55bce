"""The audit of the profile `record`: whom it attacks."""

from __future__ import annotations

import polars as pl
import pytest

from evaluation.attacks.blocks.population import synthetic_identities
from evaluation.audit.encodings import Encodings
from evaluation.audit.records import audit_records
from pseudonymisation.encoding.record import Record
from tests.evaluation.attacks.blocks.people import agreement_over, context
from tests.pseudonymisation.frames import KEY, PASSES

PERSONS = 60


def doubled():
    """Sixty persons, half of whom have a second record as a subject of its own; two namesakes born on one day."""
    once = synthetic_identities(PERSONS, 3)
    again = once.head(PERSONS // 2).with_columns(pl.col("subject") + PERSONS)
    namesake = once.tail(1).with_columns(pl.lit(2 * PERSONS, dtype=pl.Int64).alias("subject"))
    return pl.concat([once, again, namesake])


@pytest.fixture(scope="module")
def encodings():
    made = agreement_over(PASSES, profile="record")
    people = doubled()
    return Encodings(made, "police", "2025", "many", people, Record().encode(people, context(made)), KEY)


def test_a_person_with_two_records_is_attacked_once(encodings):
    found = audit_records(encodings, rows=1000, overlaps=(1.0,), pairs=20, seed=1)
    assert found.persons == found.attacked == found.leakage[0].union.total == PERSONS
    duplicates = {figure.check: figure.found for figure in found.structure}["duplicates"]
    assert duplicates == 0
    assert found.known_pairs.named.total <= PERSONS - 20


def test_a_sample_is_as_large_as_was_asked_for(encodings):
    found = audit_records(encodings, rows=25, overlaps=(1.0, 0.2), pairs=5, seed=1)
    assert (found.persons, found.attacked, found.leakage[0].union.total) == (PERSONS, 25, 25)


def test_a_register_of_nobody_names_nobody(encodings):
    empty = doubled().clear()
    nobody = Encodings(
        encodings.agreement, "police", "2025", "one", empty, Record().encode(empty, context(encodings.agreement)), KEY
    )
    found = audit_records(nobody, rows=1000, overlaps=(1.0,), pairs=20, seed=1)
    assert (found.persons, found.attacked, found.leakage[0].union.total) == (0, 0, 0)
