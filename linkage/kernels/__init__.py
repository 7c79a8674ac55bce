"""Numba kernels: agreement patterns of row pairs, and walks over all pairs of a block.

No pair is ever stored: pairs pass in batches of 512 through a few short loops (Boncz, Zukowski and
Nes 2005), each over one part of the comparison, so that a block of two rows costs what its rows cost
to read and not a loop of its own. The counting walk fills a hash table of distinct patterns, the
emitting walk keeps only pairs whose weight reaches a bound. All release the interpreter lock.
`linkage.twins` states the same comparison in NumPy; property tests hold the two equal.
"""

from __future__ import annotations

from linkage.kernels.walk import count_kernel, emit_kernel, largest_block, pairs_kernel, patterns_kernel

__all__ = ["count_kernel", "emit_kernel", "largest_block", "pairs_kernel", "patterns_kernel"]
