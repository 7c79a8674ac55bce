"""`clear`: the same passes, rows and blocks as `blind_blocks`, with plain values."""

import polars as pl

from pseudonymisation.encoding.columns import pass_schema
from pseudonymisation.encoding.profile import EncodingContext, profile_for
from pseudonymisation.randomness import SeededRandomness
from tests.pseudonymisation.encoding.test_blind_blocks import PEOPLE
from tests.pseudonymisation.frames import KEY, agreement


def test_blocks_are_those_of_blind_blocks_and_values_plain():
    made, _ = agreement()
    tables = {}
    for name in ("blind_blocks", "clear"):
        terms = made.model_copy(update={"profile": made.profile.model_copy(update={"name": name})})
        context = EncodingContext(terms, "dgsn", KEY, random=SeededRandomness(b"c"))
        tables[name] = profile_for(terms).encode(PEOPLE, context)
        if name == "clear":
            assert all(one.table.schema.equals(pass_schema(terms, clear=True)) for one in tables[name].values())
    for name, clear in tables["clear"].items():
        blind = tables["blind_blocks"][name]
        assert clear.handles.equals(blind.handles)
        assert clear.table["block"].equals(blind.table["block"])
        assert clear.report == blind.report
    rows = pl.from_arrow(tables["clear"]["document"].table).sort("passport")
    assert rows["passport"].to_list() == [None, "AB123456"]
    assert rows["passport_sketch"].to_list() == [None, "AB1234567"]
    assert set(rows["given"]) == {"sara", "omar"}
    assert set(rows["birth_year"]) == {"1984", "1990"}
