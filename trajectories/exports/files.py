"""Files of a release: Parquet and CSV, each with a side file that says what it is and how it was made.

Every file `NAME` has a `NAME.meta.json`: definitions, preset with parameters, window, digest of the code and SHA-256 of
the file. No clock and no path is in it: the same input gives the same bytes. A file appears whole or not at all
(temporary file, fsync, rename).
"""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Mapping
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import polars as pl

from contract.canonical import digest
from contract.errors import InputError, StorageError
from trajectories.definitions import INDICATOR_COLUMNS, INDICATORS, PUBLISHED_COLUMNS
from trajectories.disclosure import THRESHOLD
from trajectories.disclosure.cell_keys import MECHANISM, MECHANISM_CORRECTED
from trajectories.extended import EVERY_INDICATOR
from trajectories.residence import RULES
from trajectories.spells import SPELL_SCHEMA
from trajectories.tables import Preset, Window

META_SUFFIX: Final = ".meta.json"
#: What stands in `value` and `linked` of a published table.
VALUE: Final = (
    "value: corrected for links that were missed, by what counts change in draws that part subjects which one pass "
    "found; linked: figure of the links alone; medians and the pay gap are not corrected"
)
_SOURCES: Final = ("py", "toml", "csv")
_COUNTS: Final = frozenset(one.code for one in EVERY_INDICATOR if one.kind == "count")


@lru_cache(maxsize=1)
def code_digest() -> str:
    """Return the SHA-256 over the sources of trajectories: code and concept catalogue (path and content, sorted).

    Read once: it names the code that this process runs, which does not change with the files under it.
    """
    root = Path(__file__).parents[1]
    names = sorted(path.relative_to(root).as_posix() for ending in _SOURCES for path in root.rglob(f"*.{ending}"))
    return digest(b"".join(name.encode() + b"\0" + (root / name).read_bytes() + b"\0" for name in names))


def write_spells(spells: pl.DataFrame, path: Path, window: Window, preset: Preset) -> Path:
    """Write spells as Parquet, or CSV if the name ends in `.csv`; return the path of the side file.

    Raises:
        InputError: The table is not as `SPELL_SCHEMA`.
        StorageError: The folder does not take the file.
    """
    if dict(spells.schema) != SPELL_SCHEMA:
        raise InputError("The table is not a spell table.", where={"file": path.name})
    content = _csv_of(spells) if path.suffix == ".csv" else _parquet_of(spells)
    definition = {"table": "spells", "columns": list(SPELL_SCHEMA), "intervals": "half-open [start, end)"}
    return _write(path, content, definition, window, preset)


def write_indicators(
    indicators: pl.DataFrame,
    path: Path,
    window: Window,
    preset: Preset,
    mechanism: Mapping[str, Any] | None = None,
) -> Path:
    """Write an indicator table as CSV, or Parquet if the name ends in `.parquet`; return the path of the side file.

    In CSV a count is a whole number, a ratio or median a float in full (shortest digits that give it back).
    `mechanism` is what protects the table, as its side file names it: noise by cell keys, unless said.

    Raises:
        InputError: The table is not as `INDICATOR_COLUMNS` or `PUBLISHED_COLUMNS`.
        StorageError: The folder does not take the file.
    """
    if tuple(indicators.columns) not in {INDICATOR_COLUMNS, PUBLISHED_COLUMNS}:
        raise InputError("The table is not an indicator table.", where={"file": path.name})
    content = _parquet_of(indicators) if path.suffix == ".parquet" else indicators_csv(indicators)
    protected = bool(indicators["protected"].all())
    if mechanism is None:
        mechanism = MECHANISM_CORRECTED if "linked" in indicators.columns else MECHANISM
    definition = {
        "table": "indicators",
        "indicators": {indicator.code: indicator.definition for indicator in INDICATORS},
        "residence": {name: {"days": rule.days, "within": rule.within} for name, rule in RULES.items()},
        "reference_dates": "31 December of each year in the window; figures of the last `within` days are provisional",
        "protected": protected,
        "value": VALUE if "linked" in indicators.columns else "figure of the links",
        "disclosure_control": {"threshold": THRESHOLD, "mechanism": dict(mechanism)} if protected else None,
    }
    return _write(path, content, definition, window, preset)


def write_described(
    path: Path, content: bytes, definition: Mapping[str, Any], window: Window, preset: Preset
) -> tuple[Path, Path]:
    """Write any form of an export with its side file; return both paths.

    Raises:
        StorageError: The folder does not take the file.
    """
    return path, _write(path, content, dict(definition), window, preset)


def indicators_csv(indicators: pl.DataFrame) -> bytes:
    """Return an indicator table as UTF-8 CSV with a header row."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(indicators.columns)
    for row in indicators.iter_rows():
        code, residence, period, breakdown, category, value, lower, upper, protected, *linked = row
        cells, beside = (
            [_number(number, whole=code in _COUNTS) for number in part] for part in ((value, lower, upper), linked)
        )
        writer.writerow(
            [code, residence, period, breakdown, category, *cells, "true" if protected else "false", *beside]
        )
    return text.getvalue().encode()


def _number(value: float | None, *, whole: bool) -> str:
    if value is None:
        return ""
    return str(int(value)) if whole and value.is_integer() else repr(value)


def _csv_of(frame: pl.DataFrame) -> bytes:
    buffer = io.BytesIO()
    frame.write_csv(buffer)
    return buffer.getvalue()


def _parquet_of(frame: pl.DataFrame) -> bytes:
    buffer = io.BytesIO()
    frame.write_parquet(buffer, compression="zstd", statistics=True)
    return buffer.getvalue()


def _write(path: Path, content: bytes, definition: dict[str, Any], window: Window, preset: Preset) -> Path:
    parameters = {name: value for name, value in asdict(preset).items() if name not in ("name", "register_windows")}
    parameters["register_windows"] = {
        register: [covered.start.isoformat(), covered.end.isoformat()] for register, covered in preset.register_windows
    }
    meta = {
        "file": path.name,
        "sha256": digest(content),
        "definition": definition,
        "preset": preset.name,
        "parameters": parameters,
        "window": {"start": window.start.isoformat(), "end": window.end.isoformat()},
        "code_sha256": code_digest(),
    }
    side = path.with_name(path.name + META_SUFFIX)
    _replace(path, content)
    _replace(side, json.dumps(meta, indent=2, ensure_ascii=False, sort_keys=True).encode() + b"\n")
    return side


def _replace(path: Path, content: bytes) -> None:
    partial = path.with_name(path.name + ".partial")
    try:
        with partial.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise StorageError("A file of the release could not be written.", where={"file": path.name}) from error
