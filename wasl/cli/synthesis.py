"""`wasl synthetic`: the registers of a synthetic country, in a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from contract.errors import InputError, StorageError


def write_country(directory: Path, *, persons: int, seed: int) -> tuple[dict[str, Any], str]:
    """Write a synthetic country; returns its counts and a summary for people.

    Raises:
        InputError: The folder holds something already.
        StorageError: It cannot be written.
    """
    from evaluation.synthetic import generate, write

    if directory.exists() and any(directory.iterdir()):
        raise InputError("The folder is not empty.", advice="Name a new folder.", where={"folder": directory.name})
    country = generate(persons, seed)
    try:
        directory.mkdir(parents=True, exist_ok=True)
        write(country, directory)
    except OSError as error:
        raise StorageError(f"The folder cannot be written: {error.strerror}.") from error
    records = {name: len(register.person) for name, register in country.registers.items()}
    lines = [f"{persons} synthetic persons, seed {seed}, in {directory}", ""]
    lines += [f"{name:<20} {count:>9,} records" for name, count in records.items()]
    lines += ["", f"Next: wasl evaluate {directory}"]
    return {"persons": persons, "seed": seed, "records": records}, "\n".join(lines)
