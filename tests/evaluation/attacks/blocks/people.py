"""Synthetic persons as one register holds them, normalised, and an agreement over it."""

from __future__ import annotations

from evaluation.attacks.blocks.population import FIELDS, synthetic_identities
from pseudonymisation.encoding.profile import EncodingContext
from pseudonymisation.randomness import SeededRandomness
from tests.pseudonymisation.frames import KEY, agreement


def people(persons, seed=3):
    """`subject` and `identity` with the normalised columns, one row a person."""
    return synthetic_identities(persons, seed)


def clear_of(identities):
    """The same in the hands of an attacker."""
    return identities.rename({"subject": "person"}).drop("identity")


def agreement_over(passes, dummy_share=0.0, **changes):
    return agreement(passes, {"police": tuple(FIELDS)}, dummy_share=dummy_share, **changes)[0]


def context(made, crowded=None, key=KEY):
    options = {"crowded": crowded} if crowded is not None else {}
    return EncodingContext(made, "police", key, random=SeededRandomness(b"attacks"), **options)
