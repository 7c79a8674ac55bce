"""The same bits whatever the engine, the threads, the memory, and whatever happened on the way."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from linkage.compare import count_patterns, emit_edges
from linkage.edges import join_edges
from linkage.em import fit
from linkage.engines import Job, LocalEngine, link
from linkage.engines.chunks import read_chunk, sound, write_chunk
from linkage.engines.stored import read_pass_table
from linkage.errors import ChunkError, EngineError, PassTableError
from linkage.loading import load_pass
from tests.linkage.engines.conftest import small_job


def plainly(job: Job) -> pa.Table:
    """Link without chunks, with the functions that engines are made of."""
    arrays = {
        name: load_pass({r: read_pass_table(p, name, r) for r, p in of.items()}, job.plan, name)
        for name, of in job.tables.items()
    }
    model = fit({name: count_patterns(one, job.plan, 0, len(one)) for name, one in arrays.items()}, job.plan)
    return join_edges(emit_edges(one, job.plan, model, 0, len(one), job.floor) for one in arrays.values())


def test_the_same_bits_for_any_threads_and_memory(tmp_path: Path) -> None:
    job = small_job(tmp_path)
    expected = plainly(job)
    assert expected.num_rows > 50
    for number, (threads, memory) in enumerate([(1, 1 << 30), (2, 1 << 30), (2, 1 << 17), (1, 1 << 15)]):
        run = replace(job, folder=tmp_path / str(number), memory_bytes=memory)
        assert (run.ranges("x", threads) > 1) == (memory < 1 << 30)
        found = link(run, LocalEngine(threads))
        assert found.edges.equals(expected)
        assert found.recomputed == ()


def test_pairs_that_are_too_many_to_keep_are_compared_again(tmp_path: Path) -> None:
    job = small_job(tmp_path, rows=150, blocks=2)
    found = link(job, LocalEngine())
    assert not list(job.folder.glob("*.pairs"))
    assert found.edges.equals(plainly(job))


def test_a_damaged_chunk_is_made_again_and_named(tmp_path: Path) -> None:
    job = small_job(tmp_path, memory_bytes=1 << 15)
    first = link(job, LocalEngine())
    files = sorted(job.folder.iterdir())
    for kind in (".counts", ".edges", ".split"):
        path = next(file for file in files if file.name.endswith(kind))
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
        with pytest.raises(ChunkError) as caught:
            read_chunk(path)
        assert caught.value.where == {"file": path.name}
        again = link(job, LocalEngine())
        assert again.recomputed == (path.name,)
        assert again.edges.equals(first.edges)
    pairs = next(file for file in files if file.name.endswith(".pairs"))
    pairs.write_bytes(pairs.read_bytes()[:-1])
    for path in job.folder.glob("*.edges"):
        path.unlink()
    assert link(job, LocalEngine()).edges.equals(first.edges)
    cut = next(file for file in files if file.name.endswith(".rows"))
    cut.unlink()
    for path in job.folder.glob("*.counts"):
        path.unlink()
    assert link(job, LocalEngine()).edges.equals(first.edges)


def test_a_finished_run_computes_nothing_again(tmp_path: Path) -> None:
    job = small_job(tmp_path)
    first = link(job, LocalEngine())
    written = {path: path.stat().st_mtime_ns for path in job.folder.iterdir()}
    assert link(job, LocalEngine(2)).edges.equals(first.edges)
    assert written == {path: path.stat().st_mtime_ns for path in job.folder.iterdir()}


def test_chunk_files_are_whole_or_refused(tmp_path: Path) -> None:
    path = tmp_path / "a" / "chunk"
    table = pa.table({"x": np.arange(5)})
    write_chunk(path, table)
    write_chunk(path, table)
    assert read_chunk(path).equals(table)
    assert list(path.parent.iterdir()) == [path]
    for content in (b"", b"short", path.read_bytes()[:-1], path.read_bytes() + b"x"):
        path.write_bytes(content)
        assert not sound(path)
        with pytest.raises(ChunkError):
            read_chunk(path)
    assert not sound(tmp_path / "nothing")


def test_a_table_that_does_not_read_says_which(tmp_path: Path) -> None:
    job = small_job(tmp_path)
    job.tables["x"]["b"].write_bytes(b"PAR1 no PAR1")
    with pytest.raises(PassTableError) as caught:
        link(job, LocalEngine(2))
    assert caught.value.where == {"pass": "x", "register": "b"}


def test_settings_that_cannot_work_are_refused(tmp_path: Path) -> None:
    with pytest.raises(EngineError):
        LocalEngine(0)
    with pytest.raises(EngineError):
        link(small_job(tmp_path, memory_bytes=1), LocalEngine())


def test_empty_registers_and_one_record(tmp_path: Path) -> None:
    for rows in (0, 1):
        job = small_job(tmp_path / str(rows), rows=rows)
        found = link(job, LocalEngine())
        assert found.edges.equals(plainly(job))
