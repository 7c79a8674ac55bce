"""All forms of spells, and of protected indicators, into one folder; each with its side file and a codebook."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any, Final

import polars as pl

from contract.canonical import digest
from trajectories.exports.ddi import codebook
from trajectories.exports.files import indicators_csv, write_described
from trajectories.exports.months import STATES, months_of, person_months
from trajectories.exports.sdmx import sdmx_csv, structure_xml
from trajectories.exports.spss import spss_bytes
from trajectories.exports.stata import stata_bytes
from trajectories.exports.traminer import FORMS, sequences
from trajectories.tables import Preset, Window

LABELS: Final = {
    "person_id": "pseudonym of the person",
    "channel": "presence, permit, authorised work or insured work",
    "state": "state of the channel, or joint state of a month",
    "start": "first day of the spell",
    "end": "first day after the spell",
    "start_censored": "whether the beginning was seen",
    "end_censored": "whether the end was seen",
    "source": "register behind the spell",
    "confidence": "probability that the records are the person's",
    "flag": "rule that made or changed the spell",
    "month": "month, YYYY-MM",
    "presence": "present on some day of the month",
    "permit": "permit valid on some day of the month",
    "authorised_work": "authorised to work on some day of the month",
    "insured_work": "insured in the month",
    "id": "pseudonym of the person",
    "begin": "first month, from 1",
    "states": "joint state: P presence, T title, W authorised work, I insured work, 0 none",
    "sequence": "sequence of joint states",
    "time": "months since the first one",
    "event": "joint state entered",
    "indicator": "code of the indicator",
    "residence": "rule of residence",
    "period": "year",
    "breakdown": "variable of the breakdown",
    "category": "category of the breakdown",
    "value": "published value; empty: confidential or not defined",
    "lower": "lower bound of the 95 % interval",
    "upper": "upper bound of the 95 % interval",
    "protected": "disclosure control was applied",
}
_MICRODATA: Final = "microdata: not for publication; they stay where they were made"
_RELEASE: Final = "protected by cell-key perturbation, threshold 10 and suppression of complements"


def write_spell_forms(spells: pl.DataFrame, folder: Path, window: Window, preset: Preset) -> list[Path]:
    """Write spells, person-months and sequences as Parquet, CSV, Stata and SPSS, with DDI codebooks.

    Returns:
        The files, without their side files.

    Raises:
        InputError: The table is not a spell table.
        StorageError: The folder does not take a file.
    """
    months = months_of(spells, window)
    tables = {"spells": spells, "person_months": person_months(months)}
    written: list[Path] = []
    for name, table in tables.items():
        contents = {"parquet": _parquet(table), "csv": _csv(table)}
        contents["dta"] = stata_bytes(table, name, LABELS)
        contents["sav"] = spss_bytes(table, name, LABELS)
        written += _write(folder, name, table, contents, window, preset, _MICRODATA)
    for form in FORMS:
        table = sequences(months, form)
        name = f"traminer_{form.lower()}"
        written += _write(folder, name, table, {"csv": _csv(table)}, window, preset, _MICRODATA)
    return written


def write_indicator_forms(indicators: pl.DataFrame, folder: Path, window: Window, preset: Preset) -> list[Path]:
    """Write a protected indicator table as Parquet, CSV, Stata, SPSS and SDMX, with a DDI codebook.

    Raises:
        InputError: The table is not an indicator table, or holds raw figures.
        StorageError: The folder does not take a file.
    """
    contents = {
        "sdmx.csv": sdmx_csv(indicators),
        "sdmx.xml": structure_xml(indicators),
        "parquet": _parquet(indicators),
        "csv": indicators_csv(indicators),
        "dta": stata_bytes(indicators, "indicators", LABELS),
        "sav": spss_bytes(indicators, "indicators", LABELS),
    }
    return _write(folder, "indicators", indicators, contents, window, preset, _RELEASE)


def _write(
    folder: Path,
    name: str,
    table: pl.DataFrame,
    contents: dict[str, bytes],
    window: Window,
    preset: Preset,
    protection: str,
) -> list[Path]:
    days = (window.start.isoformat(), window.end.isoformat())
    definition: dict[str, Any] = {"table": name, "columns": table.columns, "protection": protection}
    coded = {column: {state: state for state in STATES} for column in ("state", "states") if name != "spells"}
    contents = {
        **contents,
        "ddi.xml": codebook(
            table,
            name=f"{name}.csv",
            title="Trajectories of migrant workers",
            sha256=digest(contents["csv"]),
            labels=LABELS,
            window=days,
            protection=protection,
            categories=coded,
        ),
    }
    return [
        write_described(folder / f"{name}.{ending}", content, {**definition, "form": ending}, window, preset)[0]
        for ending, content in contents.items()
    ]


def _csv(table: pl.DataFrame) -> bytes:
    sink = io.BytesIO()
    table.write_csv(sink)
    return sink.getvalue()


def _parquet(table: pl.DataFrame) -> bytes:
    sink = io.BytesIO()
    table.write_parquet(sink, compression="zstd", statistics=True)
    return sink.getvalue()
