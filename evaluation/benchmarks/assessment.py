"""`wasl bench assessment`: over countries of several seeds, how often the estimates' intervals hold the truth.

Each country goes the real path: connectors, submissions, both units. The statistics unit assesses itself without the
truth; the truth is opened afterwards (`evaluation.self_assessment`).
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from evaluation.benchmarks.machine import machine, versions
from evaluation.datasets import load_dataset
from evaluation.harness import evaluate
from evaluation.self_assessment import SHARES
from evaluation.synthetic import generate, write


def bench(persons: int, seeds: Sequence[int], tell: Callable[[str], None] = lambda line: None) -> dict[str, Any]:
    """Assess one country a seed.

    Args:
        persons: Of each country.
        seeds: Of the countries.
        tell: Called with a line before each country.

    Returns:
        `runs`, one a seed: `precision` and `recall` as estimated and true, F1, calibration; `held`, of each share the
        number of seeds whose interval holds the truth.
    """
    runs = []
    for seed in seeds:
        tell(f"Country of seed {seed} ...")
        with tempfile.TemporaryDirectory(prefix="wasl-assessment-") as folder:
            write(generate(persons, seed), Path(folder))
            report = evaluate(load_dataset(Path(folder))).report
        calibration = report["calibration"]
        runs.append(
            {
                "seed": seed,
                "f1": report["pairwise"]["f1"],
                **report["self_assessment"],
                "calibration_error": calibration["expected_error"],
                "calibration_error_by_chance": calibration["error_by_chance"],
                "probabilities_over_matches": calibration["sum_of_probabilities"] / max(calibration["matches"], 1),
                "seconds": round(sum(stage["seconds"] for stage in report["stages"].values()), 1),
            }
        )
    return {
        "persons": persons,
        "seeds": len(runs),
        "held": {name: sum(run[name]["held"] for run in runs) for name in SHARES},
        "runs": runs,
        "machine": machine(),
        "versions": versions(),
    }
