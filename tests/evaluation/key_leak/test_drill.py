"""The drill's attacks read what a key opens and nothing else; a broken key tree would show here."""

from __future__ import annotations

import dataclasses

import numpy as np
import polars as pl
import pytest

from evaluation.key_leak.dictionary import Dictionary, comparable
from evaluation.key_leak.drill import LU, OUTSIDER, SU, Finding, _Attacks, as_json, as_table
from evaluation.key_leak.scene import VINTAGES, Scene, make_scene
from pseudonymisation.keys.tree import pass_key, vintage_key


@pytest.fixture(scope="module")
def scene() -> Scene:
    return make_scene(80, 3)


@pytest.fixture(scope="module")
def findings(scene: Scene) -> list[Finding]:
    return list(_Attacks(scene).all())


def share(findings: list[Finding], leak: str, holder: str, target: str) -> float:
    (found,) = [
        one
        for one in findings
        if one.leak.startswith(leak) and one.holder == holder and one.target.startswith(target) and one.items
    ]
    return found.share


def test_the_epoch_key_reads_the_linkage_units_rows_and_not_the_statistics_units(findings: list[Finding]) -> None:
    for vintage in VINTAGES:
        assert share(findings, "epoch key", LU, f"rows of vintage {vintage}") > 0.98
    assert share(findings, "epoch key", OUTSIDER, "a carrier's folder") > 0.98
    assert share(findings, "epoch key", SU, "employers") == 1
    assert share(findings, "epoch key", SU, "handles") == 0
    assert share(findings, "epoch key", OUTSIDER, "the sealed") == 0


def test_a_key_further_down_reads_its_own_branch_only(findings: list[Finding]) -> None:
    assert share(findings, "vintage key", LU, f"rows of vintage {VINTAGES[0]}") > 0.98
    assert share(findings, "vintage key", LU, f"rows of vintage {VINTAGES[1]}") == 0
    assert share(findings, "vintage key", LU, "crowded") == 0
    assert share(findings, "pass key", LU, "rows of this pass") > 0.98
    assert share(findings, "pass key", LU, "rows of all other") == 0
    assert share(findings, "one block's field keys", LU, "rows of this block") == 1
    assert share(findings, "one block's field keys", LU, "rows of the pass's other") == 0
    assert share(findings, "one block's secret", LU, "rows of this block") == 0


def test_rotation_and_single_keys_of_a_party_give_nothing(findings: list[Finding]) -> None:
    for target in ("rows of the new epoch", "crowded"):
        assert share(findings, "old epoch's key", LU, target) == 0
    assert share(findings, "old epoch's key", SU, "employers") == 0
    assert share(findings, "sealing key", LU, "key shares") == pytest.approx(1 / 3)
    assert share(findings, "sealing key", LU, "the epoch key") == 0
    assert share(findings, "none", LU, "rows") == 0


def test_the_attack_names_the_right_person_and_no_stranger(scene: Scene) -> None:
    """The list of strangers alone reads next to nothing: a match is not made by guessing."""
    epoch = scene.epochs[0]
    strangers = scene.dictionary.filter(pl.col("subject") >= 80)
    attack = Dictionary(strangers.drop("subject").with_columns(pl.col("identity")), epoch.agreement)
    key = vintage_key(epoch.key, VINTAGES[0])
    for passes in epoch.deliveries[VINTAGES[0]].passes.values():
        for terms in epoch.agreement.passes:
            table = comparable(pl.from_arrow(passes[terms.name].table))
            assert attack.read(table, terms, pass_key(key, terms.name)).rows.height <= 1


def test_a_scheme_whose_vintages_share_a_key_would_be_seen(scene: Scene) -> None:
    """The drill finds a fault where there is one: the second vintage encoded under the first one's key is read."""
    before, after = scene.epochs
    first, second = (before.deliveries[vintage] for vintage in VINTAGES)
    fault = dataclasses.replace(second, passes=first.passes)
    broken = dataclasses.replace(before, deliveries={VINTAGES[0]: first, VINTAGES[1]: fault})
    found = list(_Attacks(dataclasses.replace(scene, epochs=(broken, after)))._vintage_key())
    assert share(found, "vintage key", LU, f"rows of vintage {VINTAGES[1]}") > 0.98


def test_tables_and_json(findings: list[Finding]) -> None:
    table = as_table(findings).splitlines()
    assert len(table) == len(findings) + 1
    assert [one["items"] for one in as_json(findings)] == [one.items for one in findings]
    assert not np.isnan([one["share"] for one in as_json(findings)]).any()
