"""Names of categories: every code of every breakdown has one in three languages, and none is taken for another's."""

import re

import pytest

from contract.nationality_groups import GROUP_NAMES
from tests.trajectories.builders import WINDOW
from tests.trajectories.test_uncertainty import population
from trajectories.breakdowns import ALL_BREAKDOWNS, breakdowns_of
from trajectories.channels import build_channels
from trajectories.labels import category_label, category_names, languages
from trajectories.persons import describe_persons

_ARABIC = re.compile("[\u0600-\u06ff]")


@pytest.fixture(scope="module")
def categories() -> tuple[tuple[str, str], ...]:
    channels = build_channels(population(5, 1), WINDOW)
    return breakdowns_of(channels, describe_persons(channels), ALL_BREAKDOWNS).categories


@pytest.mark.parametrize("language", languages())
def test_every_category_has_a_name_of_its_own(categories, language: str) -> None:
    named = [(breakdown, category_label(breakdown, category, language)) for breakdown, category in categories]
    assert len(set(named)) == len(named) == len(categories)
    assert {category for (_, category), (_, name) in zip(categories, named, strict=True) if name == category} == set()
    if language == "ar":
        assert all(_ARABIC.search(name) for _, name in named)


def test_a_code_means_what_its_breakdown_says() -> None:
    assert category_label("sex", "F") == "Women"
    assert category_label("activity", "F", "fr") == "Construction"
    assert category_label("occupation", "1") == "Managers"
    assert category_label("region", "01", "ar").startswith("طنجة")
    assert category_label("nationality_group", "my own") == "my own"
    assert category_label("region", "unknown", "fr") == "Inconnu"
    assert {category_label("nationality_group", name, "fr") for name in GROUP_NAMES} & {*GROUP_NAMES} == set()


def test_a_code_of_two_breakdowns_is_named_with_both(categories) -> None:
    names = category_names(categories)
    assert names["F"] == "Sex: Women; Activity: Construction"
    assert names["unknown"] == "Unknown"
    assert names["01"] == "Tanger-Tétouan-Al Hoceïma"
    assert set(names) == {category for _, category in categories}
