"""Runs a linkage in chunks (pass x token range) on one machine or on a Dask cluster, with the same bits."""

from __future__ import annotations

from linkage.engines.job import Job, Linked, link
from linkage.engines.local import LocalEngine
from linkage.engines.port import Engine

__all__ = ["Engine", "Job", "Linked", "LocalEngine", "link"]
