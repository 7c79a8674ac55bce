"""Recall on real spellings, and the public frequency table."""

import csv
import random
from pathlib import Path

import polars as pl
import pytest

from pseudonymisation.normalisation import name_frequency_class, public_heavy_skeletons
from pseudonymisation.normalisation.names import split_full_name
from pseudonymisation.normalisation.skeleton import skeleton

PAIRS = Path(__file__).parent / "data" / "maghreb_name_pairs.csv"


def bigrams(name: str) -> set[str]:
    return {f"_{token}_"[place : place + 2] for token in name.split() for place in range(len(token) + 1)}


def dice(one: set[str], other: set[str]) -> float:
    return 2 * len(one & other) / (len(one) + len(other))


def similarity(one: str, other: str) -> float:
    forms = [" ".join(split_full_name(name)) for name in (one, other)]
    romanised = dice(*(bigrams(form) for form in forms))
    return (romanised + dice(*(bigrams(skeleton(form)) for form in forms))) / 2


def recall_at_one_percent(pairs: list[tuple[str, str]], others: list[tuple[str, str]]) -> float:
    threshold = sorted((similarity(*pair) for pair in others), reverse=True)[len(others) // 100]
    return sum(similarity(*pair) > threshold for pair in pairs) / len(pairs)


@pytest.mark.parametrize("script", ["latin", "arabic"])
def test_recall_at_one_percent_false_positives(script):
    with PAIRS.open(encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    spellings: dict[str, list[str]] = {}
    arabic: dict[str, str] = {}
    for row in rows:
        spellings.setdefault(row["name"], []).append(row["latin"])
        arabic[row["name"]] = row["arabic"]
    names = sorted(spellings)
    rng = random.Random(3)
    if script == "latin":
        pairs = [(found[0], other) for found in spellings.values() for other in found[1:]]
    else:
        pairs = [(found[0], arabic[name]) for name, found in spellings.items()]
    others = []
    while len(others) < 5000:
        one, two = rng.sample(names, 2)
        if arabic[one] != arabic[two]:
            others.append((spellings[one][0], spellings[two][-1] if script == "latin" else arabic[two]))
    assert recall_at_one_percent(pairs, others) >= 0.95


def test_common_and_rare_names_have_their_class():
    given = pl.Series(["mohamed", "muhammad amine", "fatima", "binetou", "qwxzvk", None])
    classes = name_frequency_class(given, "given")
    assert classes.dtype == pl.UInt8
    values = classes.to_list()
    assert values[0] == values[1] == 0
    assert values[4:] == [3, None]
    assert values[2] <= values[3]
    assert name_frequency_class(pl.Series(["mohamed", "tchakouabou"]), "family").to_list() == [0, 3]


def test_heavy_skeletons_shrink_as_the_share_grows():
    for kind in ("given", "family"):
        broad, narrow = public_heavy_skeletons(kind, 0.001), public_heavy_skeletons(kind, 0.01)
        assert narrow < broad
    assert skeleton("mohamed") in public_heavy_skeletons("given", 0.05)


def test_the_tables_are_small():
    import pseudonymisation.normalisation as room

    folder = Path(room.__file__).parent / "data"
    assert sum(table.stat().st_size for table in folder.iterdir()) <= 150_000
