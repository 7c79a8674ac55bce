"""Objects of computations: frames as Parquet, and the index that names the frames of the last stage."""

from __future__ import annotations

import io
import json

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from contract.errors import IntegrityError
from service.storage import ContentStore


def put_frame(store: ContentStore, frame: pl.DataFrame | pl.Series) -> str:
    """Store a frame as Parquet and return its digest."""
    assert isinstance(frame, pl.DataFrame)
    sink = io.BytesIO()
    # pyarrow writes the same bytes whatever the number of threads and chunks a frame was made with
    pq.write_table(frame.rechunk().to_arrow(), sink, compression="zstd")
    sink.seek(0)
    return store.put(sink)[0]


def read_frame(store: ContentStore, digest: str) -> pl.DataFrame:
    """Return a stored frame, checked against its digest.

    Raises:
        NotFoundError: It is not there.
        IntegrityError: It has changed, or does not read.
    """
    found = pl.from_arrow(read_arrow(store, digest))
    assert isinstance(found, pl.DataFrame)
    return found


def read_arrow(store: ContentStore, digest: str) -> pa.Table:
    """Return a stored table, checked against its digest. Errors as `read_frame`."""
    with store.open(digest) as source:
        try:
            return pq.read_table(source)
        except pa.ArrowException as error:
            raise IntegrityError("A stored table does not read.", where={"object": digest}) from error


def trajectory_frames(store: ContentStore, digest: str) -> tuple[dict[str, str], dict[str, str] | None]:
    """Return the digests of a computation's frames by name, and its window, from the object of its last stage."""
    with store.open(digest) as source:
        document = json.loads(source.read())
    return document["frames"], document["window"]
