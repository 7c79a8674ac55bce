"""What all peer scripts share: reading the files, and printing seconds, memory and F1 as one JSON object."""

from __future__ import annotations

import csv
import json
import platform
import resource
import sys
import time
from collections.abc import Callable, Iterable
from importlib.metadata import version
from pathlib import Path

Pair = tuple[str, str]
FIELDS = ("given_names", "family_name", "birth_date", "sex", "postcode")


def truth_of(folder: Path) -> set[Pair]:
    """Return the true pairs (record of a, record of b) from `truth.csv` (register, record_id, entity)."""
    sides: dict[str, dict[str, str]] = {"a": {}, "b": {}}
    with (folder / "truth.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            sides[row["register"]][row["entity"]] = row["record_id"]
    return {(record, sides["b"][entity]) for entity, record in sides["a"].items() if entity in sides["b"]}


def report(system: str, package: str, folder: Path, link: Callable[[Path], Iterable[Pair]]) -> None:
    """Run a linkage and print its figures; the truth is opened only when the clock has stopped."""
    start, cpu = time.perf_counter(), time.process_time()
    found = set(link(folder))
    seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    truth = truth_of(folder)
    right = len(found & truth)
    precision, recall = right / max(len(found), 1), right / max(len(truth), 1)
    result = {
        "system": system,
        "version": version(package),
        "python": platform.python_version(),
        "seconds": round(seconds, 2),
        "cpu_seconds": round(cpu, 2),
        "peak_bytes": peak,
        "precision": round(precision, 5),
        "recall": round(recall, 5),
        "f1": round(2 * precision * recall / max(precision + recall, 1e-12), 5),
    }
    sys.stdout.write(json.dumps(result) + "\n")


def folder_argument() -> Path:
    """Return the folder named on the command line."""
    if len(sys.argv) != 2:
        sys.exit(f"usage: {sys.argv[0]} FOLDER")
    return Path(sys.argv[1])
