"""Edges: what the linkage unit hands to the statistics unit after a run.

One sealed Parquet file and one signed manifest. The linkage unit learns nothing back.

Columns: `pass` (string, dictionary), `handle_a`, `handle_b` (uint64), `register_a`, `register_b`
(string, dictionary; a pair's registers in the agreement's order), `pattern` (uint64, the agreement
levels, see `linkage`), `weight` (float64, log2 likelihood ratio), `probability` (float64). Sorted by
pass, handle_a, handle_b.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from contract.agreement import Frozen
from contract.submission import Hex32, Hex64, Vintage

EDGES_CONTEXT = "edges/v1"
EDGES_FILE = "edges.sealed"


class EdgesManifest(Frozen):
    """Which run made these edges, from which submissions, and the aggregate quality report."""

    format: Literal["wasl-edges/1"] = "wasl-edges/1"
    run_id: Hex32
    agreement_id: Hex64
    vintage: Vintage
    submissions: dict[str, Hex64]  # register -> manifest id
    created_at: datetime
    edges: int = Field(ge=0)
    result_digest: Hex64  # SHA-256 of the plain edge table's canonical bytes: equal for equal runs
    sha256: Hex64  # of the sealed file
    size: int = Field(ge=0)
    quality: dict[str, Any] = Field(default_factory=dict)

    def seal_info(self) -> bytes:
        """Return what the sealed edges are bound to."""
        return edges_seal_info(self.agreement_id, self.vintage, self.run_id)


def edges_seal_info(agreement_id: str, vintage: str, run_id: str) -> bytes:
    """Return the HPKE info string of a file of edges."""
    return f"wasl/edges/v1|{agreement_id}|{vintage}|{run_id}".encode()


class SignedEdgesManifest(Frozen):
    """An edges manifest with the linkage unit's signature under `EDGES_CONTEXT`."""

    manifest: EdgesManifest
    signature: str
