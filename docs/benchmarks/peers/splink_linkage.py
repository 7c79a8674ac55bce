"""Splink 5 on clear text: its library comparisons, EM on two blocks, single best links at probability .5."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import splink.comparison_library as cl
from measured import Pair, folder_argument, report
from splink import Linker, SettingsCreator, block_on
from splink.backends.duckdb import DuckDBAPI

RULES = [
    ("given_names", "family_name"),
    ("given_names", "birth_date"),
    ("given_names", "postcode"),
    ("family_name", "birth_date"),
    ("family_name", "postcode"),
    ("birth_date", "postcode"),
]


def link(folder: Path) -> Iterator[Pair]:
    """Yield the linked pairs (record of a, record of b)."""
    database = DuckDBAPI()
    frames = []
    for name in "ab":
        database.duckdb_con.read_csv(str(folder / f"{name}.csv"), dtype={"postcode": "VARCHAR"}).create(
            f"register_{name}"
        )
        frames.append(database.register(f"register_{name}", dataset_display_name=name))
    settings = SettingsCreator(
        link_type="link_only",
        unique_id_column_name="record_id",
        comparisons=[
            cl.NameComparison("given_names").configure(term_frequency_adjustments=True),
            cl.NameComparison("family_name").configure(term_frequency_adjustments=True),
            cl.DateOfBirthComparison("birth_date", input_is_string=False),
            cl.ExactMatch("sex"),
            cl.LevenshteinAtThresholds("postcode", [1, 2]),
        ],
        blocking_rules_to_generate_predictions=[block_on(*rule) for rule in RULES],
    )
    linker = Linker(frames, settings)
    linker.training.estimate_probability_two_random_records_match(
        [block_on("given_names", "family_name", "birth_date")], recall=0.35
    )
    linker.training.estimate_u_using_random_sampling(max_pairs=5e6, seed=1)
    linker.training.estimate_parameters_using_expectation_maximisation(block_on("given_names", "family_name"))
    linker.training.estimate_parameters_using_expectation_maximisation(block_on("birth_date", "postcode"))
    predictions = linker.inference.predict(threshold_match_probability=0.01)
    clusters = linker.clustering.cluster_using_single_best_links(
        predictions, duplicate_free_datasets=["a", "b"], threshold_match_probability=0.5
    )
    found: dict[str, dict[str, str]] = {"a": {}, "b": {}}
    rows = database.duckdb_con.table(clusters.physical_name).select("cluster_id", "record_id").fetchall()
    for cluster, record in rows:
        found[record[0]][cluster] = record
    return ((record, found["b"][cluster]) for cluster, record in found["a"].items() if cluster in found["b"])


if __name__ == "__main__":
    report("splink", "splink", folder_argument(), link)
