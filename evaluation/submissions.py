"""What lies in the connectors' outboxes, opened with the statistics unit's key: for the harness alone."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from connectors.agent import ConnectorAgent
from contract.sealing import unseal_stream
from contract.submission import STATISTICS_FILE, SignedManifest


def submission_folders(agents: Mapping[str, ConnectorAgent], vintage: str) -> dict[str, Path]:
    """Return each register's folder with the last submission of a vintage."""
    found = {}
    for name, agent in agents.items():
        sent = [one for one in agent.state.submissions() if one.vintage == vintage]
        found[name] = agent.configuration.outbox / sent[-1].folder
    return found


def owned_handles(folders: Mapping[str, Path], sealing_key: X25519PrivateKey) -> pl.DataFrame:
    """Return `register` (as `folders` names it), `pass`, `handle`, `subject_ref` of all submissions.

    Raises:
        SealError: The key is not the one a statistics half was sealed for.
    """
    parts = []
    for name, folder in folders.items():
        signed = SignedManifest.model_validate_json((folder / "manifest.json").read_text(encoding="utf-8"))
        plain = io.BytesIO()
        with (folder / STATISTICS_FILE).open("rb") as sealed:
            unseal_stream(sealing_key, sealed, plain, signed.manifest.seal_info())
        with zipfile.ZipFile(plain) as archive:
            table = pq.read_table(io.BytesIO(archive.read("handles.parquet")))
        frame = pl.DataFrame(pl.from_arrow(table))
        parts.append(
            frame.select(
                pl.lit(name).alias("register"),
                pl.col("pass").cast(pl.String),
                "handle",
                pl.col("subject_ref").cast(pl.String),
            )
        )
    return pl.concat(parts)
