"""A run bucket by bucket gives what a run over everything gives, whatever the number of buckets."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from contract.errors import InputError
from tests.trajectories.builders import WINDOW
from tests.trajectories.test_uncertainty import COUNT, everything, population
from trajectories.channels import build_channels
from trajectories.partitions import bucket_count, figures_of_partitions, partition_registers, read_bucket
from trajectories.spells import spells_of


@pytest.fixture
def stored(tmp_path: Path) -> tuple[Path, dict[str, Path]]:
    registers = population(60, 5)
    records = registers.records.with_columns(
        person_id=pl.when(pl.col("record") == "r7").then(None).otherwise("person_id")  # linked to nobody
    )
    records.write_parquet(tmp_path / "records.parquet")
    events = {}
    for name, frame in registers.events.items():
        events[name] = tmp_path / f"{name}.parquet"
        frame.write_parquet(events[name])
    return tmp_path / "records.parquet", events


@pytest.mark.parametrize("buckets", [1, 3, 7])
def test_figures_and_spells_do_not_depend_on_the_buckets(
    stored: tuple[Path, dict[str, Path]], tmp_path: Path, buckets: int
) -> None:
    records, events = stored
    assert partition_registers(records, events, tmp_path / "whole", 1) == 1
    whole = build_channels(read_bucket(tmp_path / "whole", 0), WINDOW)
    assert partition_registers(records, events, tmp_path / "cut", buckets) == buckets
    spells = tmp_path / "spells"
    figures = figures_of_partitions(tmp_path / "cut", buckets, WINDOW, COUNT, spells=spells)
    assert everything(figures) == everything(COUNT(whole))
    kept = pl.read_parquet(spells / "*.parquet").sort("person_id", "channel", "start")
    assert kept.equals(spells_of(whole).sort("person_id", "channel", "start"))


def test_a_person_lies_in_one_bucket(stored: tuple[Path, dict[str, Path]], tmp_path: Path) -> None:
    records, events = stored
    partition_registers(records, events, tmp_path / "cut", 4)
    seen: list[str] = []
    for bucket in range(4):
        seen += read_bucket(tmp_path / "cut", bucket).records["person_id"].drop_nulls().unique().to_list()
    assert len(seen) == len(set(seen)) == 59


def test_a_register_may_be_missing(stored: tuple[Path, dict[str, Path]], tmp_path: Path) -> None:
    records, events = stored
    del events["border_crossing"]
    partition_registers(records, events, tmp_path / "cut", 2)
    figures = figures_of_partitions(tmp_path / "cut", 2, WINDOW, COUNT)
    assert figures.counts["workers_insured", "all", 2022][0] > 0


def test_bad_input_is_refused(stored: tuple[Path, dict[str, Path]], tmp_path: Path) -> None:
    records, events = stored
    with pytest.raises(InputError, match="no register"):
        partition_registers(records, {"parking": records}, tmp_path / "cut")
    text = tmp_path / "plain.parquet"
    text.write_text("record,days\n")
    with pytest.raises(InputError, match="does not read"):
        partition_registers(text, events, tmp_path / "cut")
    with pytest.raises(InputError, match="does not read"):
        partition_registers(records, {"social_security": text}, tmp_path / "cut")
    with pytest.raises(InputError, match="no such bucket"):
        read_bucket(tmp_path / "nowhere", 0)


def test_buckets_are_of_bounded_size() -> None:
    assert [bucket_count(persons) for persons in (0, 1, 20_000, 20_001, 1_000_000)] == [1, 1, 1, 2, 50]


def test_figures_of_other_categories_do_not_add_up() -> None:
    figures = COUNT(build_channels(population(5, 1), WINDOW))
    other = type(figures)(figures.categories[:1], np.zeros(1), figures.years, {}, {})
    with pytest.raises(InputError, match="cannot be added"):
        figures + other
