"""What sizes, missing cells, membership and joined handles tell: nothing where they must not, much where they may."""

import numpy as np
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.agreement import CapTerms, PassTerms
from evaluation.attacks.blocks.attacker import attacker_of
from evaluation.attacks.blocks.controls import JOINED, UNCAPPED
from evaluation.attacks.blocks.fingerprint import search_of
from evaluation.attacks.blocks.frequency import block_frequency, combinations_of
from evaluation.attacks.blocks.handles import joins, linkable_handles, linkable_handles_uncapped
from evaluation.attacks.blocks.leakage import draw_persons, truth_of
from evaluation.attacks.blocks.patterns import membership, missing_values, of_patterns
from pseudonymisation.blocking.caps import count_crowded
from pseudonymisation.encoding.blind_blocks import BlindBlocks
from pseudonymisation.encoding.profile import EncodedPass
from pseudonymisation.randomness import SeededRandomness
from tests.evaluation.attacks.blocks.people import KEY, agreement_over, clear_of, context

FEW = (
    PassTerms(name="names", levels=(("skeleton_pair",),)),
    PassTerms(name="family_year", levels=(("family_skeleton3", "birth_year"),)),
)


@pytest.fixture(scope="module")
def encoded(persons_1500):
    made = agreement_over(FEW, caps=UNCAPPED)
    return made, BlindBlocks().encode(persons_1500, context(made))


def test_independent_handles_join_nothing_and_equal_ones_do(encoded):
    _, passes = encoded
    assert joins(passes).independent
    names, other = passes["names"], passes["family_year"]
    # the same handles in both passes: they join, and so does the order of rows, which follows them
    of_person = names.handles.select("subject", pl.col("handle").alias("name_handle"))
    joined = other.handles.join(of_person, on="subject").sort("name_handle")
    rows = pl.DataFrame({"handle": pl.Series(other.table["handle"].to_numpy())}).with_row_index("row")
    order = joined.join(rows, on="handle", how="left", maintain_order="left").get_column("row").to_numpy()
    table = other.table.take(pa.array(order))
    linked = table.set_column(0, table.schema.field(0), pa.array(joined["name_handle"].to_numpy(), pa.uint64()))
    handles = joined.select(pl.col("name_handle").alias("handle"), "subject", "identity")
    found = joins({"names": names, "family_year": EncodedPass(linked, handles, other.dummy_handles, other.report)})
    assert found.shared == len(order)
    assert found.order > 0.9 > found.order_bound
    assert not found.independent


def test_joined_handles_betray_by_structure_alone_what_a_cap_hides(persons_1500):
    sample = draw_persons(persons_1500["subject"].to_numpy(), 500, 1)
    free = agreement_over(JOINED, caps=UNCAPPED)
    attacker = attacker_of(clear_of(persons_1500), free, seed=1)
    uncapped = linkable_handles_uncapped(persons_1500, attacker, KEY, sample)
    assert uncapped.share > 0.2
    assert linkable_handles(BlindBlocks().encode(persons_1500, context(free)), attacker, sample) == uncapped
    strangers = clear_of(persons_1500).with_columns((pl.col("person") + 1) % 1500)
    wrong = attacker_of(strangers, free, seed=1)
    assert linkable_handles_uncapped(persons_1500, wrong, KEY, sample).share < 0.01


def test_sizes_of_uncapped_blocks_follow_the_counts_in_the_clear(encoded, persons_1500):
    made, passes = encoded
    attacker = attacker_of(clear_of(persons_1500), made, seed=1)
    combinations = combinations_of(attacker)
    for terms in FEW:
        truth = truth_of(passes[terms.name], np.arange(1500))
        found = block_frequency(search_of(passes[terms.name].table, attacker, terms, seed=1), truth, combinations)
        assert found.combinations["+".join(terms.levels[0])] == min(found.combinations.values()) < 1e-9
        assert found.correlation > 0.99
        assert found.repeated_tokens < 0.001
        assert sum(size * blocks for size, blocks in found.sizes.items()) == passes[terms.name].table.num_rows
        assert found.aligned.hits >= found.unique_sizes


def test_capped_blocks_say_little_of_the_counts(persons_1500):
    made = agreement_over(FEW, caps=CapTerms(), dummy_share=0.25)
    crowded = count_crowded(persons_1500, FEW, KEY, made.caps, SeededRandomness(b"crowded"))
    encoded = BlindBlocks().encode(persons_1500, context(made, crowded))["names"]
    attacker = attacker_of(clear_of(persons_1500), made, seed=1)
    search = search_of(encoded.table, attacker, FEW[0], seed=1)
    found = block_frequency(search, truth_of(encoded, np.arange(1500)), combinations_of(attacker))
    assert found.aligned.share < 0.05
    assert abs(found.correlation) < 0.3


@given(st.lists(st.integers(0, 6), min_size=1, max_size=60))
def test_patterns_are_counted(patterns):
    found = of_patterns(np.array(patterns))
    counts = [patterns.count(one) for one in set(patterns)]
    assert found.alone.hits == counts.count(1)
    assert found.guessed == pytest.approx(len(counts) / len(patterns))
    assert found.smallest_common == min(counts)


def test_missing_cells_and_membership_pin_down_the_odd_one_out():
    table = pa.table(
        {
            "handle": pa.array([1, 2, 3], pa.uint64()),
            "block": [7, 8, 9],
            "given": ["a", None, "c"],
            "sex": ["f", "m", None],
        }
    )
    assert missing_values(table).alone.hits == 3
    assert missing_values(table.slice(0, 1)).patterns == 1
    other = pa.table({"handle": pa.array([4, 5], pa.uint64()), "block": [7, 8], "given": ["x", "y"]})
    persons = {
        "one": pl.DataFrame({"handle": [1, 2, 3], "person": [10, 11, 12]}, schema_overrides={"handle": pl.UInt64}),
        "two": pl.DataFrame({"handle": [4, 5], "person": [10, 13]}, schema_overrides={"handle": pl.UInt64}),
    }
    found = membership({"one": table, "two": other}, persons)
    assert (found.alone.hits, found.alone.total) == (4, 4)
    assert membership({}, {}).alone.total == 0
