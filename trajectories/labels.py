"""Names of the categories of tables, in English, French and Arabic, from the concept catalogue's code lists.

A code means nothing without its breakdown: `F` is women by sex and construction by activity.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from trajectories.catalogue import LANGUAGES, UNKNOWN, catalogue
from trajectories.coding import CODE_LISTS

_WORDS: Final[Mapping[str, Mapping[str, str]]] = {
    "en": {"total": "Total", "all": "All", UNKNOWN: "Unknown"},
    "fr": {"total": "Total", "all": "Tous", UNKNOWN: "Inconnu"},
    "ar": {"total": "المجموع", "all": "الكل", UNKNOWN: "غير معروف"},
}
_BREAKDOWNS: Final[Mapping[str, Mapping[str, str]]] = {
    "en": {
        "sex": "Sex",
        "nationality_group": "Nationality group",
        "age_group": "Age group",
        "activity": "Activity",
        "occupation": "Occupation",
        "region": "Region",
    },
    "fr": {
        "sex": "Sexe",
        "nationality_group": "Groupe de nationalités",
        "age_group": "Groupe d'âge",
        "activity": "Activité",
        "occupation": "Profession",
        "region": "Région",
    },
    "ar": {
        "sex": "الجنس",
        "nationality_group": "مجموعة الجنسيات",
        "age_group": "الفئة العمرية",
        "activity": "النشاط",
        "occupation": "المهنة",
        "region": "الجهة",
    },
}


def category_label(breakdown: str, category: str, language: str = "en") -> str:
    """Return the name of a category; the code itself where there is none (groups of somebody's own).

    Args:
        breakdown: As `trajectories.breakdowns.ALL_BREAKDOWNS`.
        category: A code of it.
        language: `en`, `fr` or `ar`; another is taken as `en`.

    Raises:
        CatalogueError: The catalogue lacks the breakdown's code list.
    """
    words = _WORDS.get(language, _WORDS["en"])
    if category in words or breakdown not in CODE_LISTS:
        return words.get(category, category)
    listed = catalogue().code_list(CODE_LISTS[breakdown])
    return listed.translated.get(language, listed.labels).get(category, category)


def category_names(pairs: Iterable[tuple[str, str]], language: str = "en") -> dict[str, str]:
    """Return a name for each code of a column that holds categories of several breakdowns.

    A code of several breakdowns is named with each of them: `Sex: Women; Activity: Construction`.

    Args:
        pairs: (breakdown, category), in the order of tables.
        language: As `category_label`.
    """
    found: dict[str, dict[str, str]] = {}
    for breakdown, category in pairs:
        found.setdefault(category, {})[breakdown] = category_label(breakdown, category, language)
    words = _BREAKDOWNS.get(language, _BREAKDOWNS["en"])
    return {
        category: next(iter(names.values()))
        if len(set(names.values())) == 1
        else "; ".join(f"{words.get(breakdown, breakdown)}: {name}" for breakdown, name in names.items())
        for category, names in found.items()
    }


def languages() -> tuple[str, ...]:
    """Return the languages that categories have names in."""
    return ("en", *LANGUAGES)
