"""`wasl evaluate DIR` on two small labelled sets, through connectors, submissions and both units."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from tests.functional.commands import wasl

pytestmark = pytest.mark.functional
ASSETS = Path(__file__).parent / "assets"


@pytest.mark.parametrize(("name", "floor"), [("febrl1", 0.97), ("fake_1000", 0.80)])
def test_a_labelled_set(name: str, floor: float, tmp_path: Path) -> None:
    links = tmp_path / "links.csv"
    ended = wasl("evaluate", ASSETS / name, "--links", links, "--json", folder=tmp_path / "run")
    assert ended.code == 0, ended.err[-3000:]
    report = ended.json()
    assert report["dataset"] == name
    assert report["pairwise"]["f1"] >= floor
    written = pl.read_csv(links, infer_schema=False)
    truth = pl.read_csv(ASSETS / name / "truth.csv", infer_schema=False)
    assert written.columns == ["register", "record_id", "person_id"]
    assert written["record_id"].sort().to_list() == truth["record_id"].sort().to_list()
    # the score is that of the written links: pairs counted here once more, by hand
    joined = written.join(truth, on=["register", "record_id"])
    found, true, both = (
        sum(int(n) * (int(n) - 1) // 2 for n in joined.group_by(keys).len()["len"])
        for keys in (["person_id"], ["entity_id"], ["person_id", "entity_id"])
    )
    assert report["pairwise"]["f1"] == pytest.approx(2 * both / (found + true))
    assert not ended.left_running
