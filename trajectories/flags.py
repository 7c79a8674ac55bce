"""Codes of the `flag` column of spells. 0 is no flag."""

from __future__ import annotations

from typing import Final

FLAGS: Final = ("", "first_exit", "open_end", "no_crossing", "missing_exit", "missing_entry", "bridged_gap")
_, FIRST_EXIT, OPEN_END, NO_CROSSING, MISSING_EXIT, MISSING_ENTRY, BRIDGED_GAP = range(len(FLAGS))
