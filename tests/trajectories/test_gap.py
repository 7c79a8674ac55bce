"""The gap's parts sum to it; coverage is corrected for link error; what makes no sense is refused."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.errors import InputError
from tests.trajectories.builders import WINDOW
from tests.trajectories.test_uncertainty import COUNT, population
from trajectories.channels import build_channels
from trajectories.gap import GAP_SCHEMA, PARTS, corrected_coverage, decompose_gap

FIGURES = COUNT(build_channels(population(120, 9), WINDOW))


@given(st.floats(0.05, 1.0))
def test_parts_sum_to_the_gap_and_shares_to_one(sensitivity: float) -> None:
    table = decompose_gap(FIGURES, sensitivity)
    assert dict(table.schema) == GAP_SCHEMA
    total = table.filter(category="total", period="2022")
    assert tuple(total["part"]) == PARTS
    assert total["persons"].sum() == pytest.approx(FIGURES.counts["gap_total", "all", 2022][0])
    assert total["share"].sum() == pytest.approx(1.0)
    assert (table["persons"] >= -1e-9).all()


def test_with_perfect_links_nothing_is_unlinked() -> None:
    assert decompose_gap(FIGURES, 1.0).filter(part="unlinked")["persons"].sum() == 0


@given(st.floats(0, 1), st.floats(0.5, 1), st.floats(0, 0.2))
def test_correction_undoes_what_link_error_does(coverage: float, sensitivity: float, false_rate: float) -> None:
    observed = np.array([sensitivity * coverage + false_rate * (1 - coverage), np.nan])
    corrected = corrected_coverage(observed, sensitivity, false_rate)
    assert corrected[0] == pytest.approx(coverage, abs=1e-9)
    assert np.isnan(corrected[1])


@pytest.mark.parametrize(("sensitivity", "false_rate"), [(0.2, 0.2), (0.1, 0.3), (1.2, 0.0), (0.9, -0.1)])
def test_rates_that_say_nothing_are_refused(sensitivity: float, false_rate: float) -> None:
    with pytest.raises(InputError):
        corrected_coverage(np.array([0.5]), sensitivity, false_rate)


def test_a_sensitivity_of_nothing_is_refused() -> None:
    with pytest.raises(InputError, match="say nothing"):
        decompose_gap(FIGURES, 0.0)
