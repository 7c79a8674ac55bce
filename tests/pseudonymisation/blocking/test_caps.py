"""Caps: nobody is compared where too many share a key, all institutions refine alike, and what falls out is counted."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.agreement import CapTerms, PassTerms
from pseudonymisation.blocking.caps import CrowdedKeys, choose_levels, count_crowded, discrete_laplace, listed
from pseudonymisation.blocking.public_table import expected_persons
from pseudonymisation.randomness import SeededRandomness
from tests.pseudonymisation.frames import DATES, KEY, frame, person

QUIET = CapTerms.model_construct(persons_per_key=2, epsilon=60.0)  # noise is 0 but once in 10**26
TERMS = PassTerms(name="birth", levels=(DATES, (*DATES, "initial_pair"), (*DATES, "initial_pair", "sex")))
DAY = (1984, 5, 17)


def _crowded(identities, caps=QUIET, seed=b"s", terms=TERMS):
    return count_crowded(identities, [terms], KEY, caps, SeededRandomness(seed))


def _place(identities, crowded, terms=TERMS):
    return choose_levels(identities, terms, KEY, crowded, QUIET)


def _blocks(placement):
    return {int(row): int(placement.tokens[block]) for row, block in zip(placement.rows, placement.blocks, strict=True)}


def _levels(placement):
    return {int(row): int(placement.levels[block]) for row, block in zip(placement.rows, placement.blocks, strict=True)}


CROWD = frame(
    person(0, "sara", "alami", DAY, sex="f"),
    person(1, "sami", "alami", DAY, sex="m"),
    person(2, "omar", "tazi", DAY, sex="m"),
    person(3, "omar", "tazi", (1990, 1, 2), sex="m"),
    person(4, "omar", "tazi", (1990, None, None)),
)


def test_a_crowded_key_is_refined_and_others_are_not():
    placement = _place(CROWD, _crowded(CROWD))
    assert _levels(placement) == {0: 1, 1: 1, 2: 1, 3: 0}
    assert (placement.keyless, placement.withheld) == (1, 0)


def test_one_persons_own_rows_do_not_crowd():
    same = frame(*(person(0, "sara", "alami", DAY, identity=number) for number in range(5)))
    assert _crowded(same).of("birth").size == 0
    assert set(_levels(_place(same, _crowded(same))).values()) == {0}


def test_what_stays_crowded_is_withheld_and_counted():
    twins = frame(*(person(number, "sara", "alami", DAY, sex="f") for number in range(3)))
    placement = _place(twins, _crowded(twins))
    assert placement.rows.size == 0
    assert placement.withheld == 3


def test_a_crowded_row_without_the_refinement_is_withheld():
    people = frame(*(person(number, None, "alami", DAY) for number in range(3)))
    assert _place(people, _crowded(people)).withheld == 3


def test_no_register_alone_decides_all_refine_by_the_union():
    """One register's crowd refines the other's single row, so that both look in the same block."""
    lone = frame(person(7, "sara", "alami", DAY))
    union = _crowded(CROWD).union(_crowded(lone))
    here, there = _blocks(_place(lone, union)), _blocks(_place(CROWD, union))
    assert _levels(_place(lone, union)) == {0: 1}
    assert here[0] == there[0] == there[1] != there[2]


def test_equal_key_values_share_a_block_and_no_others_do():
    one = frame(person(0, "sara", "alami", (1990, 1, 1)), person(1, "lina", "tazi", (1991, 1, 1)))
    other = frame(person(0, "omar", "fassi", (1991, 1, 1)), person(1, "lina", "tazi", (1992, 1, 1)))
    here, there = _blocks(_place(one, CrowdedKeys())), _blocks(_place(other, CrowdedKeys()))
    assert here[1] == there[0]
    assert len({*here.values(), *there.values()}) == 3


def test_levels_passes_and_keys_make_other_tokens():
    people = frame(person(0, "sara", "alami", DAY))
    other_pass = PassTerms(name="other", levels=TERMS.levels)
    placed = [
        choose_levels(people, TERMS, KEY, CrowdedKeys(), QUIET),
        choose_levels(people, other_pass, KEY, CrowdedKeys(), QUIET),
        choose_levels(people, TERMS, bytes(32), CrowdedKeys(), QUIET),
    ]
    assert len({_blocks(one)[0] for one in placed}) == 3


@settings(deadline=None, max_examples=30)
@given(
    people=st.lists(
        st.tuples(
            st.integers(0, 9), st.sampled_from("ab"), st.sampled_from("xyz"), st.sampled_from([1, 2]), st.booleans()
        ),
        min_size=1,
        max_size=40,
    ),
    cap=st.integers(1, 4),
)
def test_no_block_holds_more_persons_than_the_cap(people, cap):
    identities = frame(
        *(
            person(subject, given, family, (1980, month, 1), number, sex="f" if female else "m")
            for number, (subject, given, family, month, female) in enumerate(people)
        )
    )
    caps = CapTerms.model_construct(persons_per_key=cap, epsilon=60.0)
    placement = choose_levels(identities, TERMS, KEY, _crowded(identities, caps), caps)
    blocks = pl.DataFrame({"block": placement.blocks, "person": identities["subject"].gather(placement.rows)})
    sizes = blocks.unique().group_by("block").len()["len"].to_list()
    assert max(sizes, default=0) <= cap
    assert len(set(placement.rows.tolist())) + placement.withheld + placement.keyless == identities.height


def test_rows_in_another_order_give_the_same_blocks():
    order = [3, 0, 4, 2, 1]
    crowded = _crowded(CROWD)
    mixed, plain = _blocks(_place(CROWD[order], crowded)), _blocks(_place(CROWD, crowded))
    assert {order[row]: token for row, token in mixed.items()} == plain
    assert np.array_equal(_crowded(CROWD[order]).of("birth"), crowded.of("birth"))


def test_the_noise_is_laplace_and_repeats_by_seed():
    noise = discrete_laplace(SeededRandomness(b"n"), 100_000, 1.0)
    assert np.array_equal(noise, discrete_laplace(SeededRandomness(b"n"), 100_000, 1.0))
    ratio = np.exp(-1.0)
    for k in (0, 1, -1, 2, -3):
        expected = (1 - ratio) / (1 + ratio) * ratio ** abs(k)
        assert abs((noise == k).mean() - expected) < 5 * np.sqrt(expected / len(noise))


def test_noisy_lists_hide_who_is_just_over_the_cap():
    caps = CapTerms(persons_per_key=2, epsilon=0.5, margin=0)
    sizes = {_crowded(CROWD, caps, bytes([seed])).of("birth").size for seed in range(12)}
    assert len(sizes) > 1


def test_the_public_table_expects_crowds_where_names_are_common():
    values = pl.Series(["hmd+mhmd", "xqz+zzz"])
    common, unknown = expected_persons(("skeleton_pair",), values, 100_000)
    assert common > 2
    assert unknown == 0
    assert expected_persons(("skeleton_pair",), values, 1000)[0] == pytest.approx(common / 100)
    assert not expected_persons(("birth_year",), pl.Series(["1984"]), 10**6).any()


def test_a_publicly_common_name_is_refined_without_any_list():
    terms = PassTerms(name="names", levels=(("skeleton_pair",), ("skeleton_pair", "birth_year", "birth_month")))
    people = frame(person(0, "ahmed", "mohamed", DAY))
    assert _levels(_place(people, CrowdedKeys(persons=100_000), terms)) == {0: 1}
    assert _levels(_place(people, CrowdedKeys(persons=100), terms)) == {0: 0}


def test_a_value_that_one_person_holds_is_never_listed():
    alone = frame(*(person(n, "sara", "alami", (1900 + n % 99, 1 + n % 12, 1 + n % 28), sex="f") for n in range(150)))
    lone = alone.unique(subset=DATES, keep="none")
    loud = CapTerms(persons_per_key=2, epsilon=0.1)
    terms = PassTerms(name="birth", levels=(DATES,))
    assert lone.height > 50
    assert _crowded(lone, loud, terms=terms).of("birth").size == 0


@pytest.mark.parametrize(("cap", "margin"), [(1, 0), (1, 4), (2, 1)])
def test_a_value_just_over_the_cap_is_listed_as_often_as_documented(cap, margin):
    caps = CapTerms(persons_per_key=cap, epsilon=1.0, margin=margin)
    noise = discrete_laplace(SeededRandomness(b"over"), 100_000, 1.0)
    missed = (~listed(np.full(100_000, cap + 1), noise, caps)).mean()
    expected = np.exp(-(margin + 1)) / (1 + np.exp(-1))
    assert abs(missed - expected) < 5 * np.sqrt(expected / 100_000)
    assert not listed(np.full(100_000, cap), noise, caps).any()
