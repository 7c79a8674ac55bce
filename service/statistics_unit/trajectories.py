"""Spells and indicators of linked registers, raw and protected, ready to be stored."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import polars as pl

from service.statistics_unit.draws import LinkUncertainty
from service.statistics_unit.payload import LinkedPayload
from trajectories.breakdowns import ALL_BREAKDOWNS, REFERENCE_BREAKDOWNS, breakdowns_of
from trajectories.channels import Channels, build_channels
from trajectories.correction import corrected_table, corrections_of, with_missed
from trajectories.definitions import INDICATORS
from trajectories.diagnosis import DIAGNOSIS_SCHEMA, diagnose
from trajectories.disclosure import CELL_SCHEMA, cells_of, protect
from trajectories.durations import Floats
from trajectories.extended import EVERY_INDICATOR
from trajectories.figures import Figures, Key, count_figures
from trajectories.gap import GAP_SCHEMA, decompose_gap
from trajectories.indicators import INDICATOR_SCHEMA
from trajectories.integration import LOG_SCHEMA, integration_log
from trajectories.joint import conflicts
from trajectories.measures import count_extended
from trajectories.persons import describe_persons
from trajectories.spells import SPELL_SCHEMA, spells_of
from trajectories.tables import REFERENCE, WASL
from trajectories.uncertainty import combine_tables, counter, figures_of_draws
from trajectories.values import PUBLISHED_SCHEMA, table_of, values_of

SPELLS, RAW, PROTECTED = "spells", "indicators_raw", "indicators_protected"
#: All other raw figures; what rules changed on the way to spells of Wasl's own preset; producers' data diagnosed.
EXTENDED_RAW, LOG, DIAGNOSIS = "indicators_extended_raw", "integration_log", "diagnosis"
#: Counts with their cell keys, and the sketch of their population: what releases are made from.
CELLS, POPULATION = "cells", "population"
#: Raw parts of the gap between insured and authorised, with the part that the linkage lost.
GAP: Final = "gap"
#: All raw figures corrected for links that no pass found, beside those of the links: what is published, unprotected.
CORRECTED: Final = "indicators_corrected"
#: A count below this is not shown in a run's summary.
_SMALL: Final = 10
_EMPTY: Final[dict[str, Any]] = {
    SPELLS: SPELL_SCHEMA,
    RAW: INDICATOR_SCHEMA,
    PROTECTED: INDICATOR_SCHEMA,
    EXTENDED_RAW: INDICATOR_SCHEMA,
    LOG: LOG_SCHEMA,
    DIAGNOSIS: DIAGNOSIS_SCHEMA,
    CELLS: CELL_SCHEMA,
    POPULATION: {"sketch": pl.Binary},
    GAP: GAP_SCHEMA,
    CORRECTED: PUBLISHED_SCHEMA,
}


@dataclass(frozen=True)
class Trajectories:
    """Frames by name (see `_EMPTY`), the window as ISO dates (None without events), and a summary."""

    frames: dict[str, pl.DataFrame]
    window: dict[str, str] | None
    summary: dict[str, Any]


def compute(payload: LinkedPayload, uncertainty: LinkUncertainty | None = None, series: str = "") -> Trajectories:
    """Compute the trajectories by the reference definitions, with intervals where the links' uncertainty is given.

    `series` is the first agreement of the line of successors, within which person ids persist.

    Registers without a usable event have no window: their tables are empty, and the summary says so.
    """
    left_out = list(payload.left_out)
    if payload.window is None:
        empty = {name: pl.DataFrame(schema=schema) for name, schema in _EMPTY.items()}
        return Trajectories(empty, None, {"spells": 0, "window": None, "left_out": left_out, "losses": []})
    channels = build_channels(payload.linked, payload.window, REFERENCE)
    spells = spells_of(channels, None if uncertainty is None else uncertainty.confidence)
    breakdowns = breakdowns_of(channels, describe_persons(channels), ALL_BREAKDOWNS)
    figures = count_extended(channels, breakdowns)
    made, corrections = _indicators(payload, channels, figures, uncertainty)
    cells, population = cells_of(
        channels, breakdowns, series, figures=figures, count=count_extended, corrections=corrections
    )
    own = build_channels(payload.linked, payload.window, WASL)
    log, found = integration_log(own), conflicts(own).group_by("code").len().sort("code")
    frames = {
        SPELLS: spells,
        **made,
        PROTECTED: protect(count_figures(channels, breakdowns_of(channels, breakdowns.persons, REFERENCE_BREAKDOWNS))),
        LOG: log,
        DIAGNOSIS: diagnose(payload.linked),
        CELLS: cells,
        GAP: decompose_gap(
            figures, 1.0 if uncertainty is None else uncertainty.sensitivity.get("social_security", 1.0)
        ),
        POPULATION: pl.DataFrame({"sketch": [population.to_bytes()]}, schema=_EMPTY[POPULATION]),
    }
    window = {"start": payload.window.start.isoformat(), "end": payload.window.end.isoformat()}
    summary = {
        "spells": spells.height,
        "window": window,
        "left_out": left_out,
        "losses": channels.losses.sort(channels.losses.columns).to_dicts(),
        "draws": 0 if uncertainty is None else uncertainty.draws,
        "integration": [
            {"rule": row["rule"], "register": row["register"], "spells": _shown(row["spells"])}
            for row in log.to_dicts()
        ],
        "conflicts": {row["code"]: _shown(row["len"]) for row in found.to_dicts()},
    }
    return Trajectories(frames, window, summary)


def _shown(count: int) -> int | None:
    return count if count >= _SMALL else None


def _indicators(
    payload: LinkedPayload, channels: Channels, figures: Figures, uncertainty: LinkUncertainty | None
) -> tuple[dict[str, pl.DataFrame], dict[Key, Floats]]:
    """Return the raw tables, with the intervals of one round of draws, and the corrections of counts.

    The reference table has the reference indicators by the reference breakdowns, the extended one everything else: both
    are figures of the links. The corrected table has all of them corrected, beside those of the links.
    """
    corrections: dict[Key, Floats] = {}
    if uncertainty is None or not len(channels.persons):
        table = table_of(figures, EVERY_INDICATOR, values_of(figures, EVERY_INDICATOR))
    else:
        count = counter(count_extended, ALL_BREAKDOWNS)
        drawn, detached = (
            figures_of_draws(channels.events, channels, draws, count, whole=figures)
            for draws in uncertainty.over(payload.linked.records)
        )
        lost = list(detached)
        table = combine_tables(figures, with_missed(figures, drawn, lost), {RAW: EVERY_INDICATOR})[RAW]
        corrections = corrections_of(figures, lost)
    own = pl.struct("indicator", "residence").is_in(
        [{"indicator": one.code, "residence": residence} for one in INDICATORS for residence in one.residence]
    )
    reference = own & pl.col("breakdown").is_in(REFERENCE_BREAKDOWNS)
    frames = {
        RAW: table.filter(reference),
        EXTENDED_RAW: table.filter(~reference),
        CORRECTED: corrected_table(figures, corrections, EVERY_INDICATOR, table),
    }
    return frames, corrections
