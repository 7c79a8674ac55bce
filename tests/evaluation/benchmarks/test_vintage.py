"""The benchmark of re-clustering: its vintages are what they say, and what it reports is measured."""

import json

import numpy as np
from typer.testing import CliRunner

from evaluation.benchmarks.vintage import ONE_RECORD, bench, two_vintages
from linkage.cluster import cluster
from wasl.cli.bench import app

PERSONS = 4000


def test_vintages_differ_in_the_persons_that_changed() -> None:
    first, second = two_vintages(PERSONS, 0.1, 5)
    again, _ = two_vintages(PERSONS, 0.1, 5)
    assert first.subjects.equals(again.subjects)
    assert (first.pairs.probability == again.pairs.probability).all()
    for vintage in (first, second):
        pairs, n = vintage.pairs, vintage.subjects.height
        assert vintage.subjects.equals(vintage.subjects.sort("register", "subject_ref"))
        assert (np.diff(pairs.a * n + pairs.b) > 0).all()
        assert (pairs.a < pairs.b).all()
        persons = cluster(n, vintage.register, ONE_RECORD, *pairs[:3]).max() + 1
        assert PERSONS < persons < 1.1 * PERSONS
    lost = first.subjects.join(second.subjects, on=["register", "subject_ref"], how="anti").height
    new = second.subjects.join(first.subjects, on=["register", "subject_ref"], how="anti").height
    assert 0.025 * PERSONS < lost < 0.042 * PERSONS
    assert 0.025 * PERSONS < new < 0.042 * PERSONS


def test_re_clustering_is_a_small_part_and_keeps_whoever_is_not_touched() -> None:
    result = bench(20_000, changed=0.01)
    assert result["persons_untouched"] == result["persons_untouched_kept"] > 0.97 * 20_000
    assert 0 < result["subjects_in_changed_components"] < 0.05 * result["subjects"]
    assert result["cpu_seconds"]["recluster"] < 0.3 * result["cpu_seconds"]["full"]  # .08, were nobody else at work


def test_the_command_says_it_in_both_ways() -> None:
    options = ["vintage", "--persons", "1000", "--changed", "0.02"]
    assert "untouched persons are as they were" in CliRunner().invoke(app, options).stdout
    result = json.loads(CliRunner().invoke(app, [*options, "--json"]).stdout)
    assert {"cpu_seconds", "share", "pairs", "machine", "versions"} <= result.keys()
