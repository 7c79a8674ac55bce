"""Compiles the numerical code of one kind of party, before six processes would each do the same at once.

Run as ``python -m wasl.demo.kernels connectors`` or ``... units``: a small benchmark of what they do. What is compiled
is kept for the next process and the next demo, which load it. What is still missing each compiles for itself.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Final


def _connectors() -> None:
    from evaluation.benchmarks.encoding import bench_encoding

    bench_encoding(300, passes=2, audit_rows=40, rows_per_person="many", control_persons=300, control_rows=20)


def _units() -> None:
    from evaluation.benchmarks.linkage import bench

    bench(400)


KINDS: Final[dict[str, Callable[[], None]]] = {"connectors": _connectors, "units": _units}


def main() -> None:
    """Entry point of the process."""
    KINDS[sys.argv[1]]()


if __name__ == "__main__":
    main()
