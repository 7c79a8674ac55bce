"""Benchmarks of linkage: their data are what they say, and their figures come from the code they name."""

import json
import sys

import numpy as np
import polars as pl
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from contract.errors import ConfigurationError
from evaluation.benchmarks import kernels
from evaluation.benchmarks.encoded import bench_agreement, encode
from evaluation.benchmarks.linkage import bench, quality
from evaluation.benchmarks.persons import two_registers
from evaluation.benchmarks.scaling import exponent
from linkage.columns import columns_of
from linkage.plan import plan_of
from wasl.cli.bench import app


def test_registers_share_half_their_persons_and_err_as_often_as_stated() -> None:
    registers = two_registers(6000, 3)
    again = two_registers(6000, 3)
    assert all(registers[name].equals(again[name]) for name in "ab")
    assert not registers["a"].equals(two_registers(6000, 4)["a"])
    a, b = registers["a"], registers["b"]
    assert a.height == b.height == 6000 == a["entity"].n_unique() == b["entity"].n_unique()
    both = a.join(b, on="entity")
    assert both.height == 3000
    for column, right in (
        ("given_names", 0.7),
        ("family_name", 0.7),
        ("birth_date", 0.7),
        ("postcode", 0.7),
        ("sex", 0.99),
    ):
        assert float((both[column] == both[f"{column}_right"]).mean()) == pytest.approx(right, abs=0.04)
    assert a["birth_date"].str.to_date(strict=True).null_count() == 0


def test_encoded_tables_are_as_the_agreement_asks_and_no_key_value_is_crowded(tmp_path) -> None:
    agreement = bench_agreement(3000)
    tables, handles = encode(two_registers(3000), agreement, tmp_path)
    spec = columns_of(plan_of(agreement))
    assert set(tables) == set(plan_of(agreement).passes)
    for name, files in tables.items():
        for register, path in files.items():
            table, owners = pq.read_table(path), pq.read_table(handles[name][register])
            assert all(
                table.schema.field(column).type == kind
                for column, kind in spec.types.items()
                if column in table.column_names
            )
            assert len(np.unique(table["block"].to_numpy())) == table.num_rows  # one person a key value
            assert table["handle"].equals(owners["handle"])
            assert len(np.unique(table["handle"].to_numpy())) == table.num_rows


def test_quality_counts_pairs_of_the_two_registers() -> None:
    entity = np.array([1, 2, 3, 1, 2, 9])
    assert quality(np.array([0, 1, 2, 0, 1, 5]), entity, 3) == {"precision": 1, "recall": 1, "f1": 1}
    found = quality(np.array([0, 1, 2, 0, 2, 5]), entity, 3)
    assert found["precision"] == found["recall"] == 0.5


def test_the_linkage_benchmark_links_well_and_tells_where_it_ran() -> None:
    one, two = (bench(1500, threads=threads) for threads in (1, 2))
    assert one["f1"] > 0.95
    assert {name: one[name] for name in ("f1", "pairs_compared", "edges")} == {
        name: two[name] for name in ("f1", "pairs_compared", "edges")
    }
    assert {"count", "fit", "emit", "pairs", "cluster"} < set(one["stages"])
    assert all(stage["peak_bytes"] > 0 and stage["seconds"] >= 0 for stage in one["stages"].values())
    assert one["machine"]["cores"] >= 1
    assert one["versions"]["numba"]


PEER = """
import csv, json, sys
from pathlib import Path
rows = list(csv.DictReader((Path(sys.argv[1]) / "a.csv").open()))
print("so many rows:", len(rows))
figures = {"seconds": 1000.0, "cpu_seconds": 2000.0, "peak_bytes": 10**13, "f1": 0.5}
print(json.dumps({"system": "peer", "version": "1", **figures}))
"""


def test_another_system_runs_beside_on_the_same_files(tmp_path) -> None:
    script = tmp_path / "peer.py"
    script.write_text(PEER)
    options = ["linkage", "--persons", "1000", "--rounds", "2", "--beside", f"{sys.executable} {script}"]
    told = CliRunner().invoke(app, [*options, "--json"])
    assert told.exit_code == 0
    found = json.loads(told.stdout)
    assert len(found["beside"]["rounds"]) == 2
    for one in found["beside"]["rounds"]:
        assert one["ratios"]["seconds"] == pytest.approx(one["wasl"]["seconds"] / 1000, abs=0.001)
        assert 0 < one["wasl"]["peak_bytes"] < one["other"]["peak_bytes"]
    assert found["seconds"] == found["beside"]["rounds"][-1]["wasl"]["seconds"]
    assert found["beside"]["ratios"]["seconds"]["largest"] < 1
    assert "beside peer 1" in CliRunner().invoke(app, options).stdout


@pytest.mark.parametrize("last", ["raise SystemExit(3)", "print('no figures')", "pass", "print('{}')"])
def test_another_system_that_fails_is_said_to(tmp_path, last: str) -> None:
    script = tmp_path / "peer.py"
    script.write_text(last)
    options = ["linkage", "--persons", "200", "--rounds", "1", "--beside", f"{sys.executable} {script}"]
    told = CliRunner().invoke(app, options)
    assert isinstance(told.exception, ConfigurationError)


def test_the_kernel_benchmark_measures_a_limit_beside_every_scan(monkeypatch) -> None:
    monkeypatch.setattr(kernels, "_BLOCKS", ((2, 2000, 0), (32, 50, 0), (300, 1, 10)))
    monkeypatch.setattr(kernels, "_EMITTED", (40, 20))
    monkeypatch.setattr(kernels, "_ROUNDS", 100_000)
    result = CliRunner().invoke(app, ["kernels", "--rows", "512", "--repeats", "1", "--json"])
    assert result.exit_code == 0
    found = json.loads(result.stdout)
    assert [(one["block_rows"], one["pairs"]) for one in found["in_block"]] == [(2, 2000), (32, 12800), (300, 1500)]
    assert all(one["rows_limit"] > 0 and one["of_rows_limit"] > 0 for one in found["in_block"])
    kept = [one["kept"] for one in found["emitted"]]
    assert kept == sorted(kept)
    assert kept[0] < 0.01 < kept[-1] == 1
    for one in found["scan"]:
        assert one["limit_pairs_per_second"] > 0
        assert one["two_stage_loss_bound"] <= one["two_stage_loss_agreed"] == 1e-3
        assert one["kernels"]["exact"]["of_exact_found"] == 1
        assert one["kernels"]["two_stage"]["of_exact_found"] > 0.99


def test_the_exponent_is_that_of_a_power() -> None:
    sizes = [1e5, 1e6, 4e6]
    assert exponent(sizes, [3e-6 * size**1.1 for size in sizes]) == pytest.approx(1.1)


def test_scaling_by_command(tmp_path) -> None:
    options = ["--records", "1000", "--records", "3000", "--threads", "1", "--folder", str(tmp_path)]
    text = CliRunner().invoke(app, ["scaling", *options])
    assert text.exit_code == 0
    assert "exponent" in text.stdout
    (place,) = tmp_path.glob("500-1-*")
    kept = pl.read_csv(place / "a.csv")
    assert kept.height == 500
    assert "entity" not in kept.columns
    again = json.loads(CliRunner().invoke(app, ["scaling", *options, "--json"]).stdout)
    assert [run["records"] for run in again["runs"]] == [1000, 3000]
