"""`wasl synthetic` writes a labelled set that the evaluation reads, and never into a folder that holds something."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from evaluation.datasets import load_dataset
from wasl.__main__ import main


def test_the_written_country_is_a_labelled_set(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "country"
    with pytest.raises(SystemExit) as ended:
        main(["synthetic", str(folder), "--persons", "60", "--json"])
    assert ended.value.code == 0
    said = json.loads(capsys.readouterr().out)
    dataset = load_dataset(folder)
    assert {register.name: register.rows.height for register in dataset.registers} == said["records"]
    assert dataset.truth.height == sum(said["records"].values())


def test_a_folder_that_holds_something_is_left_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(SystemExit) as ended:
        main(["synthetic", str(tmp_path)])
    assert ended.value.code == 10
    assert "not empty" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
