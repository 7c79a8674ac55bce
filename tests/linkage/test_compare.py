from dataclasses import replace
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.agreement import PassTerms
from contract.fields import FieldType
from linkage.compare import count_given, count_patterns, emit_edges, emit_given, pairs_in_blocks
from linkage.edges import EDGE_SCHEMA, join_edges
from linkage.em import fit
from linkage.errors import PatternError
from linkage.kernels import patterns_kernel, walk
from linkage.layout import layout_of
from linkage.loading import load_pass
from linkage.patterns import PatternCounts
from linkage.plan import BIRTH_DATE_LEVELS, DOCUMENT_LEVELS
from linkage.record import record_patterns
from linkage.twins import birth_levels, document_levels, name_levels, patterns_of
from tests.linkage.conftest import ALL_FIELDS, near, plan_for, random_table, random_tables

REGISTERS = {"a": "one", "b": "many", "c": "one"}
PLAN = plan_for(REGISTERS)
FIELD_SETS = (
    ALL_FIELDS,
    ("given_names", "family_name", "birth_date"),
    ("full_name", "sex"),
    ("passport_no", "residence_card_no"),
    ("email",),
)


def arrays_of(plan=PLAN, rows: int = 40, blocks: int = 6, seed: int = 0):
    return load_pass(random_tables(plan, rows, blocks, seed), plan, plan.passes[0])


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from(FIELD_SETS))
def test_kernel_and_twin_give_the_same_patterns(seed: int, fields: tuple[str, ...]) -> None:
    plan = plan_for(REGISTERS, fields=fields)
    arrays = arrays_of(plan, seed=seed)
    i, j = pairs_in_blocks(arrays, plan, 0, len(arrays))
    twin = patterns_of(arrays, plan, i, j)
    many = np.array(plan.many)
    kernel = patterns_kernel(layout_of(plan), arrays.rows(), many, i, j)
    assert np.array_equal(twin, kernel.astype(np.uint64))
    whole = count_patterns(arrays, plan, 0, len(arrays))
    given_counts = count_given(arrays, i, j, twin)
    for field in ("pattern", "register_a", "register_b", "count"):
        assert np.array_equal(getattr(whole, field), getattr(given_counts, field))


def test_all_pairs_of_a_block_are_walked_but_not_inside_a_one_register() -> None:
    arrays = arrays_of()
    i, j = pairs_in_blocks(arrays, PLAN, 0, len(arrays))
    expected = [
        (one, two)
        for one in range(len(arrays))
        for two in range(one + 1, len(arrays))
        if arrays.block[one] == arrays.block[two]
        and (arrays.register[one] != arrays.register[two] or arrays.register[one] == 1)
    ]
    assert list(zip(i.tolist(), j.tolist(), strict=True)) == expected
    assert count_patterns(arrays, PLAN, 0, len(arrays)).pairs == len(expected)


@pytest.mark.parametrize("profile", ["blind_blocks", "record"])
def test_counts_and_edges_are_the_same_whatever_the_chunks(profile: str) -> None:
    plan = plan_for(REGISTERS, profile=profile)
    arrays = arrays_of(plan, rows=90, blocks=1 if profile == "record" else 5)
    name = plan.passes[0]
    results = []
    for chunks in (1, 2, 7):
        ranges = arrays.ranges(chunks)
        assert len(ranges) > 1 or chunks == 1
        counts = PatternCounts.merge(count_patterns(arrays, plan, lo, hi) for lo, hi in ranges)
        model = fit({name: counts}, plan)
        edges = join_edges(emit_edges(arrays, plan, model, lo, hi, 0.001) for lo, hi in ranges)
        results.append((counts, model.to_json(), edges))
    for counts, model, edges in results[1:]:
        assert counts.pattern.tobytes() == results[0][0].pattern.tobytes()
        assert counts.count.tobytes() == results[0][0].count.tobytes()
        assert model == results[0][1]
        assert edges.equals(results[0][2])


def test_emitted_edges_are_exactly_the_pairs_at_or_above_the_floor() -> None:
    arrays = arrays_of(rows=60)
    counts = count_patterns(arrays, PLAN, 0, len(arrays))
    model = fit({"names": counts}, PLAN)
    i, j = pairs_in_blocks(arrays, PLAN, 0, len(arrays))
    patterns = patterns_of(arrays, PLAN, i, j)
    probability = model.probability("names", patterns)
    floor = float(np.quantile(probability, 0.7))
    edges = emit_edges(arrays, PLAN, model, 0, len(arrays), floor)
    assert edges.schema == EDGE_SCHEMA
    assert 0 < edges.num_rows == int((probability >= floor).sum()) < len(i)
    assert edges.equals(emit_given(arrays, PLAN, model, i, j, patterns, floor))
    handles = list(zip(edges["handle_a"].to_pylist(), edges["handle_b"].to_pylist(), strict=True))
    assert handles == sorted(handles)
    order = {name: at for at, name in enumerate(PLAN.registers)}
    pairs = zip(edges["register_a"].to_pylist(), edges["register_b"].to_pylist(), strict=True)
    assert all(order[left] <= order[right] for left, right in pairs)


def test_ranges_and_floors_that_make_no_sense_are_refused() -> None:
    arrays = arrays_of()
    model = fit({}, PLAN)
    with pytest.raises(PatternError):
        count_patterns(arrays, PLAN, 0, len(arrays) + 1)
    for floor in (0.0, float("nan"), 2.0):
        with pytest.raises(PatternError):
            emit_edges(arrays, PLAN, model, 0, 1, floor)
    clear = plan_for(REGISTERS, profile="clear")
    with pytest.raises(PatternError):
        count_patterns(arrays, clear, 0, 1)


def test_record_scan_equals_its_twin() -> None:
    plan = plan_for(REGISTERS, profile="record")
    arrays = arrays_of(plan, rows=70, blocks=1)
    i, j = pairs_in_blocks(arrays, plan, 0, len(arrays))
    twin = count_given(arrays, i, j, record_patterns(arrays, plan, i, j))
    scan = count_patterns(arrays, plan, 0, len(arrays))
    assert np.array_equal(scan.pattern, twin.pattern)
    assert np.array_equal(scan.count, twin.count)


@pytest.mark.parametrize("floor", [0.9, 0.05, 1e-9])
def test_record_edges_are_those_of_its_twin(floor: float) -> None:
    plan = plan_for(REGISTERS, profile="record")
    arrays = arrays_of(plan, rows=90, blocks=1, seed=4)
    name = plan.passes[0]
    model = fit({name: count_patterns(arrays, plan, 0, len(arrays))}, plan)
    i, j = pairs_in_blocks(arrays, plan, 0, len(arrays))
    twin = emit_given(arrays, plan, model, i, j, record_patterns(arrays, plan, i, j), floor)
    assert emit_edges(arrays, plan, model, 0, len(arrays), floor).equals(twin)
    assert twin.num_rows > 0


def test_record_encodings_split_into_blocks_are_refused() -> None:
    plan = plan_for(REGISTERS, profile="record")
    arrays = arrays_of(plan, rows=20, blocks=3)
    with pytest.raises(PatternError):
        count_patterns(arrays, plan, 0, len(arrays))


def test_weights_that_are_not_finite_are_refused() -> None:
    arrays = arrays_of()
    model = fit({"names": count_patterns(arrays, PLAN, 0, len(arrays))}, PLAN)
    broken = replace(model, u={"names": model.u["names"] * np.nan})
    with pytest.raises(PatternError):
        emit_edges(arrays, PLAN, broken, 0, len(arrays))


def test_equal_records_are_one_pattern() -> None:
    plan = plan_for({"a": "one", "b": "one"})
    table = random_table(plan, 1, 1, 3)
    tables = {
        name: pa.concat_tables([table] * 400).set_column(
            0, "handle", pa.array(np.arange(400, dtype=np.uint64) + np.uint64(1000 * at))
        )
        for at, name in enumerate(plan.registers)
    }
    arrays = load_pass(tables, plan, "names")
    counts = count_patterns(arrays, plan, 0, len(arrays))
    assert counts.count.tolist() == [160_000]


def test_more_tokens_than_a_vector_holds() -> None:
    fields = ("given_names", "family_name", "birth_date", *(f"own{at}" for at in range(12)))
    plan = plan_for(REGISTERS, fields=fields, own=dict.fromkeys(fields[3:], FieldType.CATEGORY))
    arrays = arrays_of(plan)
    assert arrays.tokens.shape[1] == 32
    i, j = pairs_in_blocks(arrays, plan, 0, len(arrays))
    kernel = patterns_kernel(layout_of(plan), arrays.rows(), np.array(plan.many), i, j)
    assert np.array_equal(patterns_of(arrays, plan, i, j), kernel.astype(np.uint64))


@pytest.mark.parametrize("seed", range(3))
def test_rows_without_a_partner_can_be_left_out(seed: int) -> None:
    tables = random_tables(PLAN, 60, 150, seed)
    every = load_pass(tables, PLAN, "names")
    few = load_pass(tables, PLAN, "names", partnered=True)
    assert len(few) < len(every) == every.read == few.read
    whole, part = (count_patterns(one, PLAN, 0, len(one)) for one in (every, few))
    assert whole.pairs > 0
    for field in ("pattern", "register_a", "register_b", "count"):
        assert np.array_equal(getattr(whole, field), getattr(part, field))


@pytest.mark.parametrize("tall", [1, 40])
def test_rows_of_several_chunks(tall: int) -> None:
    """Rows are walked some thousand at a time, and huge blocks in tiles: blocks below and above, and cut ranges."""
    plan = plan_for({"a": "one", "b": "one"}, fields=("given_names", "family_name", "birth_date"))
    few, rows = random_table(plan, 40, 3, 1), random_table(plan, 5000, tall, 2, start=10**7)
    arrays = load_pass({"a": few, "b": rows}, plan, "names")
    assert arrays.block_sizes().max() > 4096 if tall == 1 else len(arrays) > 2 * 2048
    i, j = pairs_in_blocks(arrays, plan, 0, len(arrays))
    twin = count_given(arrays, i, j, patterns_of(arrays, plan, i, j))
    model = fit({"names": count_patterns(mixed := arrays_of(plan), plan, 0, len(mixed))}, plan)
    edges = emit_given(arrays, plan, model, i, j, patterns_of(arrays, plan, i, j), 0.001)
    for cuts in ((0, len(arrays)), (0, 7, 2048, 2049, 4100, len(arrays))):
        ranges = list(pairwise(cuts))
        counts = PatternCounts.merge(count_patterns(arrays, plan, lo, hi) for lo, hi in ranges)
        for field in ("pattern", "register_a", "register_b", "count"):
            assert np.array_equal(getattr(counts, field), getattr(twin, field))
        assert join_edges(emit_edges(arrays, plan, model, lo, hi, 0.001) for lo, hi in ranges).equals(edges)
    assert 0 < edges.num_rows < len(i)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.lists(st.integers(0, 2), min_size=1, max_size=25), min_size=1, max_size=6),
    st.sampled_from([1, 4, 5, 8, 16]),
    st.integers(0, 100),
)
def test_walk_meets_every_pair_once_whatever_the_tiles(blocks: list[list[int]], tile: int, cut: int) -> None:
    """The walk itself, as plain Python with small tiles and batches: first rows before, in and after each tile."""
    register = np.array([number for block in blocks for number in sorted(block)])
    ends = np.repeat(np.cumsum([len(block) for block in blocks]), [len(block) for block in blocks])
    n, many = len(ends), 2  # rows of register 2 are compared with each other too
    partners = np.arange(1, n + 1)
    for i in range(n - 2, -1, -1):
        if i + 1 < ends[i] and register[i] == register[i + 1] != many:
            partners[i] = partners[i + 1]
    hi = min(cut, n) or n
    rows = SimpleNamespace(sketches=np.zeros((n, 1, 2)), tokens=np.zeros((n, 1)), ends=ends)
    left, right, place = np.zeros(24, np.int64), np.zeros(24, np.int64), np.array([0, partners[0], 0])
    met: list[tuple[int, int]] = []
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {"BATCH": 20, "_TILE_ROWS": tile, "prefetch": lambda *_: None}.items():
            patch.setattr(walk, name, value)
        while number := walk.next_pairs.py_func(rows, partners, hi, place, left, right):
            assert number <= 20
            met += zip(left[:number].tolist(), right[:number].tolist(), strict=True)
    wanted = [(i, j) for i in range(hi) for j in range(partners[i], ends[i])]
    assert sorted(met) == wanted


DRAW = np.random.default_rng(3)
ALI, IDRISSI, FAR = (DRAW.bytes(16) for _ in range(3))


def pair(plan, left: dict, right: dict):
    """Return the arrays of two rows of register b, missing wherever nothing is said."""
    from linkage.columns import columns_of

    spec = columns_of(plan)
    columns = {"handle": pa.array([1, 2], pa.uint64()), "block": pa.array([0, 0], pa.uint64())}
    for name in (*spec.sketches, *spec.tokens, *spec.classes, *([spec.order] if spec.order else [])):
        columns[name] = pa.array([left.get(name), right.get(name)], spec.types[name])
    return load_pass({"b": pa.table(columns)}, plan, plan.passes[0])


def level_of(plan, variable: str, left: dict, right: dict) -> str:
    arrays = pair(plan, left, right)
    counts = count_patterns(arrays, plan, 0, 2)
    level = plan.levels_of(counts.pattern)[0, plan.index(variable)]
    return plan.variables[plan.index(variable)].levels[level]


def named(given: bytes, family: bytes, **more: object) -> dict:
    return {"given": given, "family": family, "given_skeleton": given, "family_skeleton": family, **more}


def test_names_straight_swapped_and_by_frequency() -> None:
    one = named(ALI, IDRISSI, given_class=0, family_class=3)
    assert level_of(PLAN, "given", one, one) == "exact_very_common"
    assert level_of(PLAN, "family", one, one) == "exact_rare"
    assert level_of(PLAN, "order", one, one) == "straight"
    swapped = named(IDRISSI, ALI)
    assert level_of(PLAN, "order", one, swapped) == "swapped"
    assert level_of(PLAN, "given", one, swapped).startswith("exact")
    typo = named(near(ALI, 20, DRAW), IDRISSI)
    assert level_of(PLAN, "given", one, typo) == "close"
    assert level_of(PLAN, "given", one, named(FAR, IDRISSI)) == "different"
    assert level_of(PLAN, "order", one, {}) == "missing"


def test_a_full_name_speaks_where_the_order_is_unknown() -> None:
    whole = DRAW.bytes(16)
    one = named(ALI, IDRISSI, full=whole, full_skeleton=whole, name_order_known=True)
    guess = named(FAR, ALI, full=whole, full_skeleton=whole, name_order_known=False)
    assert level_of(PLAN, "full", one, guess).startswith("exact")
    assert level_of(PLAN, "given", one, guess) == "missing"
    assert level_of(PLAN, "full", one, one) == "missing"
    nameless = {"full": whole, "full_skeleton": whole, "name_order_known": False}
    assert level_of(PLAN, "full", one, nameless).startswith("exact")


@pytest.mark.parametrize(
    ("left", "right", "level"),
    [
        ((1, 2, 3), (1, 2, 3), "equal"),
        ((1, 2, 3), (1, 3, 2), "month_day_swapped"),
        ((1, 2, 3), (1, 2, 4), "year_month"),
        ((1, 2, 3), (1, 4, 3), "year_day"),
        ((1, 2, 3), (5, 2, 3), "month_day"),
        ((1, None, None), (1, 2, 3), "year_rest_missing"),
        ((1, 2, None), (1, 2, 3), "year_rest_missing"),
        ((1, 2, None), (1, 4, 3), "year_only"),
        ((1, 2, 3), (1, 4, 5), "year_only"),
        ((1, 2, 3), (5, 2, 6), "one_part"),
        ((1, 2, 3), (5, 6, 7), "different"),
        ((None, 2, 3), (5, 2, 3), "missing"),
    ],
)
def test_birth_dates(left: tuple, right: tuple, level: str) -> None:
    names = ("birth_year", "birth_month", "birth_day")
    one, two = dict(zip(names, left, strict=True)), dict(zip(names, right, strict=True))
    assert level_of(PLAN, "birth_date", one, two) == level
    assert level_of(PLAN, "birth_date", two, one) == level
    assert level in BIRTH_DATE_LEVELS


def test_documents() -> None:
    number, other = DRAW.bytes(16), DRAW.bytes(16)

    def held(slot: str, token: int, sketch: bytes) -> dict:
        return {slot: token, f"{slot}_sketch": sketch}

    assert level_of(PLAN, "documents", held("passport", 1, number), held("document_any", 1, number)) == "equal"
    assert level_of(PLAN, "documents", held("passport", 1, number), held("national_id", 1, number)) == "missing"
    assert level_of(PLAN, "documents", held("document_any", 1, number), held("social_security", 1, number)) == "missing"
    typo = near(number, 15, DRAW)
    assert level_of(PLAN, "documents", held("passport", 1, number), held("passport", 2, typo)) == "near"
    assert level_of(PLAN, "documents", held("passport", 1, number), held("passport", 2, other)) == "renewable_differs"
    changed = held("national_id", 1, number), held("national_id", 2, other)
    assert level_of(PLAN, "documents", *changed) == "permanent_differs"
    both = {**held("national_id", 1, number), **held("passport", 7, other)}
    renewed = {**held("national_id", 1, number), **held("passport", 8, typo)}
    assert level_of(PLAN, "documents", both, renewed) == "equal"
    assert len(DOCUMENT_LEVELS) == 5


def test_twins_are_symmetric_in_what_has_no_direction() -> None:
    arrays = arrays_of(rows=50)
    i, j = pairs_in_blocks(arrays, PLAN, 0, len(arrays))
    layout = layout_of(PLAN)
    assert np.array_equal(birth_levels(arrays, layout, i, j), birth_levels(arrays, layout, j, i))
    assert np.array_equal(document_levels(arrays, layout, i, j), document_levels(arrays, layout, j, i))
    assert np.array_equal(name_levels(arrays, layout, i, j)[2], name_levels(arrays, layout, j, i)[2])


def test_a_pass_by_name_is_looked_up_in_the_agreement() -> None:
    passes = (PassTerms(name="x", levels=(("sex",),)), PassTerms(name="y", levels=(("birth_year",),)))
    plan = plan_for(REGISTERS, passes=passes)
    arrays = load_pass(random_tables(plan, 30, 3), plan, "y")
    counts = {"y": count_patterns(arrays, plan, 0, len(arrays))}
    edges = emit_edges(arrays, plan, fit(counts, plan), 0, len(arrays), 0.001)
    assert set(edges["pass"].to_pylist()) <= {"y"}
