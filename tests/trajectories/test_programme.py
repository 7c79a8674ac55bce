"""Programmes: a changed parameter recomputes everything under another tag; the provisional tail is marked."""

from datetime import date

import pytest

from contract.errors import InputError
from tests.trajectories.builders import WINDOW
from tests.trajectories.test_uncertainty import population
from trajectories.catalogue import catalogue
from trajectories.channels import build_channels
from trajectories.measures.residency import ScoreRule
from trajectories.programme import Programme, is_provisional
from trajectories.residence import RULES, ResidenceRule
from trajectories.tables import REFERENCE, WASL, Window

SIX = ResidenceRule("six_months", 183, 365)


def made(programme: Programme):
    channels = build_channels(population(60, 2), WINDOW, programme.preset)
    return programme.table(programme.figures(channels), WINDOW)


def test_another_rule_recomputes_everything_under_another_tag() -> None:
    usual, other = Programme(), Programme(rules=(SIX,))
    assert usual.tag(WINDOW) != other.tag(WINDOW)
    table = made(other)
    assert set(table["programme"]) == {other.tag(WINDOW)}
    rows = table.filter(residence="six_months")
    assert {"working_age_stock", "net_migration", "turnover", "non_resident_workers", "workers_union"} <= set(
        rows["indicator"]
    )
    # The same days as 6_12, so the same values; and not those of 12_16.
    census = made(usual).filter(residence="6_12")
    for code in ("working_age_stock", "non_resident_workers", "working_age_entries"):
        assert rows.filter(indicator=code)["value"].to_list() == census.filter(indicator=code)["value"].to_list()
    twelve = made(usual).filter(residence="12_16", indicator="working_age_stock")["value"].to_list()
    assert rows.filter(indicator="working_age_stock")["value"].to_list() != twelve


def test_two_runs_are_bit_identical() -> None:
    assert made(Programme()).equals(made(Programme()))


@pytest.mark.parametrize(
    "changed",
    [
        Programme(preset=REFERENCE),
        Programme(score=ScoreRule(threshold=0.6)),
        Programme(breakdowns=("total", "sex")),
        Programme(rules=(RULES["12_16"],)),
    ],
)
def test_every_parameter_is_in_the_tag(changed: Programme) -> None:
    assert changed.tag(WINDOW) != Programme().tag(WINDOW)
    assert Programme().tag(WINDOW) != Programme().tag(Window(date(2020, 1, 1), date(2022, 1, 1)))


def test_every_figure_names_its_concepts_and_the_catalogue_has_them() -> None:
    table = made(Programme())
    named = {name for cell in table["concepts"] for name in cell.split()}
    assert named <= set(catalogue().concepts)
    assert (table["concepts"] != "").all()
    union = table.filter(indicator="workers_union")
    assert set(union["ilostat"]) == {"MST_TEMP_SEX_AGE_CCT_NB"}


def test_the_provisional_tail() -> None:
    table = made(Programme()).filter(category="total", indicator="resident_stock")
    status = {(row["residence"], row["period"]): row["status"] for row in table.to_dicts()}
    assert status == {
        ("12_16", "2020"): "final",
        ("12_16", "2021"): "provisional",
        ("12_16", "2022"): "provisional",
        ("6_12", "2020"): "final",
        ("6_12", "2021"): "final",  # the window holds all of 2022
        ("6_12", "2022"): "provisional",
    }
    assert is_provisional("protection_3_months", "all", 2022, WINDOW, None)
    assert not is_provisional("protection_3_months", "all", 2021, WINDOW, None)
    assert not is_provisional("workers_insured", "all", 2022, WINDOW, None)


def test_programmes_that_make_no_sense_are_refused() -> None:
    with pytest.raises(InputError, match="of its own name"):
        Programme(rules=())
    with pytest.raises(InputError, match="name of its own"):
        Programme(rules=(ResidenceRule("12_16", 183, 365),))
    with pytest.raises(InputError, match="breakdowns"):
        Programme(breakdowns=("sex",))
    with pytest.raises(InputError, match="another preset"):
        Programme(preset=WASL).figures(build_channels(population(5, 1), WINDOW, REFERENCE))
    with pytest.raises(InputError, match="between 0 and 1"):
        ScoreRule(threshold=1.5)
    with pytest.raises(InputError, match="as signs"):
        ScoreRule(weights={"phone_call": 1.0})
