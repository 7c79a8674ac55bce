"""All forms of spells, and of protected indicators, into one folder; each with its side file and a codebook."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any, Final

import polars as pl

from contract.canonical import digest
from trajectories.definitions import BY_CODE
from trajectories.exports.ddi import codebook
from trajectories.exports.files import indicators_csv, write_described
from trajectories.exports.months import STATE_WORDS, months_of, person_months
from trajectories.exports.sdmx import sdmx_csv, structure_xml
from trajectories.exports.spss import spss_bytes
from trajectories.exports.stata import stata_bytes
from trajectories.exports.traminer import FORMS, sequences
from trajectories.extended import EXTENDED
from trajectories.labels import category_names
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
    "states": "joint state: P presence, R residence title, W authorised work, I insured work, 0 none",
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
    "linked": "figure of the links alone, where the value is corrected for missed links",
}
#: Codes of spells and what they mean, by column.
CODES: Final = {
    "channel": {
        "presence": "presence in the country",
        "permit": "residence title",
        "authorised_work": "authorised work",
        "insured_work": "insured work",
    },
    "state": {
        "present": "present",
        "valid": "title valid",
        "authorised": "authorised to work",
        "insured": "insured",
        "uncertain": "present, entry not seen: counted nowhere",
        "bridged": "short gap that was bridged",
    },
    "start_censored": {
        "no": "beginning seen",
        "left": "may have begun earlier",
        "interval": "began within the spell",
    },
    "end_censored": {"no": "end seen", "right": "may go on", "interval": "ended within the spell"},
    "source": {
        "border_crossing": "border crossings",
        "residence_permit": "residence titles",
        "work_contract": "work contracts",
        "social_security": "social security",
        "other_channels": "inferred from the other channels",
    },
    "flag": {
        "first_exit": "first crossing is an exit",
        "open_end": "no exit after the last entry",
        "no_crossing": "no crossing at all",
        "missing_exit": "two entries in a row",
        "missing_entry": "two exits in a row",
        "bridged_gap": "bridged gap",
    },
}
_JOINT: Final = {"state": STATE_WORDS, "states": STATE_WORDS, "event": STATE_WORDS}
_INDICATORS: Final = {
    "indicator": {one.code: one.formula for one in EXTENDED} | {key: one.definition for key, one in BY_CODE.items()}
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
        codes = CODES if name == "spells" else _JOINT
        contents = {"parquet": _parquet(table), "csv": _csv(table)}
        contents["dta"] = stata_bytes(table, name, LABELS, codes)
        contents["sav"] = spss_bytes(table, name, LABELS, codes)
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
        "dta": stata_bytes(indicators, "indicators", LABELS, _INDICATORS),
        "sav": spss_bytes(indicators, "indicators", LABELS, _named(indicators)),
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
    coded = {"spells": CODES}.get(name, _JOINT) if name != "indicators" else _named(table)
    labels = LABELS | (
        {"id": "number of the person, from 1, in the order of persons"} if name == "traminer_tse" else {}
    )
    contents = {
        **contents,
        "ddi.xml": codebook(
            table,
            name=f"{name}.csv",
            title="Trajectories of migrant workers",
            sha256=digest(contents["csv"]),
            labels=labels,
            window=days,
            protection=protection,
            categories=coded,
        ),
    }
    return [
        write_described(folder / f"{name}.{ending}", content, {**definition, "form": ending}, window, preset)[0]
        for ending, content in contents.items()
    ]


def _named(indicators: pl.DataFrame) -> dict[str, dict[str, str]]:
    """Return the names of indicators and of the table's categories."""
    pairs = indicators.select("breakdown", "category").unique(maintain_order=True).rows()
    return {**_INDICATORS, "category": category_names(pairs)}


def _csv(table: pl.DataFrame) -> bytes:
    sink = io.BytesIO()
    table.write_csv(sink)
    return sink.getvalue()


def _parquet(table: pl.DataFrame) -> bytes:
    sink = io.BytesIO()
    table.write_parquet(sink, compression="zstd", statistics=True)
    return sink.getvalue()
