"""Spells of the four channels as one tidy table."""

from __future__ import annotations

from typing import Final

import numpy as np
import polars as pl

from contract.errors import InputError
from trajectories.channels import CHANNELS, Channels, build_channels
from trajectories.flags import BRIDGED_GAP, FIRST_EXIT, FLAGS, MISSING_ENTRY, MISSING_EXIT, NO_CROSSING
from trajectories.tables import REFERENCE, LinkedRegisters, Preset, Window

SPELL_SCHEMA: Final = {
    "person_id": pl.String,
    "channel": pl.String,
    "state": pl.String,
    "start": pl.Date,
    "end": pl.Date,
    "start_censored": pl.String,
    "end_censored": pl.String,
    "source": pl.String,
    "confidence": pl.Float64,
    "flag": pl.String,
}

_REGISTER: Final = {
    "presence": "border_crossing",
    "permit": "residence_permit",
    "authorised_work": "work_contract",
    "insured_work": "social_security",
}
_STATE: Final = {"presence": "present", "permit": "valid", "authorised_work": "authorised", "insured_work": "insured"}
_SOURCES: Final = (*_REGISTER.values(), "other_channels")
_STATES: Final = (*_STATE.values(), "uncertain", "bridged")
_START_CODES: Final = ("no", "left", "interval")
_END_CODES: Final = ("no", "right", "interval")


def build_spells(
    linked: LinkedRegisters,
    window: Window,
    preset: Preset = REFERENCE,
    *,
    confidence: pl.DataFrame | None = None,
    channels: Channels | None = None,
) -> pl.DataFrame:
    """Return the spells of all linked persons: half-open [start, end), clipped to the window, disjoint in a channel.

    Args:
        linked: The registers with their links.
        window: Observation window.
        preset: `REFERENCE` (the reference definitions, literally) or `WASL` (unmatched crossings interval-censored,
            short gaps of permit and social security bridged), or one of your own.
        confidence: `person_id` (str) and `confidence` (float, 0 to 1: the probability that the records behind the spell
            are the person's); with a column `register` (str), by source register. Who is not in it has 1.
        channels: What `build_channels` gave for the same registers, window and preset, to save doing it twice.

    Returns:
        Sorted by person, channel and start, as `SPELL_SCHEMA`:

        - `channel`: `presence`, `permit`, `authorised_work`, `insured_work`.
        - `state`: `present`, `valid`, `authorised`, `insured` in these channels; `bridged` for a bridged gap;
          `uncertain` for a presence whose entry was not seen (shown, and counted in no indicator).
        - `start_censored`: `no`; `left` (the spell reaches the beginning of the window or of its register's own
          period: it may have begun earlier); `interval` (it began somewhere inside the spell).
        - `end_censored`: `no`; `right` (it reaches the end of the window or of its register's period); `interval`
          (it ended somewhere inside the spell: at the latest at `end`).
        - `source`: the register, or `other_channels` for the presence of a person without crossings.
        - `flag`: empty; `first_exit` (the first crossing is an exit: opened at S); `open_end` (no exit after the last
          entry: ends at E; no departure seen is not the same as still present); `no_crossing` (inferred from the other
          channels); `missing_exit` (two entries in a row); `missing_entry` (two exits in a row); `bridged_gap`.

    Raises:
        InputError: A value is not in its column's form; the confidence table lacks a column or has a person twice.
    """
    return spells_of(channels or build_channels(linked, window, preset), confidence)


def spells_of(built: Channels, confidence: pl.DataFrame | None = None) -> pl.DataFrame:
    """Return the spells of channels that are built already; see `build_spells`."""
    parts = [_channel(name, built) for name in CHANNELS]
    table = (
        pl.concat(parts)
        .sort("person", "channel", "start")
        .with_columns(
            channel=_decoded("channel", CHANNELS),
            state=_decoded("state", _STATES),
            start=pl.col("start").cast(pl.Int32).cast(pl.Date),
            end=pl.col("end").cast(pl.Int32).cast(pl.Date),
            start_censored=_decoded("start_censored", _START_CODES),
            end_censored=_decoded("end_censored", _END_CODES),
            source=_decoded("source", _SOURCES),
            flag=_decoded("flag", FLAGS),
        )
    )
    named = table.join(built.persons, on="person", how="left", maintain_order="left")
    if confidence is None:
        return named.with_columns(confidence=pl.lit(1.0)).select(list(SPELL_SCHEMA))
    checked, keys = _checked(confidence)
    # A presence that was inferred from other channels is as sure as the person.
    joined = named.with_columns(register=pl.col("source")).join(checked, on=keys, how="left", maintain_order="left")
    return joined.with_columns(pl.col("confidence").fill_null(1.0)).select(list(SPELL_SCHEMA))


def _channel(name: str, built: Channels) -> pl.DataFrame:
    """Return one channel as codes; the strings come last, once for all."""
    spells, position = built.spells[name], CHANNELS.index(name)
    first, end = built.window.first_day, built.window.end_day
    for register, covered in built.preset.register_windows:
        if register == _REGISTER[name]:
            first, end = max(first, covered.first_day), min(end, covered.end_day)
    flag = spells.flag
    left = (spells.start <= first) | (flag == FIRST_EXIT) | (flag == NO_CROSSING)
    right = (spells.end >= end) | (flag == NO_CROSSING)
    state = np.full(len(spells), position, dtype=np.uint8)
    state[flag == MISSING_ENTRY] = _STATES.index("uncertain")
    state[flag == BRIDGED_GAP] = _STATES.index("bridged")
    return pl.DataFrame(
        {
            "person": spells.person,
            "channel": np.full(len(spells), position, dtype=np.uint8),
            "state": state,
            "start": spells.start,
            "end": spells.end,
            "start_censored": np.where(flag == MISSING_ENTRY, 2, left).astype(np.uint8),
            "end_censored": np.where(flag == MISSING_EXIT, 2, right).astype(np.uint8),
            "source": np.where(flag == NO_CROSSING, _SOURCES.index("other_channels"), position).astype(np.uint8),
            "flag": flag,
        }
    )


def _decoded(column: str, names: tuple[str, ...]) -> pl.Expr:
    return pl.col(column).replace_strict(dict(enumerate(names)), return_dtype=pl.String)


def _checked(confidence: pl.DataFrame) -> tuple[pl.DataFrame, list[str]]:
    for column in ("person_id", "confidence"):
        if column not in confidence.columns:
            raise InputError("A column is missing.", where={"table": "confidence", "column": column})
    keys = ["person_id", "register"] if "register" in confidence.columns else ["person_id"]
    table = confidence.select(pl.col(keys).cast(pl.String), pl.col("confidence").cast(pl.Float64))
    if table.select(pl.struct(keys).is_duplicated()).to_series().any():
        raise InputError("A person occurs twice.", where={"table": "confidence", "column": "person_id"})
    if not table["confidence"].is_between(0, 1).all():
        raise InputError("A confidence lies outside 0 to 1.", where={"table": "confidence", "column": "confidence"})
    return table, keys
