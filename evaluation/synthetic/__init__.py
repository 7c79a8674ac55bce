"""Synthetic registers of Morocco with their truth: a population, its life courses, and six imperfect records of them.

``write(generate(5000, seed=1), directory)`` gives canonical register files that any connector can read, a labelled
data set for the evaluation, and the true and recorded indicators. No real person is in them.
"""

from evaluation.synthetic.country import PopulationTooSmallError, SyntheticCountry, generate
from evaluation.synthetic.settings import WINDOW_END, WINDOW_START, Settings
from evaluation.synthetic.writer import write

__all__ = ["WINDOW_END", "WINDOW_START", "PopulationTooSmallError", "Settings", "SyntheticCountry", "generate", "write"]
