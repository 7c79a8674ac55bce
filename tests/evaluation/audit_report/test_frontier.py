"""Quality against re-identification: the points, a point measured for real, the page."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import contract.keyfile
from contract.audit_report import Hits
from contract.errors import InputError
from evaluation.audit_report.frontier import POINTS, Measured, Point, chosen, measure_point
from evaluation.audit_report.frontier_page import render_frontier
from evaluation.audit_report.language import CODES, texts
from evaluation.datasets import load_dataset
from tests.evaluation.audit_report.scene import MOMENT
from tests.evaluation.audit_report.test_pages import checked
from tests.evaluation.labelled import write_small_set


def test_points_are_ways_to_encode_and_each_is_another() -> None:
    assert len({point.name for point in POINTS}) == len(POINTS) == len({str(point.terms) for point in POINTS})
    assert {point.profile for point in POINTS} == {"clear", "blind_blocks", "record"}
    assert chosen(["record"]) == (POINTS[-1],)
    assert chosen([]) == POINTS
    with pytest.raises(InputError):
        chosen(["nothing"])


def test_a_point_is_linked_and_attacked_on_the_same_encodings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contract.keyfile, "_MEMORY_KIB", 64)  # passphrases are not what is measured here
    monkeypatch.setattr(contract.keyfile, "_PASSES", 1)
    dataset = load_dataset(write_small_set(tmp_path))
    found = measure_point(dataset, Point("capped", "blind_blocks", dummies=0.0), rows=12)
    assert 0.5 < found.f1 <= 1
    assert set(found.registers) == {register.name for register in dataset.registers}
    assert all(0 < one.total <= 12 for one in found.registers.values())
    worst = found.worst
    assert worst is not None
    assert found.named == worst[1].share == max(one.share for one in found.registers.values())
    assert found.document()["registers"][worst[0]] == {"hits": worst[1].hits, "total": worst[1].total}


@pytest.mark.parametrize("code", CODES)
def test_the_page_draws_the_points_and_says_them(code: str) -> None:
    measured = [
        Measured(Point("clear", "clear"), 0.99, 0.99, 0.99, {}),
        Measured(Point("capped", "blind_blocks"), 0.985, 0.99, 0.98, {"border_crossing": Hits(hits=3, total=500)}),
        Measured(Point("record", "record"), 0.8, 0.9, 0.7, {"consular": Hits(hits=0, total=500)}),
    ]
    html = render_frontier(measured, code, dataset="synthetic", persons=1000, rows=500, bound=0.05, moment=MOMENT)
    # the chart's namespaces are names, not addresses: nothing is fetched
    bare = re.sub(r' xmlns(:xlink)?="[^"]*"', "", html)
    page, language = checked(bare, code), texts(code)
    assert "<svg" in html
    assert language.interval(Hits(hits=3, total=500)) in page.words
    assert language.text("registers.border_crossing") in page.words
