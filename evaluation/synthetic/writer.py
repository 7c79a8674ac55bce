"""Write a synthetic country as canonical files, a labelled data set, and its truth."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import polars as pl

from evaluation.reference.indicators import as_table
from evaluation.synthetic.country import SyntheticCountry
from evaluation.synthetic.truth import indicators_recorded, indicators_true, persons_table, spells_table

_NAMES: Final = ("family_name", "given_names")
_ARABIC: Final = ("family_name_ar", "given_names_ar")
_PERSON: Final = ("birth_date", "sex", "nationality")
#: Linkage fields of each register that have their column's name; the others stand in `_RENAMED`.
_FIELDS: Final[dict[str, tuple[str, ...]]] = {
    "border_crossing": ("doc_type", "doc_no", *_NAMES, "sex", "nationality"),
    "residence_permit": ("passport_no", *_NAMES, *_ARABIC, "address", "birth_place", "birth_country", *_PERSON),
    "work_contract": ("passport_no", "residence_card_no", *_NAMES, *_PERSON),
    "social_security": ("social_security_no", "national_id", "full_name", *_PERSON),
    "placement": ("national_id", "passport_no", *_NAMES, *_PERSON),
    "consular": ("national_id", "passport_no", *_NAMES, *_ARABIC, "birth_date", "sex", "birth_place"),
}
_RENAMED: Final[dict[str, dict[str, str]]] = {
    "border_crossing": {"birth_date": '{ column = "birth_date", format = "%y%m%d" }'},
    "residence_permit": {"residence_card_no": '"card_no"'},
    "social_security": {"national_id": '{ column = "national_id", any_document = true }'},
}


def write(country: SyntheticCountry, directory: Path) -> None:
    """Write all files of a country into a directory, which is made if need be.

    Files: for each register `NAME.csv` (record_id, identity and attribute columns) and `NAME_events.csv`
    (record_id, event columns); `dataset.toml` and `truth.csv` (a labelled data set); `truth/persons.csv`,
    `truth/spells.csv`, `truth/indicators_true.csv`, `truth/indicators_recorded.csv`. UTF-8 with a header row.
    """
    (directory / "truth").mkdir(parents=True, exist_ok=True)
    for name, register in country.registers.items():
        register.identity.write_csv(directory / f"{name}.csv")
        register.events.write_csv(directory / f"{name}_events.csv")
    (directory / "dataset.toml").write_text(dataset_description(country), encoding="utf-8")
    truth: dict[str, pl.DataFrame] = {
        "truth.csv": country.truth(),
        "truth/persons.csv": persons_table(country),
        "truth/spells.csv": spells_table(country),
        "truth/indicators_true.csv": as_table(indicators_true(country)),
        "truth/indicators_recorded.csv": as_table(indicators_recorded(country)),
    }
    for name, table in truth.items():
        table.write_csv(directory / name)


def dataset_description(country: SyntheticCountry) -> str:
    """Return the `dataset.toml` of a country: registers, linkage fields, truth."""
    lines = [
        'name = "synthetic_morocco"',
        f'description = "{len(country.population)} synthetic persons in six registers of Morocco"',
        'licence = "Apache-2.0"',
    ]
    for name in country.registers:
        lines += ["", "[[register]]", f'name = "{name}"', f'file = "{name}.csv"', 'record_id = "record_id"']
        lines += ['rows_per_person = "many"', "[register.fields]"]
        fields = {**{field: f'"{field}"' for field in _FIELDS[name]}, **_RENAMED.get(name, {})}
        lines += [f"{field} = {column}" for field, column in fields.items()]
    start, end = country.settings.start.isoformat(), country.settings.end.isoformat()
    lines += ["", "[window]", f'start = "{start}"', f'end = "{end}"']
    lines += ["", "[truth]", 'file = "truth.csv"', ""]
    return "\n".join(lines)
