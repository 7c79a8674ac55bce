"""Several registers together: rows of one person find each other, different persons in a block betray each other."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.agreement import CapTerms, PassTerms
from evaluation.attacks.blocks.attacker import attacker_of
from evaluation.attacks.blocks.fingerprint import BlockSearch
from evaluation.attacks.blocks.joint import Register, attack_together, entities, merge_rows, one_row_a_person, pool
from evaluation.attacks.blocks.layout import AttackInputError
from evaluation.attacks.blocks.leakage import truth_of
from evaluation.attacks.blocks.population import FIELDS
from pseudonymisation.blocking.caps import CrowdedKeys, count_crowded
from pseudonymisation.encoding.blind_blocks import BlindBlocks
from pseudonymisation.encoding.profile import EncodingContext
from pseudonymisation.randomness import SeededRandomness
from tests.evaluation.attacks.blocks.people import KEY, clear_of
from tests.pseudonymisation.frames import agreement

PASSES = (
    PassTerms(
        name="family_year",
        levels=(("family_skeleton3", "birth_year"), ("family_skeleton3", "birth_year", "given_initial")),
    ),
)


@pytest.fixture(scope="module")
def two_registers(persons_1500):
    """Two overlapping halves of the population, each capped by itself at two persons a key value."""
    names = ("police", "labour")
    made, _ = agreement(
        PASSES, dict.fromkeys(names, tuple(FIELDS)), dummy_share=0.1, caps=CapTerms(persons_per_key=2, margin=0)
    )
    frames = [persons_1500.filter(pl.col("subject") % 3 != rest) for rest in (0, 1)]
    crowded = CrowdedKeys()
    for name, frame in zip(names, frames, strict=True):
        crowded = crowded.union(count_crowded(frame, PASSES, KEY, made.caps, SeededRandomness(name.encode())))
    encoded = [
        BlindBlocks().encode(frame, EncodingContext(made, name, KEY, crowded, SeededRandomness(name.encode())))
        for name, frame in zip(names, frames, strict=True)
    ]
    return made, [Register(one, frame, one_row=True) for one, frame in zip(encoded, frames, strict=True)]


@settings(max_examples=50)
@given(st.integers(0, 10**6), st.integers(1, 6))
def test_entities_share_out_the_rows_and_keep_a_registers_persons_apart(seed, size):
    rng = np.random.default_rng(seed)
    score, register = rng.normal(0, 5, (size, size)), rng.integers(0, 3, size)
    found = entities(score + score.T, register, register == 0)
    assert sorted(row for rows in found for row in rows) == list(range(size))
    assert all(sum(register[row] == 0 for row in rows) <= 1 for rows in found)


def test_rows_of_one_person_find_each_other(two_registers, persons_1500):
    made, registers = two_registers
    attacker = attacker_of(clear_of(persons_1500), made, seed=1)
    pooled = pool(registers, attacker, "family_year")
    search = BlockSearch(pooled.observed, attacker, attacker.groups(PASSES[0]), np.random.default_rng(1))
    merged = merge_rows(pooled, search, np.unique(pooled.observed.block), np.array([True, True]))
    truth = pl.concat([truth_of(one.encoded["family_year"], np.arange(1500)) for one in registers])
    rows = pl.DataFrame({"handle": pooled.observed.handles, "entity": merged.of_row, "block": pooled.observed.block})
    joined = rows.join(truth, on="handle")
    # one entity a person and block, one person an entity
    per_person = joined.group_by("person", "block").agg(pl.col("entity").n_unique())
    per_entity = joined.group_by("entity").agg(pl.col("person").n_unique())
    assert (per_person["entity"] == 1).mean() > 0.99
    assert (per_entity["person"] == 1).mean() > 0.99


def test_together_registers_betray_whom_each_by_itself_would_not(two_registers, persons_1500):
    made, registers = two_registers
    both = attack_together(registers, made, clear_of(persons_1500), persons=400, seed=3)
    assert both.union.total == 400
    leak = both.passes["family_year"]
    assert leak.of_blocks(2).share > 5 * leak.of_blocks(1, 1).share
    assert leak.confident.share > 0.7
    again = attack_together(registers, made, clear_of(persons_1500).reverse(), persons=400, seed=3)
    assert again.passes["family_year"].rows.equals(leak.rows)


def test_no_register_and_clear_text_without_persons_are_refused(two_registers, persons_1500):
    made, registers = two_registers
    with pytest.raises(AttackInputError):
        attack_together([], made, clear_of(persons_1500))
    with pytest.raises(AttackInputError):
        attack_together(registers, made, persons_1500)


def test_one_row_a_person_has_what_most_of_their_identities_have(persons_1500):
    three = persons_1500.head(40)
    odd = three.with_columns(pl.lit("odd").alias("given"), pl.lit(2, dtype=pl.Int32).alias("identity"))
    together = pl.concat([three, three.with_columns(pl.lit(1, dtype=pl.Int32).alias("identity")), odd])
    found = one_row_a_person(together)
    assert found.sort("person").equals(clear_of(three).select(found.columns).sort("person"))
