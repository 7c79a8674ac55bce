"""Persons, keys and scenarios shared by the tests of the attacks; encoding them once saves most of the time."""

from functools import cache

import pytest

from evaluation.attacks.records import scenario, synthetic_persons
from evaluation.attacks.records.plain_filters import PlainFilters, RandomBits
from evaluation.attacks.records.record_profile import RecordProfile
from tests.pseudonymisation.frames import agreement

KEY, ATTACKERS_KEY = bytes(range(32)), bytes(range(1, 33))
ENCODERS = {
    "plain": PlainFilters(),
    "random": RandomBits(),
    "record": RecordProfile(agreement(profile="record")[0]),
}


@cache
def persons_of(count):
    return synthetic_persons(count, seed=1)


@cache
def _attacked(encoder, count, overlap):
    return scenario(ENCODERS[encoder], persons_of(count), KEY, overlap, seed=2)


@pytest.fixture
def attacked():
    """Return the scenario of an encoder's name, a number of persons and an overlap."""
    return lambda encoder, count, overlap=1.0: _attacked(encoder, count, overlap)
