import importlib.util

import pytest

from evaluation.datasets import load_dataset
from evaluation.yardstick import NoYardstickError, link_by_recordlinkage, normalised_rows
from tests.evaluation.labelled import write_small_set


def test_rows_of_all_registers_are_normalised_with_their_truth(tmp_path):
    dataset = load_dataset(write_small_set(tmp_path))
    rows = normalised_rows(dataset)
    assert rows.height == sum(register.rows.height for register in dataset.registers)
    assert set(rows["entity_id"].drop_nulls()) == set(dataset.truth["entity_id"])
    assert not any(name.endswith("_skeleton") for name in rows.columns)


def test_it_links_where_the_library_is_there_and_says_so_where_it_is_not(tmp_path):
    dataset = load_dataset(write_small_set(tmp_path))
    if importlib.util.find_spec("recordlinkage") is None:
        with pytest.raises(NoYardstickError):
            link_by_recordlinkage(dataset)
    else:
        assert link_by_recordlinkage(dataset)["f1"] > 0.5
