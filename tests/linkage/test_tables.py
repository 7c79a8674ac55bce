from contextlib import ExitStack, closing
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linkage.columns import columns_of
from linkage.compare import count_patterns
from linkage.engines.stored import StoredPass
from linkage.errors import PassTableError
from linkage.layout import token_places
from linkage.loading import load_pass
from linkage.tables import PassArrays
from pseudonymisation.encoding.stored import write_pass_table
from tests.linkage.conftest import plan_for, random_tables

PLAN = plan_for({"a": "one", "b": "many"})


def test_rows_come_sorted_by_block_register_and_handle_whatever_their_order() -> None:
    tables = random_tables(PLAN, 50, 8)
    arrays = load_pass(tables, PLAN, "names")
    keys = list(zip(arrays.block.tolist(), arrays.register.tolist(), arrays.handle.tolist(), strict=True))
    assert keys == sorted(keys)
    draw = np.random.default_rng(1)
    shuffled = {
        name: table.take(pa.array(draw.permutation(len(table)))) for name, table in reversed(list(tables.items()))
    }
    again = load_pass(shuffled, PLAN, "names")
    assert np.array_equal(again.sketches, arrays.sketches)
    assert np.array_equal(again.tokens, arrays.tokens)
    assert np.array_equal(again.present, arrays.present)


def test_missing_cells_are_marked_and_their_bytes_ignored() -> None:
    tables = random_tables(PLAN, 30, 3)
    arrays = load_pass(tables, PLAN, "names")
    nulls = sum(table.column("given").null_count for table in tables.values())
    assert int((arrays.present & np.uint64(1) == 0).sum()) == nulls
    assert not arrays.sketches[arrays.present & np.uint64(1) == 0, 0].any()


@pytest.mark.parametrize("n", [1, 2, 7, 1000])
def test_ranges_cover_all_rows_once(n: int) -> None:
    arrays = load_pass(random_tables(PLAN, 60, 9), PLAN, "names")
    ranges = arrays.ranges(n)
    assert ranges[0][0] == 0
    assert ranges[-1][1] == len(arrays)
    assert all(left[1] == right[0] for left, right in pairwise(ranges))
    assert len(ranges) <= n


def test_ranges_have_about_equal_pairs_and_cut_between_blocks() -> None:
    arrays = load_pass(random_tables(PLAN, 2000, 800), PLAN, "names")
    pairs = arrays.ends - np.arange(1, len(arrays) + 1)
    shares = [int(pairs[lo:hi].sum()) for lo, hi in arrays.ranges(4)]
    assert max(shares) < 1.2 * min(shares)
    assert all(lo == 0 or arrays.block[lo] != arrays.block[lo - 1] for lo, _ in arrays.ranges(4))


def test_one_huge_block_is_cut_between_its_rows() -> None:
    arrays = load_pass(random_tables(PLAN, 300, 1), PLAN, "names")
    assert len(arrays.ranges(5)) == 5


def test_empty_and_single_registers() -> None:
    full = random_tables(PLAN, 20, 4)
    empty = {name: table.slice(0, 0) for name, table in full.items()}
    arrays = load_pass(empty, PLAN, "names")
    assert len(arrays) == 0
    assert arrays.ranges(3) == []
    assert count_patterns(arrays, PLAN, 0, 0).pairs == 0
    alone = load_pass({"b": full["b"].slice(0, 1)}, PLAN, "names")
    assert count_patterns(alone, PLAN, 0, 1).pairs == 0


def refused(tables: dict[str, pa.Table], pass_name: str = "names") -> PassTableError:
    with pytest.raises(PassTableError) as caught:
        load_pass(tables, PLAN, pass_name)
    return caught.value


def test_wrong_tables_are_refused_with_their_place() -> None:
    table = random_tables(PLAN, 5, 2)["a"]
    assert refused({"a": table.drop_columns(["given"])}).where == {"pass": "names", "register": "a", "column": "given"}
    assert refused({"a": table.append_column("name", pa.array(["x"] * 5))}).where["column"] == "name"
    wrong = table.set_column(table.column_names.index("sex"), "sex", pa.array([1.0] * 5))
    assert refused({"a": wrong}).where["column"] == "sex"
    holes = table.set_column(0, pa.field("handle", pa.uint64()), pa.array([1, 2, None, 4, 5], pa.uint64()))
    assert refused({"a": holes}).where["column"] == "handle"
    twice = table.set_column(0, pa.field("handle", pa.uint64()), pa.array([1, 2, 2, 4, 5], pa.uint64()))
    assert refused({"a": twice}).where == {"pass": "names"}
    assert "agreement" in refused({"c": table}).message
    assert "agreement" in refused({"a": table}, "nothing").message


def test_no_value_stands_in_an_error() -> None:
    table = random_tables(PLAN, 5, 2)["a"]
    secret = table.append_column("clear", pa.array(["Idrissi"] * 5))
    error = refused({"a": secret})
    assert "Idrissi" not in error.diagnostics()
    assert "Idrissi" not in str(error.problem())


def filled(table: pa.Table, names: set[str]) -> pa.Table:
    """Return a table in which some columns have no gap."""
    for at, name in enumerate(table.column_names):
        column = table.column(name)
        if name in names:
            some = column.drop_null()[0]
            table = table.set_column(at, name, pa.chunked_array([pc.fill_null(column.combine_chunks(), some)]))
    return table


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**6), st.sets(st.sampled_from(sorted(columns_of(PLAN).types))))
def test_every_cell_goes_to_its_place_from_tables_and_files(seed: int, whole: set[str]) -> None:
    full = random_tables(PLAN, 40, 4, seed=seed)
    tables = {"a": filled(full["a"], whole), "b": full["b"]}
    arrays = load_pass(tables, PLAN, "names")
    spec = columns_of(PLAN)
    rows = {int(handle): row for row, handle in enumerate(arrays.handle)}
    for table in tables.values():
        for cells in table.to_pylist():
            row = rows[cells["handle"]]
            for at, name in enumerate(spec.sketches):
                assert (int(arrays.present[row]) >> at & 1 == 1) == (cells[name] is not None)
                assert arrays.sketches[row, at].tobytes() == (cells[name] or bytes(16))
            for name, at in token_places(spec).items():
                assert (int(arrays.known[row]) >> at & 1 == 1) == (cells[name] is not None)
                assert arrays.tokens[row, at] == (cells[name] or 0)
            assert arrays.order_known[row] == (cells[spec.order] is not False)
    with TemporaryDirectory() as folder:
        for name, table in tables.items():
            write_pass_table(table, Path(folder) / name)
        with ExitStack() as files:
            stored = {
                name: files.enter_context(closing(StoredPass(Path(folder) / name, "names", name))) for name in tables
            }
            again = load_pass(stored, PLAN, "names")
    for one, other in zip(arrays.rows(), again.rows(), strict=True):
        assert np.array_equal(one, other)


def test_a_gap_among_a_dictionarys_values_is_a_gap() -> None:
    table = random_tables(PLAN, 30, 3)["b"]
    at = table.column_names.index("given")
    values = table.column("given").to_pylist()
    known = [None, *sorted(set(values) - {None})]
    coded = pa.DictionaryArray.from_arrays(pa.array([known.index(value) for value in values], pa.int32()), known)
    coded = coded.cast(pa.dictionary(pa.int32(), pa.binary(16)))
    assert coded.null_count == 0 < values.count(None)
    arrays = load_pass({"b": table.set_column(at, "given", coded)}, PLAN, "names")
    assert np.array_equal(arrays.present, load_pass({"b": table}, PLAN, "names").present)


def varint(number: int) -> bytes:
    """Return a number as Thrift's compact protocol writes it (zigzag)."""
    number, written = 2 * number, b""
    while number > 127:
        written += bytes([number & 127 | 128])
        number >>= 7
    return written + bytes([number])


def loaded(folder: Path) -> PassArrays:
    with ExitStack() as files:
        stored = {name: files.enter_context(closing(StoredPass(folder / name, "names", name))) for name in "ab"}
        return load_pass(stored, PLAN, "names")


@pytest.mark.parametrize("claimed", [200, 999, 4000])
@pytest.mark.parametrize("which", ["file", "row group"])
def test_a_file_that_says_another_number_of_rows_is_never_read_wrong(tmp_path: Path, claimed: int, which: str) -> None:
    for name, table in random_tables(PLAN, 1000, 40).items():
        write_pass_table(table, tmp_path / name)
    sound, content = loaded(tmp_path), (tmp_path / "a").read_bytes()
    footer = len(content) - 8 - int.from_bytes(content[-8:-4], "little")
    at = (content.index if which == "file" else content.rindex)(varint(1000), footer)
    (tmp_path / "a").write_bytes(content[:at] + varint(claimed) + content[at + 2 :])
    if (which, claimed) == ("row group", 4000):  # the reader ends with the columns
        assert all(np.array_equal(one, two) for one, two in zip(loaded(tmp_path).rows(), sound.rows(), strict=True))
    else:
        with pytest.raises(PassTableError):
            loaded(tmp_path)
