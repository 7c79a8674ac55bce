"""Fictitious persons: in every register alike, hard to tell from real rows, and never among the real handles."""

import polars as pl
import pytest

from pseudonymisation.encoding.blind_blocks import BlindBlocks
from pseudonymisation.encoding.dummies import DUMMY_SUBJECT, add_dummies
from pseudonymisation.encoding.profile import EncodingContext
from pseudonymisation.randomness import SeededRandomness
from tests.pseudonymisation.frames import FIELDS, KEY, agreement, frame, person

REAL = frame(*(person(n, "sara", "alami", (1950 + n % 50, 1 + n % 12, 1 + n % 28), sex="f") for n in range(200)))


def _dummies(register="dgsn", key=KEY, share=1.0, people=REAL, seed=b"d"):
    return add_dummies(people, share, key, register, SeededRandomness(seed)).filter(pl.col("subject") == DUMMY_SUBJECT)


def _whole(made):
    return set(made.select("given", "family", "birth_year", "birth_month", "birth_day").iter_rows())


def test_their_number_is_the_share():
    assert [_dummies(share=share).height for share in (0, 0.25, 1.0)] == [0, 50, 200]


def test_real_rows_come_first_and_unchanged():
    assert add_dummies(REAL, 0.5, KEY, "dgsn", SeededRandomness(b"d")).head(REAL.height).equals(REAL)


def test_registers_share_most_of_them_with_errors_of_their_own():
    one, two = _dummies("dgsn", share=5.0), _dummies("anapec", share=5.0)
    common = len(_whole(one) & _whole(two))
    assert 0.2 * one.height < common < 0.5 * one.height  # half are in both, some of them with errors
    pairs = one.join(two, on=("family", "birth_year", "birth_month", "birth_day"))
    assert pairs.filter(pl.col("given") != pl.col("given_right")).height > 0


def test_another_vintage_has_others():
    assert len(_whole(_dummies()) & _whole(_dummies(key=bytes(32)))) < 5


def test_they_lack_what_the_registers_rows_lack():
    people = REAL.with_columns(pl.when(pl.col("subject") % 2 == 0).then("birth_day").alias("birth_day"))
    made = _dummies(people=people)
    assert 0.35 < made["birth_day"].null_count() / made.height < 0.65
    assert made["passport"].null_count() == made.height
    assert made["given"].null_count() == 0


@pytest.mark.parametrize("profile", ["blind_blocks", "clear", "record"])
def test_their_handles_are_kept_apart(profile):
    made, _ = agreement(profile=profile, dummy_share=0.25)
    from pseudonymisation.encoding.profile import profile_for

    encoded = profile_for(made).encode(REAL, EncodingContext(made, "dgsn", KEY, random=SeededRandomness(b"h")))
    for name, one in encoded.items():
        real, fictitious = set(one.handles["handle"]), set(one.dummy_handles.tolist())
        assert not real & fictitious
        assert real | fictitious == set(one.table["handle"].to_pylist())
        assert (one.handles["subject"] >= 0).all()
        if name != "document":
            assert one.report.dummies == len(fictitious) == pytest.approx(0.25 * len(real), rel=0.1)


def test_they_meet_each_other_in_the_linkage_units_blocks():
    made, _ = agreement(dummy_share=0.5, registers={"dgsn": FIELDS, "anapec": FIELDS})
    blocks = []
    for register in ("dgsn", "anapec"):
        context = EncodingContext(made, register, KEY, random=SeededRandomness(register.encode()))
        one = BlindBlocks().encode(REAL, context)["birth_date"]
        table = pl.from_arrow(one.table)
        blocks.append(set(table.filter(pl.col("handle").is_in(one.dummy_handles.tolist()))["block"]))
    assert 0.3 * len(blocks[0]) < len(blocks[0] & blocks[1]) < 0.7 * len(blocks[0])


def test_they_are_of_many_origins_and_named_as_people_are():
    people = REAL.with_columns(pl.lit("SEN").alias("nationality"))
    made = _dummies(share=5.0, people=people)
    assert made["nationality"].n_unique() >= 25
    assert made["nationality"].value_counts(sort=True)["count"][0] < 0.2 * made.height
    assert made["family_skeleton"].n_unique() > 0.3 * made.height
    # neither commoner nor rarer: a common name is common among them, as it is among people
    shares = made["given"].str.split(" ").list.first().value_counts(normalize=True)["proportion"]
    assert 0.005 < shares.max() < 0.05
    assert 0.1 < made["given"].str.contains(" ").mean() < 0.4


def test_their_errors_are_those_of_clean_and_messy_records():
    everything = REAL.with_columns(pl.lit("X1").alias("passport"))
    one, two = (_dummies(name, share=20.0, people=everything) for name in ("dgsn", "anapec"))
    pairs = one.join(two, on="passport")
    assert pairs.height > 500
    differ = {name: (pairs[name] != pairs[f"{name}_right"]).mean() for name in ("given", "family", "birth_day", "sex")}
    assert 0.08 < differ["given"] < 0.45
    assert 0.08 < differ["family"] < 0.4
    assert 0.02 < differ["birth_day"] < 0.15
    assert differ["sex"] < 0.05
