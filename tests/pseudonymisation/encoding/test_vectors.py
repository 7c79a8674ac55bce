"""Committed vectors of the whole encoding, held by two implementations: the product's and a plain one of the text.

A changed vector makes all institutions incomparable with those that have not changed, and all vintages with earlier
ones. If that is meant, write them anew: ``python -m tests.pseudonymisation.encoding.test_vectors``.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl

from contract.agreement import PassTerms
from pseudonymisation.blocking.caps import CrowdedKeys
from pseudonymisation.encoding.prf import siphash24
from pseudonymisation.encoding.profile import EncodingContext, profile_for
from pseudonymisation.keys import tree
from pseudonymisation.randomness import SeededRandomness
from tests.pseudonymisation.encoding import plain_encoding as plain
from tests.pseudonymisation.frames import agreement as agreement_over
from tests.pseudonymisation.frames import frame, person

FILE = Path(__file__).with_name("encoding_vectors.json")
DATES = ["birth_year", "birth_month", "birth_day"]
GIVEN = {
    "agreement_id": "c" * 64,
    "epoch": 1,
    "vintage": "2026-01",
    "shares": {"cnss": bytes(range(32)).hex(), "dgsn": bytes(range(32, 64)).hex()},
    "passes": {
        "birth_date": [DATES, [*DATES, "initial_pair"]],
        "names": [["skeleton_pair", "birth_year"]],
        "document": [["document"]],
    },
    "crowded": {"birth_date": ["1984\x1f5\x1f17"]},
    "people": [
        person(0, "amina", "el idrissi", (1984, 5, 17), sex="f", nationality="MAR", passport="AB1234567"),
        person(1, "jean pierre", "ndiaye", (1990, 12, 3), sex="m", nationality="SEN"),
        person(2, "o", "li", (2001, None, None)),
        person(3, "sara", "tazi", (1999, 6, 6), sex="f"),
    ],
}
FIELDS = ("family_name", "given_names", "birth_date", "sex", "nationality", "passport_no")


def recomputed() -> dict:
    """The vectors by the plain implementation."""
    shares = {name: bytes.fromhex(share) for name, share in GIVEN["shares"].items()}
    key = plain.epoch_key(shares, GIVEN["agreement_id"], GIVEN["epoch"])
    vintage = plain.derive(key, "vintage", GIVEN["vintage"])
    return {
        **GIVEN,
        "epoch_key": key.hex(),
        "vintage_key": vintage.hex(),
        "pass_keys": {name: plain.derive(vintage, "pass", name).hex() for name in GIVEN["passes"]},
        "siphash": {
            message.hex(): f"{plain.siphash(bytes(range(16)), message):016x}" for message in (b"", b"wasl", b"a" * 15)
        },
        "rows": plain.encode(GIVEN["people"], vintage, GIVEN["passes"], GIVEN["crowded"]),
    }


def vectors() -> dict:
    return json.loads(FILE.read_text(encoding="utf-8"))


def test_the_plain_implementation_gives_the_vectors() -> None:
    assert json.loads(json.dumps(recomputed())) == vectors()


def test_the_vectors_cover_levels_missing_cells_and_withheld_rows() -> None:
    rows = vectors()["rows"]
    assert [row["level"] for row in rows["birth_date"]] == [1, 0, 0]
    assert [row["subject"] for row in rows["names"]] == [0, 1, 2, 3]
    assert [row["subject"] for row in rows["document"]] == [0]
    assert rows["names"][2]["columns"]["sex"] is None
    assert {len(row["columns"]["family"]) for name in rows for row in rows[name]} == {32}


def test_the_products_key_tree_gives_the_vectors() -> None:
    held = vectors()
    shares = {name: bytes.fromhex(share) for name, share in held["shares"].items()}
    key = tree.epoch_key(shares, held["agreement_id"], held["epoch"])
    vintage = tree.vintage_key(key, held["vintage"])
    assert (key.hex(), vintage.hex()) == (held["epoch_key"], held["vintage_key"])
    for name, rows in held["rows"].items():
        of_pass = tree.pass_key(vintage, name)
        assert of_pass.hex() == held["pass_keys"][name]
        for row in rows:
            secrets = tree.block_secrets(of_pass, row["level"], [row["key_value"]])
            assert secrets.tobytes().hex() == row["secret"]
            assert tree.block_tokens(of_pass, secrets).astype("<u8").tobytes().hex() == row["block"]
            for group, field_key in row["field_keys"].items():
                assert tree.field_keys(of_pass, group, secrets).astype("<u8").tobytes().hex() == field_key
    for message, hashed in held["siphash"].items():
        assert f"{siphash24(bytes(range(16)), bytes.fromhex(message)):016x}" == hashed


def test_the_products_encoding_gives_the_vectors() -> None:
    held = vectors()
    terms = [PassTerms(name=name, levels=tuple(map(tuple, levels))) for name, levels in held["passes"].items()]
    agreement = agreement_over(tuple(terms), {"r": FIELDS}, dummy_share=0)[0]
    vintage = bytes.fromhex(held["vintage_key"])
    crowded = {
        name: tree.block_tokens(
            tree.pass_key(vintage, name), tree.block_secrets(tree.pass_key(vintage, name), 0, values)
        )
        for name, values in held["crowded"].items()
    }
    made = profile_for(agreement).encode(
        frame(*held["people"]),
        EncodingContext(agreement, "r", vintage, CrowdedKeys(crowded), SeededRandomness(b"vectors")),
    )
    for name, rows in held["rows"].items():
        table = pl.from_arrow(made[name].table).join(made[name].handles, on="handle").sort("subject")
        assert table["subject"].to_list() == [row["subject"] for row in rows]
        for got, row in zip(table.iter_rows(named=True), rows, strict=True):
            assert int(got["block"]).to_bytes(8, "little").hex() == row["block"]
            columns = {column: _hex(got[column]) for column in row["columns"]}
            assert columns == row["columns"]
            assert set(table.columns) - {"handle", "block", "subject", "identity"} == set(columns)


def _hex(value: bytes | int | None) -> str | None:
    if isinstance(value, int | np.integer):
        return int(value).to_bytes(4, "little").hex()
    return None if value is None else value.hex()


if __name__ == "__main__":
    FILE.write_text(json.dumps(recomputed(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
