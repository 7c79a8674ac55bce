"""Structure: sound pass tables keep every limit; Bloom filters, global keys and telling handles do not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from connectors import structure
from connectors.structure import structure_figures
from contract.agreement import PassTerms
from contract.errors import SubmissionError
from evaluation.attacks.blocks.controls import BLOOM, encode_control
from evaluation.audit.linkability import linkability_figures
from pseudonymisation.encoding.profile import EncodedPass, profile_for
from pseudonymisation.encoding.stored import PassTables
from tests.evaluation.attacks.blocks.people import agreement_over, context, people

PASSES = (
    PassTerms(name="names", levels=(("skeleton_pair", "birth_year"),)),
    PassTerms(name="days", levels=(("birth_month", "birth_day", "initial_pair"),)),
)


@pytest.fixture(scope="module")
def encoded():
    agreement = agreement_over(PASSES, dummy_share=0.25)
    return profile_for(agreement).encode(people(1500), context(agreement))


def tables(encoded):
    return {name: made.table for name, made in encoded.items()}


def broken(found):
    return {figure.check for figure in found if not figure.held}


def replaced(table, column, values):
    kept = {name: table.column(name) for name in table.column_names}
    return pa.table({**kept, column: pa.array(values, table.schema.field(column).type)}, schema=table.schema)


def test_sound_tables_keep_every_limit(encoded):
    figures = structure_figures(tables(encoded))
    assert broken(figures) == set()
    assert {figure.where.partition("/")[0] for figure in figures} == {"names", "days", "all passes"}
    assert broken(linkability_figures(encoded)) == set()


def test_a_block_larger_than_the_audit_searches_does_not_leave():
    broad = (PassTerms(name="broad", levels=(("family_initial",),)), PASSES[0])
    agreement = agreement_over(broad)
    tables_of_both = tables(profile_for(agreement).encode(people(4000), context(agreement)))
    found = [figure for figure in structure_figures(tables_of_both) if not figure.held]
    assert [(figure.check, figure.where) for figure in found] == [("rows of the largest block", "broad")]
    assert found[0].found > structure.LARGEST_BLOCK == found[0].most


def test_bloom_filters_betray_themselves_by_their_weight():
    agreement = agreement_over(PASSES)
    control = encode_control(people(1500), PASSES[0], context(agreement), BLOOM)
    found = broken(structure_figures({"names": control.table}))
    assert {"mean weight", "variance of weights"} <= found


def test_bloom_filters_filled_to_one_half_betray_themselves_too():
    """Twelve hashes a gram: the mean weight is a sketch's, its spread and its agreement with the skeleton are not."""
    rng = np.random.default_rng(1)
    rows = 2000
    grams = rng.integers(4, 12, rows)

    def filters(count):
        fill = 1 - (1 - 1 / 128) ** (count * 11)
        bits = rng.random((rows, 128)) < fill[:, None]
        return pa.array([row.tobytes() for row in np.packbits(bits, axis=1)], pa.binary(16))

    handles = np.sort(rng.integers(0, 2**63, rows, dtype=np.uint64) * 2)
    table = pa.table(
        {
            "handle": pa.array(handles, pa.uint64()),
            "block": pa.array(rng.permutation(rows).astype(np.uint64) + 2**40, pa.uint64()),
            "given": filters(grams),
            "given_skeleton": filters(grams - 1),
        }
    )
    assert {"variance of weights", "correlation of weights with the skeleton's"} <= broken(
        structure_figures({"x": table})
    )


def test_a_key_that_does_not_depend_on_the_block_shows(encoded):
    made = tables(encoded)
    for column in ("birth_year", "given"):
        same = made["names"].column(column).combine_chunks()
        one = same.filter(same.is_valid())[0].as_py()
        repeated = {**made, "names": replaced(made["names"], column, [one] * len(same))}
        assert "values repeated between blocks" in broken(structure_figures(repeated))


def linked(encoded, change):
    """Give the second pass handles made from the first one's by `change`, its rows sorted by them."""
    first, second = (encoded[name] for name in ("names", "days"))
    both = first.handles.join(second.handles, on="subject", suffix="_second")
    old, made = both["handle_second"].to_numpy(), change(both["handle"].to_numpy())
    place = dict(zip(old.tolist(), made.tolist(), strict=True))
    handles = np.array([place.get(one, one) for one in second.table.column("handle").to_pylist()], dtype=np.uint64)
    order = np.argsort(handles)
    table = replaced(second.table, "handle", handles).take(pa.array(order))
    truth = second.handles.with_columns(second.handles["handle"].replace(old, made))
    return {"names": first, "days": EncodedPass(table, truth, second.dummy_handles, second.report)}


@pytest.mark.parametrize(
    ("change", "check"),
    [
        (lambda one: one, "handles shared"),
        (lambda one: (one & np.uint64(0xFFFFFFFF)) | np.uint64(7 << 40), "low halves of handles shared"),
        (lambda one: (one >> np.uint64(32) << np.uint64(32)) | np.uint64(99), "high halves of handles shared"),
        (lambda one: np.argsort(one).astype(np.uint64), "mean of handles"),
    ],
)
def test_the_gate_sees_linkable_handles(encoded, change, check):
    assert check in broken(structure_figures(tables(linked(encoded, change))))


def in_the_same_order(one):
    fresh = np.sort(np.random.default_rng(2).integers(0, 2**63, len(one)).astype(np.uint64) * 2)
    return fresh[np.argsort(np.argsort(one))]


@pytest.mark.parametrize(
    ("change", "check"),
    [
        (lambda one: one ^ np.uint64(0x9E3779B97F4A7C15), "equal differences of handles"),
        (lambda one: one + np.uint64(0x9E3779B97F4A7C15), "equal differences of handles"),
        (in_the_same_order, "rank correlation of handles"),
    ],
)
def test_who_knows_the_truth_sees_the_rest(encoded, change, check):
    assert check in broken(linkability_figures(linked(encoded, change)))


def test_subjects_with_more_rows_than_others_are_no_order():
    """Half of the subjects have one row in each pass, half have eight: chance handles all the same."""
    rng = np.random.default_rng(3)
    subject = np.repeat(np.arange(4000), np.where(np.arange(4000) < 2000, 1, 8))
    passes = {}
    for name in ("one", "two"):
        handle = rng.integers(0, 2**64, len(subject), dtype=np.uint64)
        truth = pl.DataFrame({"subject": subject, "identity": subject, "handle": handle})
        passes[name] = EncodedPass(pa.table({"handle": np.sort(handle)}), truth, handle[:0], None)
    assert broken(linkability_figures(passes)) == set()


def test_the_order_of_a_file_shows(encoded):
    table = tables(encoded)["names"]
    shuffled = table.take(pa.array(np.random.default_rng(1).permutation(table.num_rows)))
    assert "rows out of the handles' order" in broken(structure_figures({"names": shuffled}))


def test_empty_tables_have_nothing_to_betray(encoded):
    assert broken(structure_figures({name: table.slice(0, 0) for name, table in tables(encoded).items()})) == set()
    assert broken(structure_figures({name: table.slice(0, 1) for name, table in tables(encoded).items()})) == set()


def test_tables_in_files_are_read_when_they_are_looked_at_and_give_the_same_figures(encoded, tmp_path, monkeypatch):
    for name, one in encoded.items():
        pq.write_table(one.table, tmp_path / f"{name}.parquet")
    stored = {name: replace(one, source=tmp_path / f"{name}.parquet") for name, one in encoded.items()}
    for name, one in stored.items():
        assert one.table.equals(encoded[name].table)
        assert one.num_rows == encoded[name].num_rows == one.handles.height + len(one.dummy_handles)
        assert one.columns("block", "handle").equals(encoded[name].columns("block", "handle"))
    files = PassTables({name: one.source for name, one in stored.items()})
    whole = structure_figures(tables(encoded))
    assert structure_figures(files) == whole
    monkeypatch.setattr(structure, "_SORTED_ROWS", 50)  # equal handles are looked for in many parts
    assert structure_figures(files) == whole
    assert "handles shared" in broken(structure_figures({**files, "again": files["names"]}))
    (tmp_path / "names.parquet").write_bytes(b"no table")
    for look in (lambda: stored["names"].table, lambda: stored["names"].num_rows, lambda: files["names"]):
        with pytest.raises(SubmissionError, match="not readable"):
            look()
