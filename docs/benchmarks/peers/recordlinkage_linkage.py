"""Recordlinkage on clear text: union of four blocks, ECM on binary agreements, greedy one to one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pandas
import recordlinkage
from measured import Pair, folder_argument, report

BLOCKS = (
    ["given_names", "family_name"],
    ["family_name", "birth_date"],
    ["given_names", "birth_date"],
    ["birth_date", "postcode"],
)


def link(folder: Path) -> Iterator[Pair]:
    """Yield the linked pairs (record of a, record of b)."""
    a, b = (pandas.read_csv(folder / f"{name}.csv", dtype=str).set_index("record_id") for name in "ab")
    index = recordlinkage.Index()
    for block in BLOCKS:
        index.block(block)
    pairs = index.index(a, b)
    compare = recordlinkage.Compare()
    compare.string("given_names", "given_names", method="jarowinkler", threshold=0.85, label="given_names")
    compare.string("family_name", "family_name", method="jarowinkler", threshold=0.85, label="family_name")
    for field in ("birth_date", "sex", "postcode"):
        compare.exact(field, field, label=field)
    features = compare.compute(pairs, a, b)
    classifier = recordlinkage.ECMClassifier()
    classifier.fit(features)
    probability = classifier.prob(features).sort_values(ascending=False, kind="stable")
    taken: tuple[set[str], set[str]] = (set(), set())
    for (left, right), chance in probability.items():
        if chance < 0.5:
            return
        if left not in taken[0] and right not in taken[1]:
            taken[0].add(left)
            taken[1].add(right)
            yield left, right


if __name__ == "__main__":
    report("recordlinkage", "recordlinkage", folder_argument(), link)
