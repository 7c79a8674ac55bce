"""Bad cells become a defined encoding or a typed error; names that look like "nothing" are names."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from connectors.subjects import group_subjects
from contract.agreement import Agreement, PassTerms, ProfileTerms, SignedAgreement
from contract.errors import AgreementError, SignatureError
from pseudonymisation.blocking.caps import CrowdedKeys, count_crowded
from pseudonymisation.encoding.profile import EncodingContext, profile_for
from pseudonymisation.keys.tree import WeakKeyError, block_secrets, derive, epoch_key
from pseudonymisation.normalisation import FieldMapping, normalise
from pseudonymisation.normalisation.names import normalise_name
from pseudonymisation.randomness import SeededRandomness
from service.submissions.tables import check_pass_table
from tests.contract.builders import make_agreement, sign_all
from tests.fuzz.target import AS_OF, FIELDS, KEY, check_name, check_rows
from tests.pseudonymisation.frames import PASSES, frame, person
from tests.pseudonymisation.frames import agreement as agreement_over

NOTHINGS = ["None", "Nan", "null", "NA", "N/A", "nil", "NaN", "undefined", "True", "0", "-", ".", "#N/A", "1e5", "inf"]
#: One sign of every assigned plane, the ends of the planes, private use, noncharacters.
PLANES = [chr(plane * 0x10000 + offset) for plane in range(17) for offset in (0x20, 0x41, 0xFFFD, 0xFFFF)]
MARKS = ["\u200e", "\u200f", "\u202a", "\u202e", "\u2066", "\u2069", "\ufeff", "\u200d", "\x00", "\x1f", "\x7f", "\x85"]
EMOJI = ["🙂", "👩‍👩‍👧", "🇲🇦", "👍🏽"]
LETTERS = ["é", "ß", "Œ", "İ", "ı", "ﬁ", "ﷺ", "ﻻ", "ـ", "٣", "²", "Ⅳ", "ａ", "文", "ก", "א", "Ω", "й", "a\u0301" * 8]
TEXT = st.text(max_size=60) | st.lists(
    st.sampled_from([*NOTHINGS, *PLANES, *MARKS, *EMOJI, *LETTERS, "ben ", "al-", "El ", ", ", "'", "٠", "19840517"]),
    max_size=8,
).map("".join)
CELL = st.none() | TEXT.filter(lambda text: not any(0xD800 <= ord(sign) < 0xE000 for sign in text))


@settings(max_examples=400, deadline=None)
@given(TEXT)
@example("\x00")
@example("\ud800")
@example("a" * 10_000)
@example("ab " * 5_000)
@example("'" * 10_000)
@example("محمد" * 3_000)
@example("﷽" * 2_000)  # a sign that romanises to a whole sentence
def test_any_text_is_a_name_or_nothing(value: str) -> None:
    check_name(value)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(st.lists(st.fixed_dictionaries(dict.fromkeys(FIELDS, CELL)), min_size=1, max_size=4))
@example([dict.fromkeys(FIELDS, "x" * 10_000)])
@example([dict.fromkeys(FIELDS, "".join(PLANES))])
@example([dict.fromkeys(FIELDS, "\u202e" + "أمينة" + "\x00")])
def test_any_row_has_a_defined_encoding(rows: list[dict[str, str | None]]) -> None:
    check_rows(rows)


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.fixed_dictionaries(dict.fromkeys(FIELDS, CELL)), min_size=1, max_size=3))
def test_any_row_has_a_defined_record_encoding(rows: list[dict[str, str | None]]) -> None:
    check_rows(rows, "record")


@pytest.mark.parametrize("name", [word for word in NOTHINGS if word.isalpha()])
def test_a_name_that_looks_like_nothing_is_a_name(name: str) -> None:
    raw = pl.DataFrame({"family": [name, None, ""], "given": ["Nan", None, ""]})
    mappings = {"family_name": FieldMapping("family", "name"), "given_names": FieldMapping("given", "name")}
    made = normalise(raw, mappings, as_of=AS_OF)
    assert made.frame["family"].to_list() == [name.lower(), None, None]
    assert made.frame["given"].to_list() == ["nan", None, None]
    assert made.report["family_name"].missing == 2
    assert check_rows([{"family_name": name, "given_names": "None", "birth_date": "1984-05-17"}])["names"] == 1


def test_the_same_name_under_marks_and_signs_is_the_same_name() -> None:
    for disguise in ("\u200fAmina\u200f", "Ami\u200dna", "AMINA\x00", "Amina 🙂", "Ａｍｉｎａ", "\u202aamina\u202c"):
        assert normalise_name(disguise) == "amina", repr(disguise)


def test_long_names_are_cut_and_counted() -> None:
    raw = pl.DataFrame({"family": ["ab" * 5_000, "short"]})
    made = normalise(raw, {"family_name": FieldMapping("family", "name")}, as_of=AS_OF)
    assert made.report["family_name"].truncated == 1
    assert len(made.frame["family"][0]) <= 1_000


def test_one_person_a_hundred_thousand_times_is_one_person() -> None:
    """Grouped, it is one row a pass; alone, it is a crowd that is withheld. Neither takes long."""
    count = 100_000
    raw = pl.DataFrame({"family": ["Alaoui"] * count, "given": ["Amina"] * count, "born": ["1984-05-17"] * count})
    mappings = {
        "family_name": FieldMapping("family", "name"),
        "given_names": FieldMapping("given", "name"),
        "birth_date": FieldMapping("born", "date"),
    }
    linkage = normalise(raw, mappings, as_of=AS_OF).frame
    alone = linkage.with_columns(
        pl.int_range(pl.len(), dtype=pl.Int64).alias("subject"), pl.lit(0, dtype=pl.Int32).alias("identity")
    )
    agreement = agreement_over(PASSES, {"r": ("family_name", "given_names", "birth_date")}, dummy_share=0)[0]
    together = alone.with_columns(pl.Series("subject", group_subjects(linkage), dtype=pl.Int64))
    assert together["subject"].n_unique() == 1
    rows = {}
    for name, identities in (("alone", alone), ("together", together.unique(["subject"]))):
        random = SeededRandomness(b"crowd")
        crowded = count_crowded(identities, agreement.passes, KEY, agreement.caps, random)
        made = profile_for(agreement).encode(identities, EncodingContext(agreement, "r", KEY, crowded, random))
        rows[name] = {at: one.report.rows for at, one in made.items()}
    assert set(rows["alone"].values()) == {0}
    assert 1 in rows["together"].values()
    assert max(rows["together"].values()) == 1


def test_a_pass_without_rows_is_a_table_like_any_other(tmp_path: Path) -> None:
    """No identity has a document: its pass holds no row but has the agreement's form, and the unit takes it."""
    import pyarrow.parquet as pq

    agreement = agreement_over(
        PASSES, {"r": ("family_name", "given_names", "birth_date", "passport_no")}, dummy_share=0
    )[0]
    identities = frame(person(0, "amina", "alaoui", (1984, 5, 17)), person(1, "omar", "sow", (1990, 1, 2)))
    made = profile_for(agreement).encode(
        identities, EncodingContext(agreement, "r", KEY, CrowdedKeys(), SeededRandomness(b"empty"))
    )
    assert made["document"].table.num_rows == 0
    assert made["birth_date"].table.num_rows == 2
    for name, one in made.items():
        path = tmp_path / f"pass-{name}.parquet"
        pq.write_table(one.table, path)
        assert check_pass_table(path, path.name, agreement, max_rows=10) == one.table.num_rows
    nobody = profile_for(agreement).encode(
        identities.clear(), EncodingContext(agreement, "r", KEY, CrowdedKeys(), SeededRandomness(b"empty"))
    )
    assert {one.table.num_rows for one in nobody.values()} == {0}


@pytest.mark.parametrize("length", [0, 1, 15, 16, 31])
def test_without_a_key_of_256_bits_nothing_is_encoded(length: int) -> None:
    agreement = agreement_over(PASSES, {"r": ("family_name", "given_names", "birth_date")})[0]
    key = bytes(length)
    with pytest.raises(WeakKeyError):
        EncodingContext(agreement, "r", key)
    for work in (
        lambda: derive(key, "vintage", "2026"),
        lambda: block_secrets(key, 0, ["x"]),
        lambda: epoch_key({"cnss": key}, "a", 1),
        lambda: count_crowded(
            frame(person(0, "a", "b")), agreement.passes, key, agreement.caps, SeededRandomness(b"x")
        ),
    ):
        with pytest.raises(WeakKeyError):
            work()


@pytest.mark.parametrize(
    "weak",
    [
        {"profile": {"name": "record", "record_bits": 512}},
        {"profile": {"name": "record", "diffusion": 5}},
        {"profile": {"name": "blind_blocks", "sketch_bits": 64}},
        {"profile": {"name": "plain"}},
        {"profile": {"name": "blind_blocks", "dummy_share": -1}},
        {"caps": {"persons_per_key": 0}},
        {"caps": {"epsilon": 0}},
        {"epoch": 0},
        {"passes": [{"name": "everybody", "levels": []}]},
        {"passes": [{"name": "everybody", "levels": [["no_such_component"]]}]},
        {"unknown_word": 1},
    ],
)
def test_weak_parameters_are_no_agreement(weak: dict) -> None:
    agreement, _ = make_agreement()
    with pytest.raises(ValueError):
        Agreement.model_validate({**agreement.model_dump(), **weak})


def test_an_agreement_altered_after_signing_is_not_live() -> None:
    agreement, keys = make_agreement()
    signed = sign_all(agreement, keys)
    signed.check_live()
    changes = (
        {"purpose": agreement.purpose + " and more"},
        {"profile": ProfileTerms(dummy_share=0)},
        {"passes": (*agreement.passes, PassTerms(name="all", levels=(("birth_year",),)))},
        {"epoch": 2},
        {"parties": tuple(reversed(agreement.parties))},
    )
    for change in changes:
        with pytest.raises((SignatureError, AgreementError)):
            SignedAgreement(
                agreement=agreement.model_copy(update=change), signatures=signed.signatures, approval=signed.approval
            ).check_live()
