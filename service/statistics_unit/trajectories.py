"""Spells and indicators of linked registers, raw and protected, ready to be stored."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import polars as pl

from service.statistics_unit.payload import LinkedPayload
from trajectories.channels import build_channels
from trajectories.disclosure import protect
from trajectories.indicators import INDICATOR_SCHEMA, compute_figures, raw_indicators
from trajectories.spells import SPELL_SCHEMA, build_spells
from trajectories.tables import REFERENCE

SPELLS, RAW, PROTECTED = "spells", "indicators_raw", "indicators_protected"


@dataclass(frozen=True)
class Trajectories:
    """Frames by name (`SPELLS`, `RAW`, `PROTECTED`), the window as ISO dates (None without events), and a summary."""

    frames: dict[str, pl.DataFrame]
    window: dict[str, str] | None
    summary: dict[str, Any]


def compute(payload: LinkedPayload) -> Trajectories:
    """Compute the trajectories by the reference definitions.

    Registers without a usable event have no window: their tables are empty, and the summary says so.
    """
    left_out = list(payload.left_out)
    if payload.window is None:
        empty = {SPELLS: pl.DataFrame(schema=SPELL_SCHEMA)}
        empty |= {name: pl.DataFrame(schema=INDICATOR_SCHEMA) for name in (RAW, PROTECTED)}
        return Trajectories(empty, None, {"spells": 0, "window": None, "left_out": left_out, "losses": []})
    channels = build_channels(payload.linked, payload.window, REFERENCE)
    spells = build_spells(payload.linked, payload.window, REFERENCE, channels=channels)
    figures = compute_figures(payload.linked, payload.window, REFERENCE, channels=channels)
    window = {"start": payload.window.start.isoformat(), "end": payload.window.end.isoformat()}
    losses = channels.losses.sort(channels.losses.columns).to_dicts()
    summary = {"spells": spells.height, "window": window, "left_out": left_out, "losses": losses}
    return Trajectories({SPELLS: spells, RAW: raw_indicators(figures), PROTECTED: protect(figures)}, window, summary)
