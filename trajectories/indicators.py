"""Indicators of labour migration, from linked registers, by year and category.

The definition of every indicator stands in `trajectories.definitions`; the conventions in
docs/indicator-conventions.md. Reference dates t are 31 December of the years in the window. For S(t) = residents at t,
I = inflow and O = outflow of the year: S(t) = S(t - 1 year) + I - O. Registers see neither unemployment nor informal
work, so the workers are those insured, those authorised and their union (insured + authorised = union + both), and
gap_exempt + gap_expired + gap_none = insured - both. Concepts after the resolution on international labour migration
of the 20th International Conference of Labour Statisticians.
"""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from trajectories.breakdowns import breakdowns_of
from trajectories.channels import Channels, build_channels
from trajectories.definitions import INDICATORS
from trajectories.figures import Figures, count_figures
from trajectories.persons import describe_persons
from trajectories.tables import REFERENCE, LinkedRegisters, Preset, Window
from trajectories.values import INDICATOR_SCHEMA, table_of, values_of

__all__ = ["INDICATOR_SCHEMA", "compute_figures", "compute_indicators", "raw_indicators"]


def compute_figures(
    linked: LinkedRegisters,
    window: Window,
    preset: Preset = REFERENCE,
    groups: Mapping[str, str] | None = None,
    *,
    channels: Channels | None = None,
) -> Figures:
    """Return the counts behind the indicators: what disclosure control needs (`trajectories.disclosure.protect`).

    Args:
        linked: The registers with their links.
        window: Observation window.
        preset: How spells are made of events.
        groups: Nationality (alpha-3) to group. Default: `contract.nationality_groups`.
        channels: What `build_channels` gave for the same registers, window and preset, to save doing it twice.

    Raises:
        InputError: A value is not in its column's form.
    """
    built = channels or build_channels(linked, window, preset)
    return count_figures(built, breakdowns_of(built, describe_persons(built, groups)))


def compute_indicators(
    linked: LinkedRegisters,
    window: Window,
    preset: Preset = REFERENCE,
    groups: Mapping[str, str] | None = None,
) -> pl.DataFrame:
    """Return all indicators, raw: not for publication (`protected` is false).

    Returns:
        One row for each indicator, residence rule, year and category, as `INDICATOR_SCHEMA`; `value` is null for a
        ratio with denominator 0 and a median of nobody. `lower` and `upper` are null: no interval is claimed here.

    Raises:
        InputError: A value is not in its column's form.
    """
    return raw_indicators(compute_figures(linked, window, preset, groups))


def raw_indicators(figures: Figures) -> pl.DataFrame:
    """Return figures as an indicator table, raw."""
    return table_of(figures, INDICATORS, values_of(figures, INDICATORS))
