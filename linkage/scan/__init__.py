"""Scans of long binary codes: all pairs within a Hamming distance, exactly, in two stages, or by hashing."""

from __future__ import annotations

from linkage.scan.exact import distance_histogram, scan
from linkage.scan.hashing import hamming_lsh, lsh_recall
from linkage.scan.tiles import Codes, hamming
from linkage.scan.two_stage import prefix_bound, prefix_loss, scan_two_stage

__all__ = [
    "Codes",
    "distance_histogram",
    "hamming",
    "hamming_lsh",
    "lsh_recall",
    "prefix_bound",
    "prefix_loss",
    "scan",
    "scan_two_stage",
]
