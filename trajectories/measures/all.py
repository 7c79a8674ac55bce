"""All counts together: the reference measures and the extended ones, over every breakdown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from trajectories.breakdowns import Breakdowns
from trajectories.channels import Channels
from trajectories.figures import Figures, count_figures
from trajectories.measures.arrivals import count_first_events, count_retention, count_times
from trajectories.measures.residency import ScoreRule, count_residency
from trajectories.measures.scene import Scene
from trajectories.measures.stocks import count_nationals, count_stocks, count_transitions
from trajectories.measures.work import count_accidents, count_gap, count_paid, count_pay
from trajectories.residence import RULES, ResidenceRule


def count_extended(
    channels: Channels,
    breakdowns: Breakdowns,
    rules: Mapping[str, ResidenceRule] = RULES,
    score: ScoreRule | None = None,
) -> Figures:
    """Return the counts and histograms of the reference and the extended indicators.

    Args:
        channels: Spells of the population.
        breakdowns: Its categories (`trajectories.breakdowns.ALL_BREAKDOWNS` for all of them).
        rules: Residence rules by name, beside the reference ones.
        score: Parameters of the residency score.
    """
    every = {**RULES, **rules}
    scene = Scene(channels, breakdowns, every)
    base = count_figures(channels, breakdowns, every, scene.resident)
    counts, histograms = dict(base.counts), dict(base.histograms)
    counts.update(count_stocks(scene))
    counts.update(count_transitions(scene))
    counts.update(count_nationals(scene))
    counts.update(count_gap(scene))
    counts.update(count_accidents(scene))
    counts.update(count_retention(scene))
    counts.update(count_first_events(scene))
    counts.update(count_paid(scene))
    counts.update(count_residency(scene, score))
    histograms.update(count_times(scene))
    histograms.update(count_pay(scene))
    return replace(base, counts=counts, histograms=histograms)
