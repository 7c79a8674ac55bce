"""Disclosure control: cell-key perturbation, suppression, dominance, and populations that are too alike."""

from trajectories.disclosure.cell_keys import NOISE_BOUND, NOISE_VARIANCE, Perturbation, noise_table, record_keys
from trajectories.disclosure.cells import CELL_SCHEMA, Cells, cells_from, cells_of
from trajectories.disclosure.cubes import ProtectedCube, protect_cube
from trajectories.disclosure.magnitudes import MagnitudeRules, unsafe_magnitudes
from trajectories.disclosure.published import BASE, rounded
from trajectories.disclosure.sketches import PopulationSketch
from trajectories.disclosure.suppression import (
    MEDIAN_THRESHOLD,
    THRESHOLD,
    Equation,
    protect,
    suppressed_cells,
)

__all__ = [
    "BASE",
    "CELL_SCHEMA",
    "MEDIAN_THRESHOLD",
    "NOISE_BOUND",
    "NOISE_VARIANCE",
    "THRESHOLD",
    "Cells",
    "Equation",
    "MagnitudeRules",
    "Perturbation",
    "PopulationSketch",
    "ProtectedCube",
    "cells_from",
    "cells_of",
    "noise_table",
    "protect",
    "protect_cube",
    "record_keys",
    "rounded",
    "suppressed_cells",
    "unsafe_magnitudes",
]
