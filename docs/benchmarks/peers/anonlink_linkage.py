"""clkhash and anonlink: one Bloom filter a record (1024 bits), Dice .8, greedy one to one. Compares all with all."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import anonlink
import clkhash.clk
from clkhash.comparators import ExactComparison, NgramComparison
from clkhash.field_formats import BitsPerTokenStrategy, FieldHashingProperties, Ignore, StringSpec
from clkhash.schema import Schema
from measured import Pair, folder_argument, report

THRESHOLD = 0.8


def schema() -> Schema:
    """Return the linkage schema: bigrams of names, positional digits of dates and postcodes."""
    bigrams, digits = NgramComparison(2), NgramComparison(1, True)
    fields = [
        ("given_names", bigrams, 15),
        ("family_name", bigrams, 15),
        ("birth_date", digits, 30),
        ("sex", ExactComparison(), 60),
        ("postcode", digits, 20),
    ]
    hashed = [
        StringSpec(name, FieldHashingProperties(comparator=comparator, strategy=BitsPerTokenStrategy(bits)))
        for name, comparator, bits in fields
    ]
    return Schema([Ignore("record_id"), *hashed], 1024)


def link(folder: Path) -> Iterator[Pair]:
    """Yield the linked pairs (record of a, record of b)."""
    records, filters = {}, []
    for name in "ab":
        text = (folder / f"{name}.csv").read_text(encoding="utf-8")
        records[name] = [line.split(",", 1)[0] for line in text.splitlines()[1:]]
        filters.append(clkhash.clk.generate_clk_from_csv(io.StringIO(text), "secret", schema(), progress_bar=False))
    candidates = anonlink.candidate_generation.find_candidate_pairs(
        filters, anonlink.similarities.dice_coefficient, THRESHOLD
    )
    for group in anonlink.solving.greedy_solve(candidates):
        places = dict(group)
        if len(places) == 2:
            yield records["a"][places[0]], records["b"][places[1]]


if __name__ == "__main__":
    report("anonlink", "anonlink", folder_argument(), link)
