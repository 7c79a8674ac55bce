"""Pictures of trajectories and indicators, drawn on the server as SVG or PNG; each has its table."""

from trajectories.pictures.bars import coverage_matrix, flow_matrix, gap_waterfall, transition_shares
from trajectories.pictures.sequences import chronogram, index_plot, lines_of, shares_by_month
from trajectories.pictures.survival import state_shares, status_bars, survival_curves
from trajectories.pictures.theme import Picture, Theme

__all__ = [
    "Picture",
    "Theme",
    "chronogram",
    "coverage_matrix",
    "flow_matrix",
    "gap_waterfall",
    "index_plot",
    "lines_of",
    "shares_by_month",
    "state_shares",
    "status_bars",
    "survival_curves",
    "transition_shares",
]
