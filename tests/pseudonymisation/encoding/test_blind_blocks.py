"""`blind_blocks`: comparable inside a block of a pass, and nowhere else."""

import numpy as np
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.agreement import CapTerms, PassTerms
from contract.errors import AgreementError
from contract.submission import CROSSWISE_BITS, pass_names
from pseudonymisation.blocking.caps import count_crowded
from pseudonymisation.encoding import blind_blocks
from pseudonymisation.encoding.blind_blocks import BlindBlocks
from pseudonymisation.encoding.columns import pass_schema
from pseudonymisation.encoding.profile import EncodingContext, EncodingError, profile_for
from pseudonymisation.encoding.sketches import bigrams, jaccard_estimate, sketch_twin, tagged
from pseudonymisation.keys import tree
from pseudonymisation.keys.tree import WeakKeyError
from pseudonymisation.randomness import SeededRandomness
from tests.pseudonymisation.frames import DATES, FIELDS, KEY, PASSES, agreement, frame, person

DAY = (1984, 5, 17)
PEOPLE = frame(
    person(0, "sara", "alami", DAY, sex="f", nationality="SEN", passport="AB1234567"),
    person(0, "sarah", "alami", DAY, identity=1, sex="f", nationality="SEN"),
    person(1, "omar", "tazi", (1990, 3, 4), sex="m", national_id="AB123456"),
    person(2, "li", None, (1991, None, None)),
)


def _context(register="dgsn", seed=b"s", made=None, **options):
    made = made or agreement()[0]
    return EncodingContext(made, register, KEY, random=SeededRandomness(seed), **options)


def _rows(encoded):
    """The rows of a pass with subject and identity, as dictionaries by (subject, identity)."""
    table = pl.from_arrow(encoded.table).join(encoded.handles, on="handle")
    return {(row["subject"], row["identity"]): row for row in table.iter_rows(named=True)}


def _all_rows(encoded):
    return {name: _rows(one) for name, one in encoded.items()}


def _words(raw):
    return np.frombuffer(raw, dtype=np.uint8)[None, :]


def test_each_pass_has_the_columns_of_the_agreement():
    context = _context()
    encoded = BlindBlocks().encode(PEOPLE, context)
    assert tuple(encoded) == pass_names(context.agreement)
    for one in encoded.values():
        assert one.table.schema.equals(pass_schema(context.agreement))
        one.table.validate(full=True)


def test_the_schema_follows_the_fields_of_any_register():
    registers = {"dgsn": FIELDS, "anapec": ("full_name", "address", "national_id", "social_security_no")}
    schema = pass_schema(agreement(registers=registers)[0])
    sketch = pa.binary(16)
    for name in ("given", "family_skeleton", "full", "full_skeleton", "passport_sketch", "address"):
        assert schema.field(name).type == sketch
    for name in ("birth_year", "sex", "nationality", "passport", "national_id", "document_any", "social_security"):
        assert schema.field(name).type == pa.uint32()
    assert not {"given_class", "family_class"} & set(schema.names)  # they named half of the rows of an audit
    assert "residence_card" not in schema.names
    assert pass_schema(agreement(registers={"dgsn": ("full_name",)})[0]).names == [
        "handle", "block", "full", "full_skeleton",
    ]  # fmt: skip


def test_a_missing_value_is_null_and_a_missing_key_no_row():
    rows = _all_rows(BlindBlocks().encode(PEOPLE, _context()))
    assert set(rows["birth_date"]) == {(0, 0), (1, 0)}
    assert set(rows["document"]) == {(0, 0), (1, 0)}
    assert rows["birth_date"][(1, 0)]["passport"] is None
    assert rows["birth_date"][(1, 0)]["passport_sketch"] is None
    assert rows["birth_date"][(1, 0)]["nationality"] is None
    assert rows["birth_date"][(0, 0)]["passport"] is not None


def test_rows_of_two_registers_compare_inside_a_block():
    here = _rows(BlindBlocks().encode(PEOPLE, _context("dgsn", b"1"))["birth_date"])
    other = frame(person(9, "sahra", "alami", DAY, sex="f", nationality="SEN", passport="AB1234568"))
    there = _rows(BlindBlocks().encode(other, _context("anapec", b"2"))["birth_date"])
    one, two = here[(0, 0)], there[(9, 0)]
    equal = ("block", *DATES, "sex", "nationality", "family", "family_skeleton")
    assert all(one[name] == two[name] is not None for name in equal)
    assert one["passport"] == two["passport"]  # cut to 8
    close = jaccard_estimate(_words(one["given"]), _words(two["given"]))[0]
    assert -0.2 < close < 0.9
    assert 0.5 < jaccard_estimate(_words(one["passport_sketch"]), _words(two["passport_sketch"]))[0] < 1
    assert here[(1, 0)]["block"] != two["block"]


def test_nothing_compares_between_blocks_or_passes():
    people = frame(*(person(n, "sara", "alami", (1984, 5, 10 + n), sex="f") for n in range(2)))
    rows = _all_rows(BlindBlocks().encode(people, _context()))
    one, two, three = rows["birth_date"][(0, 0)], rows["birth_date"][(1, 0)], rows["names"][(0, 0)]
    for name in ("given", "family", "given_skeleton", "birth_year", "birth_month", "sex", "block"):
        assert len({one[name], two[name], three[name]}) == 3


def test_another_key_shares_nothing():
    made = agreement()[0]
    one = _rows(BlindBlocks().encode(PEOPLE, _context(made=made))["birth_date"])
    other_context = EncodingContext(made, "dgsn", bytes(32), random=SeededRandomness(b"s"))
    two = _rows(BlindBlocks().encode(PEOPLE, other_context)["birth_date"])
    for name in ("block", "given", "birth_year", "sex"):
        assert one[(0, 0)][name] != two[(0, 0)][name]


def _shared(sketch):
    return [word & CROSSWISE_BITS for word in np.frombuffer(sketch, dtype="<u8").tolist()]


def test_swaps_show_in_names_and_in_day_and_month():
    people = frame(person(0, "sara", "diallo", (1984, 5, 7)), person(1, "diallo", "sara", (1984, 7, 5)))
    rows = _rows(BlindBlocks().encode(people, _context())["names"])
    one, two = rows[(0, 0)], rows[(1, 0)]
    assert _shared(one["given"]) == _shared(two["family"])
    assert _shared(one["family_skeleton"]) == _shared(two["given_skeleton"])
    assert (one["birth_month"], one["birth_day"]) == (two["birth_day"], two["birth_month"])


def test_what_swaps_show_by_says_little_of_one_row():
    same = frame(*(person(n, "ndiaye", "ndiaye", (1984, 5, 5 + n), sex="f") for n in range(2)))
    one, two = _rows(BlindBlocks().encode(same, _context())["names"]).values()
    differing = np.bitwise_count(_words(one["given"]) ^ _words(one["family"])).sum()
    assert 30 < differing < 80  # of the 112 bits of their own, half
    assert _shared(one["given"]) == _shared(one["family"])
    assert one["birth_month"] != one["birth_day"]  # 5 May
    assert two["birth_month"] != two["birth_day"]


def test_a_subject_has_one_row_a_block_its_most_complete_identity():
    spellings = ("sara", "sarah", "sarra")
    people = frame(
        *(person(0, name, "alami", DAY, identity=n, sex="f" if n == 1 else None) for n, name in enumerate(spellings))
    )
    assert set(_rows(BlindBlocks().encode(people, _context())["birth_date"])) == {(0, 1)}


def test_dummies_never_share_a_block_with_another_row():
    people = frame(*(person(n, "sara", "alami", (1950 + n % 40, 1 + n % 12, 1)) for n in range(400)))
    made, _ = agreement(dummy_share=2.0, caps={"persons_per_key": 99})
    encoded = BlindBlocks().encode(people, _context(made=made))["birth_date"]
    table = pl.from_arrow(encoded.table).with_columns(dummy=pl.col("handle").is_in(pl.Series(encoded.dummy_handles)))
    crowded = table.filter((pl.len().over("block") > 1) & pl.col("dummy"))
    assert table["dummy"].sum() > 300
    assert crowded.is_empty()


def test_document_slots_share_a_key():
    people = frame(person(0, passport="AB1234567"), person(1, national_id="AB123456"))
    rows = _rows(BlindBlocks().encode(people, _context())["document"])
    assert rows[(0, 0)]["passport"] == rows[(1, 0)]["national_id"]
    assert rows[(0, 0)]["block"] == rows[(1, 0)]["block"]


def test_a_sketch_is_the_twins_under_the_trees_key():
    rows = _rows(BlindBlocks().encode(PEOPLE, _context())["birth_date"])
    of_pass = tree.pass_key(KEY, "birth_date")
    secret = tree.block_secrets(of_pass, 0, ["1984\x1f5\x1f17"])
    key = tree.field_keys(of_pass, "names", secret)[0].astype("<u8").tobytes()
    assert rows[(0, 0)]["block"] == tree.block_tokens(of_pass, secret)[0]
    assert rows[(0, 0)]["given"] == sketch_twin(key, tagged(bigrams("sara"), 1))


def test_where_the_order_is_unknown_only_the_full_name_speaks():
    registers = {"dgsn": FIELDS, "anapec": ("full_name", "birth_date")}
    made, _ = agreement(registers=registers)
    people = frame(person(0, "sara", "alami", DAY, name_order_known=False), person(1, "sara", "alami", DAY))
    rows = _rows(BlindBlocks().encode(people, _context("anapec", made=made))["birth_date"])
    assert rows[(0, 0)]["given"] is rows[(0, 0)]["family_skeleton"] is None
    assert rows[(0, 0)]["full"] == rows[(1, 0)]["full"] is not None
    assert rows[(1, 0)]["given"] is not None


def test_a_field_the_register_lacks_is_null_throughout():
    table = BlindBlocks().encode(PEOPLE.drop("passport", "sex"), _context())["birth_date"].table
    for name in ("passport", "passport_sketch", "sex"):
        assert table[name].null_count == table.num_rows > 0


def test_handles_are_unique_and_independent_between_passes():
    encoded = BlindBlocks().encode(PEOPLE, _context())
    seen = [handle for one in encoded.values() for handle in one.handles["handle"]]
    assert len(set(seen)) == len(seen)
    for one in encoded.values():
        assert one.handles["handle"].to_list() == one.table["handle"].to_pylist() == sorted(one.handles["handle"])


def test_the_order_of_the_input_leaves_no_trace():
    one = BlindBlocks().encode(PEOPLE, _context())
    two = BlindBlocks().encode(PEOPLE[[2, 0, 3, 1]], _context())
    for name in one:
        assert one[name].table.equals(two[name].table)
        assert one[name].handles.equals(two[name].handles)


def test_without_a_seed_handles_are_new_each_time():
    context = EncodingContext(agreement()[0], "dgsn", KEY)
    one, two = (BlindBlocks().encode(PEOPLE, context)["names"].handles["handle"].to_list() for _ in range(2))
    assert not set(one) & set(two)


def test_counts_are_reported():
    report = BlindBlocks().encode(PEOPLE, _context())["birth_date"].report
    assert (report.rows, report.dummies, report.keyless, report.withheld, report.levels) == (2, 0, 1, 0, (2, 0))


def test_an_empty_register_makes_empty_tables():
    for one in BlindBlocks().encode(PEOPLE.clear(), _context()).values():
        assert one.table.num_rows == one.handles.height == 0


@pytest.mark.parametrize(
    ("people", "says"),
    [
        (PEOPLE.drop("subject"), "lack a key column"),
        (PEOPLE.with_columns(pl.lit("x").alias("identity")), "integers"),
        (PEOPLE.with_columns(pl.lit(-1).alias("subject")), "negative"),
        (PEOPLE.with_columns(pl.lit(None, dtype=pl.Int64).alias("subject")), "empty"),
        (pl.concat([PEOPLE, PEOPLE]), "twice"),
    ],
)
def test_key_columns_must_be_keys(people, says):
    with pytest.raises(EncodingError, match=says):
        BlindBlocks().encode(people, _context())


def test_a_context_needs_a_register_and_a_whole_key():
    with pytest.raises(AgreementError):
        _context("unknown")
    with pytest.raises(WeakKeyError):
        EncodingContext(agreement()[0], "dgsn", bytes(16))
    assert repr(KEY) not in repr(_context())


def test_the_profile_is_the_agreements():
    for name in ("blind_blocks", "clear", "record"):
        assert profile_for(agreement(profile=name)[0]).name == name


NAME = st.one_of(st.none(), st.text(alphabet="abcdefgh ", min_size=1, max_size=8).filter(str.strip).map(str.strip))


@settings(deadline=None, max_examples=25)
@given(st.lists(st.tuples(NAME, NAME, st.sampled_from([None, 1984, 1985])), min_size=1, max_size=12))
def test_tokens_are_equal_exactly_where_block_and_value_are(people):
    passes = (PassTerms(name="year", levels=(("birth_year",),)),)
    made, _ = agreement(passes=passes, caps={"persons_per_key": 99})
    identities = frame(*(person(n, g, f, (y, None, None)) for n, (g, f, y) in enumerate(people)))
    rows = _rows(BlindBlocks().encode(identities, _context(made=made))["year"])
    assert set(rows) == {(n, 0) for n, (_, _, year) in enumerate(people) if year}
    for (one, _), left in rows.items():
        for (two, _), right in rows.items():
            same_block = people[one][2] == people[two][2]
            assert (left["block"] == right["block"]) == same_block
            grams = [sorted(bigrams(people[n][0] or "x")) for n in (one, two)]
            if people[one][0] and people[two][0]:
                assert (left["given"] == right["given"]) == (same_block and grams[0] == grams[1])


def test_crowded_keys_are_refined_in_the_tables_too():
    crowd = frame(*(person(n, name, "alami", DAY) for n, name in enumerate(["sara", "omar", "li"])))
    made, _ = agreement(caps={"persons_per_key": 2})
    crowded = count_crowded(crowd, PASSES, KEY, made.caps, SeededRandomness(b"c"))
    report = BlindBlocks().encode(crowd, _context(made=made, crowded=crowded))["birth_date"].report
    assert report.levels == (0, 3)


def test_passes_are_the_same_whatever_the_number_of_threads(monkeypatch):
    people = frame(*(person(n, f"name{chr(97 + n)}", "alami", (1950 + n, 5, 6)) for n in range(12)))
    made = []
    for threads in (1, 4):
        monkeypatch.setattr(blind_blocks, "available_processors", lambda threads=threads: threads)
        made.append(BlindBlocks().encode(people, _context("anapec", b"2")))
    assert list(made[0]) == [terms.name for terms in PASSES]
    assert all(made[0][name].table.equals(made[1][name].table) for name in made[0])


def test_withheld_rows_are_counted_by_group():
    people = frame(
        person(0, "omar", "alami", DAY, nationality="SEN"),
        person(1, "omar", "alami", DAY, nationality="FRA"),
        person(2, "ana", "gomez", (1970, 7, 8)),
    )
    names = PassTerms(name="names", levels=(("skeleton_pair",),))
    made = agreement(passes=(names,))[0]
    crowded = count_crowded(people, (names,), KEY, CapTerms.model_construct(epsilon=50.0), SeededRandomness(b"n"))
    context = EncodingContext(made, "anapec", KEY, crowded, SeededRandomness(b"h"))
    report = BlindBlocks().encode(people, context)["names"].report
    assert report.withheld == 2
    assert report.withheld_by_group["nationality"] == {
        "europe": {"rows": 1, "share": 1.0},
        "sub_saharan_africa": {"rows": 1, "share": 1.0},
        "unknown": {"rows": 1, "share": 0.0},
    }
    assert sum(group["rows"] for group in report.withheld_by_group["family_name"].values()) == 3
