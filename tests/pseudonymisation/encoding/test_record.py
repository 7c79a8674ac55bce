"""`record`: constant length, keyed, similar for similar records, and refused where it would leak."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.agreement import ProfileTerms
from pseudonymisation.encoding.dummies import _columns, _present
from pseudonymisation.encoding.profile import EncodingContext, EncodingError
from pseudonymisation.encoding.record import (
    FILTER_BITS,
    MAX_LINEAR_LEAKAGE,
    Record,
    _check_fill,
    diffused,
    diffusion_table,
    gram_positions,
    hash_count,
    linear_leakage,
    record_schema,
)
from pseudonymisation.randomness import SeededRandomness
from tests.pseudonymisation.frames import FIELDS, KEY, agreement, frame, person

DAY = (1984, 5, 17)
TABLE = diffusion_table(KEY, 1024, 6)
PEOPLE = frame(
    person(0, "sara", "benjelloun", DAY, passport="AB1234567"),
    person(1, "sarah", "benjelloun", DAY, national_id="AB123456"),
    person(2, "mohamed", "idrissi", (1961, 11, 30)),
)


def _encode(people=PEOPLE, register="dgsn", key=KEY, **options):
    made, _ = agreement(profile="record", **options)
    context = EncodingContext(made, register, key, random=SeededRandomness(b"r"))
    return made, Record().encode(people, context)["record"]


def _bits(encoded):
    table = pl.from_arrow(encoded.table).join(encoded.handles, on="handle").sort("subject")
    return np.stack([np.unpackbits(np.frombuffer(raw, np.uint8)) for raw in table["encoding"]])


def test_its_table_is_the_contracts():
    made, encoded = _encode()
    assert encoded.table.schema.equals(record_schema(made))
    assert {len(raw) for raw in encoded.table["encoding"].to_pylist()} == {256}
    assert set(encoded.table["block"].to_pylist()) == {0}


def test_alike_records_are_alike_and_others_are_not():
    bits = _bits(_encode()[1])
    near, far = (bits[0] != bits[1]).mean(), (bits[0] != bits[2]).mean()
    assert near < 0.4 < 0.45 < far


def test_two_registers_agree_and_two_keys_do_not():
    one, other = _bits(_encode()[1]), _bits(_encode(register="anapec")[1])
    assert np.array_equal(one, other)
    assert 0.4 < (one != _bits(_encode(key=bytes(32))[1])).mean() < 0.6


def test_documents_are_exact_tokens_of_one_key():
    _, encoded = _encode()
    rows = pl.from_arrow(encoded.table).join(encoded.handles, on="handle").sort("subject")
    assert rows["passport"][0] == rows["national_id"][1] is not None
    assert rows["passport"][2] is rows["national_id"][2] is None


def test_a_usual_register_fills_a_third():
    people = pl.DataFrame(_columns(*_present(KEY, "x", 500))).with_row_index("subject").with_columns(identity=0)
    people = people.with_columns(pl.col("subject").cast(pl.Int64))
    made, _ = agreement(profile="record")
    context = EncodingContext(made, "dgsn", KEY, random=SeededRandomness(b"r"))
    fill = Record()._filters(people, context)[0].mean()
    assert 0.28 < fill < 0.37


def test_a_record_of_hardly_any_grams_is_withheld_and_counted():
    people = frame(person(0, "li", None), person(1, "sara", "alami", DAY))
    made, _ = agreement(profile="record", dummy_share=0.0)
    encoded = Record().encode(people, EncodingContext(made, "dgsn", KEY, random=SeededRandomness(b"t")))["record"]
    assert encoded.handles["subject"].to_list() == [1]
    assert encoded.report.keyless == 1


def test_every_record_keeps_the_leakage_bound_however_few_its_grams():
    names = [("li", "xu"), ("ana", "sow"), ("amina", "diallo"), ("abdelkarim", "benabdallah")]
    people = frame(*(person(n, given, family, DAY) for n, (given, family) in enumerate(names)))
    made, _ = agreement(profile="record", dummy_share=0.0)
    filters, kept = Record()._filters(people, EncodingContext(made, "dgsn", KEY))
    assert kept.tolist() == [0, 1, 2, 3]
    assert linear_leakage(filters.mean(axis=1).min(), 6) < 1.2 * MAX_LINEAR_LEAKAGE  # positions collide by chance


def test_a_register_whose_twentieth_record_leaks_is_refused():
    with pytest.raises(EncodingError, match="leak"):
        _check_fill(np.r_[np.full(8, 0.25), np.full(92, 0.34)], 6)
    _check_fill(np.r_[np.full(4, 0.25), np.full(96, 0.34)], 6)


def test_the_leakage_bound_is_the_piling_up_lemmas():
    assert linear_leakage(0.5, 6) == 0
    assert linear_leakage(0.325, 6) < 0.002 < MAX_LINEAR_LEAKAGE < linear_leakage(0.26, 6)


def test_too_little_diffusion_is_refused():
    made, _ = agreement(profile="record")
    weak = ProfileTerms.model_construct(name="record", diffusion=5, record_bits=2048, dummy_share=0.0)
    context = EncodingContext(made.model_copy(update={"profile": weak}), "dgsn", KEY)
    with pytest.raises(EncodingError, match="Diffusion"):
        Record().encode(PEOPLE, context)


def test_the_diffusion_is_balanced():
    table = diffusion_table(KEY, 2048, 6)
    assert table.shape == (2048, 6)
    assert set(np.bincount(table.ravel(), minlength=FILTER_BITS)) == {12}
    assert all(len(set(row)) == 6 for row in table.tolist())
    assert not np.array_equal(table, diffusion_table(bytes(32), 2048, 6))


@given(st.lists(st.integers(0, FILTER_BITS - 1), min_size=1, max_size=50))
def test_an_output_bit_is_the_parity_of_its_inputs(ones):
    filters = np.zeros((1, FILTER_BITS), dtype=np.uint8)
    filters[0, ones] = 1
    made = np.unpackbits(np.frombuffer(diffused(filters, TABLE), np.uint8), bitorder="little")
    assert made.tolist() == [sum(int(filters[0, at]) for at in row) % 2 for row in TABLE.tolist()]


def test_positions_are_keyed_and_as_many_as_asked():
    one = gram_positions(KEY, "given:1", 50)
    assert len(one) == 50
    assert one.max() < FILTER_BITS
    assert not np.array_equal(one, gram_positions(KEY, "family:1", 50))
    assert np.array_equal(one[:10], gram_positions(KEY, "given:1", 10))


def test_where_one_register_has_full_names_all_names_share_a_tag():
    registers = {"dgsn": FIELDS, "anapec": ("full_name", "birth_date")}
    people = frame(person(0, "sara", "benjelloun", DAY), person(1, "benjelloun", "sara", DAY))
    bits = _bits(_encode(people, registers=registers)[1])
    assert np.array_equal(bits[0], bits[1])


def test_without_names_or_dates_there_is_nothing_to_encode():
    made, _ = agreement(profile="record", registers={"dgsn": ("sex", "passport_no")})
    with pytest.raises(EncodingError):
        hash_count(made)
