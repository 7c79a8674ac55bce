"""The attack names people where it must, nobody where it must not, and the same ones each time."""

import json
from dataclasses import replace

import numpy as np
import polars as pl
import pyarrow.parquet as pq
import pytest

from contract.agreement import CapTerms, PassTerms
from evaluation.attacks.blocks.attacker import attacker_of
from evaluation.attacks.blocks.audit import audit_blocks
from evaluation.attacks.blocks.controls import (
    FAMILY_AND_YEAR,
    UNCAPPED,
    at_baseline,
    encode_control,
    random_bits,
    run_controls,
)
from evaluation.attacks.blocks.fingerprint import attack_pass, attack_rows, search_of
from evaluation.attacks.blocks.knowledge import Beliefs
from evaluation.attacks.blocks.layout import AttackInputError
from evaluation.attacks.blocks.leakage import (
    PassLeakage,
    attack_passes,
    draw_persons,
    judged,
    of_persons,
    rows_of,
    score_pass,
)
from pseudonymisation.blocking.caps import count_crowded
from pseudonymisation.encoding.blind_blocks import BlindBlocks
from pseudonymisation.randomness import SeededRandomness
from tests.evaluation.attacks.blocks.people import KEY, agreement_over, clear_of, context

ROWS = 150
CAPPED = (
    PassTerms(
        name="family_year",
        levels=(
            ("family_skeleton3", "birth_year"),
            ("family_skeleton3", "birth_year", "given_initial"),
            ("family_skeleton3", "birth_year", "given_initial", "birth_month", "birth_day"),
        ),
    ),
    PassTerms(name="names", levels=(("skeleton_pair",), ("skeleton_pair", "birth_year"))),
)
# blocks of two persons, which the default cap does not leave, are what an attack feeds on
PAIRS = CapTerms(persons_per_key=2, margin=0)


@pytest.fixture(scope="module")
def uncapped(persons_1500):
    made = agreement_over((FAMILY_AND_YEAR,), caps=UNCAPPED)
    return made, encode_control(persons_1500, FAMILY_AND_YEAR, context(made))


@pytest.fixture(scope="module")
def capped(persons_1500):
    made = agreement_over(CAPPED, dummy_share=0.25, caps=PAIRS)
    crowded = count_crowded(persons_1500, CAPPED, KEY, made.caps, SeededRandomness(b"crowded"))
    return made, BlindBlocks().encode(persons_1500, context(made, crowded))


def _attack(uncapped, clear, **options):
    made, encoded = uncapped
    options = {"rows": ROWS, "seed": 5, **options}
    table = options.pop("table", encoded.table)
    return attack_pass(table, attacker_of(clear, made, seed=options["seed"]), FAMILY_AND_YEAR, **options)


def _leakage(capped, identities, overlap):
    made, encoded = capped
    sample = draw_persons(identities.get_column("subject").to_numpy(), 300, 5, overlap)
    knows = attacker_of(clear_of(identities), made, seed=5).knowing(sample.known, Beliefs(known=overlap))
    return attack_passes(encoded, knows, sample, seed=5)


def test_the_controls_behave_at_this_size():
    # among 3 000 persons most are alone in their blocks: two bounds are scaled down from .3 and .8
    report = run_controls(
        agreement_over((FAMILY_AND_YEAR,)), rows=ROWS, seed=2, persons=3000, uncapped_bound=0.12, joined_bound=0.4
    )
    assert report.verdict == "VALID"
    by_name = {control.name: control.leakage for control in report.controls}
    assert by_name["bloom"].of_blocks(2).share >= 0.9
    assert by_name["sketches uncapped"].all.low > 50 * by_name["sketches uncapped"].baseline
    assert by_name["random bits"].all.high < 0.05


def test_a_control_that_misbehaves_makes_the_verdict_invalid():
    report = run_controls(agreement_over((FAMILY_AND_YEAR,)), rows=10, seed=2, persons=200, uncapped_bound=1.01)
    assert report.verdict == "INVALID"
    assert [control.behaved for control in report.controls if control.name == "sketches uncapped"] == [False]


@pytest.mark.parametrize(("hits", "expected"), [(0, True), (1, True), (2, True), (6, False)])
def test_a_lucky_guess_is_no_misbehaviour(hits, expected):
    rows = pl.DataFrame({"named": [True] * hits + [False] * (500 - hits)})
    assert at_baseline(PassLeakage(rows, baseline=1 / 1500)) is expected


def test_crowded_blocks_betray_more_than_single_rows(uncapped, persons_1500):
    leak = score_pass(_attack(uncapped, clear_of(persons_1500), rows=1500), uncapped[1].truth)
    assert leak.of_blocks(2).share > 0.4 > 0.05 > leak.of_blocks(1, 1).share
    assert sum(share.total for share in leak.by_block_size().values()) == leak.all.total == 1500
    assert leak.confident.share > 0.9


def test_a_cap_of_one_and_dummies_name_fewer(uncapped, capped, persons_1500):
    made = agreement_over(CAPPED, dummy_share=0.25)
    crowded = count_crowded(persons_1500, CAPPED, KEY, made.caps, SeededRandomness(b"crowded"))
    tight = _leakage((made, BlindBlocks().encode(persons_1500, context(made, crowded))), persons_1500, 1.0)
    loose = _leakage(capped, persons_1500, 1.0)
    free = score_pass(_attack(uncapped, clear_of(persons_1500)), uncapped[1].truth)
    assert tight.passes["family_year"].all.share < free.all.share
    assert tight.union.high < loose.union.low
    assert loose.union.hits >= max(one.all.hits for one in loose.passes.values())
    assert loose.union.total == 300
    assert 0 < loose.union_confident.hits <= loose.union.hits


def test_less_knowledge_names_less(capped, persons_1500):
    full, fifth = (_leakage(capped, persons_1500, overlap) for overlap in (1.0, 0.2))
    assert fifth.passes["family_year"].of_blocks(2).share < full.passes["family_year"].of_blocks(2).share
    assert fifth.union.hits < full.union.hits


def test_the_audit_attacks_the_same_persons_in_all_passes(capped, persons_1500, tmp_path):
    made, encoded = capped
    options = {"rows": 80, "overlaps": (1.0, 0.5), "known_pairs": (20,), "controls": False}
    audit = audit_blocks(encoded, persons_1500, made, seed=5, **options)
    assert audit.verdict == "UNCHECKED"
    assert audit.union.total == 80
    assert audit.union.hits >= max(audit.fingerprint[1.0].union.hits, audit.equality.union.hits)
    # again, from files: the same bits
    for name, one in encoded.items():
        pq.write_table(one.table, tmp_path / f"{name}.parquet")
    stored = {name: replace(one, source=tmp_path / f"{name}.parquet") for name, one in encoded.items()}
    assert audit.as_dict() == audit_blocks(stored, persons_1500, made, seed=5, **options).as_dict()
    # who is attacked does not change what the others are named
    few = draw_persons(persons_1500.get_column("subject").to_numpy(), 30, 5)
    alone = attack_passes(encoded, attacker_of(clear_of(persons_1500), made, seed=5), few, seed=5)
    assert of_persons(audit.fingerprint[1.0], few.drawn).as_dict() == alone.as_dict()
    assert set(audit.passes) == {"family_year", "names"} == set(audit.seeded[20])
    assert audit.canonical is not None
    assert audit.canonical.union.total == 80
    assert audit.handles.independent
    assert set(audit.frequency) == set(audit.missing) == set(audit.passes)
    assert json.loads(json.dumps(audit.as_dict()))["worst"]["union"]["total"] == 80
    other = audit_blocks(encoded, persons_1500, made, seed=6, **options)
    persons = [one.fingerprint[1.0].passes["names"].rows.get_column("person").to_list() for one in (audit, other)]
    assert sorted(persons[0]) != sorted(persons[1])


def test_the_same_seed_makes_the_same_claims(uncapped, persons_1500):
    one = _attack(uncapped, clear_of(persons_1500), rows=20)
    assert one.table.equals(_attack(uncapped, clear_of(persons_1500).reverse(), rows=20).table)
    assert not one.table.equals(_attack(uncapped, clear_of(persons_1500), rows=20, seed=6).table)


def test_only_the_targets_are_attacked(uncapped, persons_1500):
    targets = uncapped[1].truth.get_column("handle").to_numpy()[:7]
    claims = _attack(uncapped, clear_of(persons_1500), targets=targets)
    assert claims.table.get_column("handle").to_list() == sorted(targets.tolist())
    assert claims.candidates == 1500


def test_random_bits_keep_the_form_of_the_table(uncapped):
    table = uncapped[1].table
    noise = random_bits(table, 1)
    assert noise.schema == table.schema
    for name in table.column_names:
        assert noise.column(name).null_count == table.column(name).null_count
    assert not noise.column("given").equals(table.column("given"))


def test_an_attacker_who_knows_nobody_of_the_register_names_nobody(uncapped, persons_1500):
    strangers = clear_of(persons_1500).with_columns(pl.col("person") + 10_000)
    leak = score_pass(_attack(uncapped, strangers, rows=20), uncapped[1].truth)
    assert leak.all.hits == 0


def test_no_rows_no_overlap_and_a_missing_column_are_refused(uncapped, persons_1500):
    clear = clear_of(persons_1500)
    with pytest.raises(AttackInputError):
        _attack(uncapped, clear, rows=0)
    with pytest.raises(AttackInputError):
        Beliefs(known=0.0)
    without = uncapped[1].table.drop_columns(["given"])
    with pytest.raises(AttackInputError) as refused:
        _attack(uncapped, clear, table=without)
    assert refused.value.where == {"column": "given"}


def test_a_table_without_rows_gives_no_claims(uncapped, persons_1500):
    claims = _attack(uncapped, clear_of(persons_1500), table=uncapped[1].table.slice(0, 0))
    assert claims.table.is_empty()
    assert np.isclose(score_pass(claims, uncapped[1].truth).all.high, 1.0)


def test_an_attacker_who_knows_nobody_at_all_makes_no_claims(uncapped, persons_1500):
    claims = _attack(uncapped, clear_of(persons_1500).clear(), rows=5)
    assert claims.table.get_column("person").null_count() == claims.table.height == 5
    assert score_pass(claims, uncapped[1].truth).all.hits == 0


def test_groups_beyond_what_fits_are_drawn_and_only_their_persons_judged(uncapped, persons_1500, monkeypatch):
    made, control = uncapped
    attacker = attacker_of(clear_of(persons_1500), made, seed=5)
    whole = search_of(control.table, attacker, FAMILY_AND_YEAR, seed=5)
    monkeypatch.setattr("evaluation.attacks.blocks.fingerprint.PAIR_BUDGET", 1200)
    part = search_of(control.table, attacker, FAMILY_AND_YEAR, seed=5)
    assert whole.covered is None
    assert (part.groups.sizes**2).sum() <= 1200
    truth = judged(part, control.truth)
    assert truth.height == len(part.covered) == len(part.groups.members) < 1200
    leaks = [
        score_pass(attack_rows(search, rows_of(search, truth)), truth).of_blocks(2).share for search in (whole, part)
    ]
    assert leaks[1] >= leaks[0] - 0.05  # fewer rivals: rather more are named
