"""Every export of a cohort's dummy persons: what a statistician writes programs against before real data."""

from __future__ import annotations

from pathlib import Path

from trajectories.cohorts.definition import Cohort
from trajectories.cohorts.dummy import dummy_channels, dummy_spells, dummy_tables, dummy_window
from trajectories.exports import write_described
from trajectories.exports.everything import write_spell_forms


def write_dummy_files(cohort: Cohort, folder: Path, persons: int) -> list[Path]:
    """Write the cohort's dummy tables, and spells, person-months and sequences of its dummy members.

    Raises:
        CohortError: It selects fewer than ten of the dummy persons.
        StorageError: The folder does not take a file.
    """
    folder.mkdir(parents=True, exist_ok=True)
    window = dummy_window(cohort)
    channels = dummy_channels(cohort, persons)
    written = write_spell_forms(dummy_spells(channels, cohort), folder, window, cohort.preset)
    definition = {"table": "cohort", "cohort": cohort.document(), "digest": cohort.digest, "data": "dummy"}
    content = dummy_tables(channels, cohort).table.write_csv().encode()
    return [*written, write_described(folder / "cohort.csv", content, definition, window, cohort.preset)[0]]
