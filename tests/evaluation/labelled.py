"""A small labelled set: two registers, typing errors, a duplicate now and then, a truth."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import polars as pl

GIVEN = ("Amadou", "Fatou", "Ibrahima", "Mariam", "Ousmane", "Aissata", "Cheikh")
GIVEN += ("Khady", "Moussa", "Ndeye", "Abdou", "Bineta", "Seydou", "Coumba")
FAMILY = ("Diallo", "Traore", "Keita", "Coulibaly", "Camara", "Sissoko", "Konate")
FAMILY += ("Ouedraogo", "Mensah", "Okafor", "Nwosu", "Boateng", "Lefevre")
NATIONALITIES = ("SEN", "MLI", "CIV", "FRA")

DESCRIPTION = """
name = "small"
description = "160 persons in two registers"
licence = "Apache-2.0"

[[register]]
name = "Permits 2024"
file = "permits.csv"
record_id = "id"
rows_per_person = "one"
[register.fields]
family_name = "surname"
given_names = "names"
birth_date  = { column = "born", format = "%d/%m/%Y" }
nationality = "nationality"

[[register]]
name = "pay"
file = "pay.csv"
record_id = "id"
rows_per_person = "many"
[register.fields]
family_name = "surname"
given_names = "names"
birth_date  = { column = "born", format = "%d/%m/%Y" }

[truth]
file = "truth.csv"
"""


def _row(person: int) -> dict[str, str]:
    born = date(1960, 1, 1) + timedelta(days=(person * 7919) % 14000)
    return {
        "names": GIVEN[person % len(GIVEN)],
        "surname": FAMILY[(person * 5 + person // len(GIVEN)) % len(FAMILY)],
        "born": born.strftime("%d/%m/%Y"),
        "nationality": NATIONALITIES[person % 4],
    }


def _misspelt(row: dict[str, str], person: int) -> dict[str, str]:
    """Return a row with one error in every second person."""
    surname = row["surname"]
    if person % 4 == 1:
        return row | {"surname": surname[:2] + surname[3:]}
    if person % 4 == 3:
        return row | {"names": row["names"][0] + "."}
    return row


def write_small_set(folder: Path) -> Path:
    """Write the set into a folder: persons 0 to 119 hold a permit, 40 to 159 are paid, every tenth of them twice."""
    folder.mkdir(parents=True, exist_ok=True)
    permits = [_row(person) | {"id": f"r{person}"} for person in range(120)]
    paid = [(person, _misspelt(_row(person), person) | {"id": f"s{person}"}) for person in range(40, 160)]
    paid += [(person, _row(person) | {"id": f"t{person}"}) for person in range(40, 160, 10)]
    pl.DataFrame(permits).write_csv(folder / "permits.csv")
    pl.DataFrame([row for _, row in paid]).drop("nationality").write_csv(folder / "pay.csv")
    truth = [("Permits 2024", f"r{person}", f"p{person}") for person in range(120)]
    truth += [("pay", row["id"], f"p{person}") for person, row in paid]
    pl.DataFrame(truth, schema=["register", "record_id", "entity_id"], orient="row").write_csv(folder / "truth.csv")
    (folder / "dataset.toml").write_text(DESCRIPTION, encoding="utf-8")
    return folder
