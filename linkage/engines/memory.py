"""What is freed goes back to the system: otherwise each thread keeps the arrays of the pass it worked on before."""

from __future__ import annotations

import ctypes
import sys
from functools import cache
from typing import Final

import pyarrow as pa

_M_MMAP_THRESHOLD: Final = -3  # mallopt(3)
_LARGE: Final = 8 << 20  # bytes; by default the limit rises to 32 MiB, and a pass has many arrays between


@cache
def return_large_arrays() -> None:
    """Let the C library map arrays of 8 MiB and more by themselves; without effect where it is not glibc."""
    if sys.platform == "linux":
        set_option = getattr(ctypes.CDLL(None), "mallopt", None)
        if set_option is not None:
            set_option(_M_MMAP_THRESHOLD, _LARGE)


def return_arrow_memory() -> None:
    """Give back what Arrow's pool holds unused."""
    pa.default_memory_pool().release_unused()
