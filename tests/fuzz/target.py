"""What the fuzzers drive: raw cells of a register through normalisation, blocking and encoding, with what must hold.

Any text is a defined input: it becomes tokens, or it counts as missing and is reported. The only errors are ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from functools import lru_cache

import polars as pl

from contract.agreement import Agreement, ProfileTerms
from contract.errors import WaslError
from pseudonymisation.blocking.caps import count_crowded
from pseudonymisation.blocking.planner import plan_passes
from pseudonymisation.encoding.columns import pass_schema
from pseudonymisation.encoding.profile import EncodingContext, profile_for
from pseudonymisation.normalisation import FieldMapping, normalise
from pseudonymisation.normalisation.arabic import fold_arabic
from pseudonymisation.normalisation.names import normalise_name, split_full_name
from pseudonymisation.normalisation.romanise import MAX_NAME_LENGTH, romanise
from pseudonymisation.normalisation.skeleton import skeleton, skeleton_token
from pseudonymisation.randomness import SeededRandomness
from tests.pseudonymisation.frames import agreement as make_agreement

#: Column of the raw table to the type of its field; what a register may hold.
FIELDS = {
    "family_name": "name",
    "given_names": "name",
    "full_name": "name",
    "birth_date": "date",
    "sex": "category",
    "nationality": "country",
    "birth_place": "text",
    "address": "text",
    "passport_no": "code",
    "national_id": "code",
    "social_security_no": "code",
}
#: Of each planned kind one is enough: a document, a birth date, names, years, texts come first.
MAX_PASSES = 5
AS_OF = date(2026, 1, 1)
KEY = bytes(range(32))
_ALPHABET = frozenset("abcdefghijklmnopqrstuvwxyz ")
Row = dict[str, str | None]


@lru_cache(maxsize=4)
def agreement_of(fields: frozenset[str], profile: str) -> Agreement:
    """An agreement over these fields with planned passes."""
    passes = plan_passes({"r": sorted(fields)}, {}, 1000)[:MAX_PASSES]
    made = make_agreement(passes, {"r": tuple(sorted(fields))}, dummy_share=0.25)[0]
    return made.model_copy(update={"profile": ProfileTerms(name=profile, dummy_share=0.25)})


def check_name(value: str) -> None:
    """One name: only a-z and spaces come out, normalising again changes nothing, nothing grows without bound."""
    once = normalise_name(value)
    assert set(once) <= _ALPHABET, "a sign got through"
    assert once == once.strip()
    assert "  " not in once
    given, family = split_full_name(value)
    assert set(given + family) <= _ALPHABET
    for made in (once, given, family, romanise(value[:MAX_NAME_LENGTH]), fold_arabic(value[:MAX_NAME_LENGTH])):
        assert len(made) <= 40 * MAX_NAME_LENGTH
    for token in once.split():
        assert set(skeleton_token(token)) <= _ALPHABET
    assert set(skeleton(once)) <= _ALPHABET


def check_rows(rows: Sequence[Row], profile: str = "blind_blocks", *, twice: bool = True) -> dict[str, int]:
    """Rows of a register: one normalised row each, one table a pass, of constant form; the same bits again.

    Returns:
        Real rows by pass.
    """
    fields = frozenset(name for row in rows for name in row) or frozenset(FIELDS)
    raw = pl.DataFrame(
        {name: [row.get(name) for row in rows] for name in sorted(fields)},
        schema=dict.fromkeys(sorted(fields), pl.String),
    )
    mappings = {name: FieldMapping(name, FIELDS[name]) for name in sorted(fields)}
    normalised = normalise(raw, mappings, as_of=AS_OF)
    frame = normalised.frame
    assert frame.height == raw.height or not frame.columns
    for report in normalised.report.values():
        assert report.missing + report.unparsable <= raw.height
    identities = frame.with_columns(
        pl.int_range(pl.len(), dtype=pl.Int64).alias("subject"), pl.lit(0, dtype=pl.Int32).alias("identity")
    )
    agreement = agreement_of(fields, profile)
    try:
        return _encoded(identities, agreement, twice=twice)
    except WaslError as error:
        _says_no_value(error, rows)
        return {}


def _encoded(identities: pl.DataFrame, agreement: Agreement, *, twice: bool) -> dict[str, int]:
    def encode() -> dict[str, pl.DataFrame]:
        random = SeededRandomness(b"fuzz")
        crowded = count_crowded(identities, agreement.passes, KEY, agreement.caps, random.child("crowded"))
        made = profile_for(agreement).encode(identities, EncodingContext(agreement, "r", KEY, crowded, random))
        if agreement.profile.name == "blind_blocks":
            for one in made.values():
                assert one.table.schema.equals(pass_schema(agreement))
                assert one.handles.height + len(one.dummy_handles) == one.table.num_rows
        counts.update({name: one.handles.height for name, one in made.items()})
        return {name: pl.from_arrow(one.table) for name, one in made.items()}  # type: ignore[misc]

    counts: dict[str, int] = {}
    first = encode()
    if twice:
        again = encode()
        assert all(first[name].equals(again[name]) for name in first)
    return counts


def _says_no_value(error: WaslError, rows: Sequence[Row]) -> None:
    text = error.diagnostics()
    for row in rows:
        for value in row.values():
            assert value is None or len(value) < 6 or value not in text
