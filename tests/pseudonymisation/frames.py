"""Hand-made normalised identities and agreements, for tests of blocking and encoding."""

from __future__ import annotations

from datetime import date

import polars as pl

from contract.agreement import Agreement, Party, PassTerms, ProfileTerms, RegisterTerms
from contract.sealing import sealing_public_text
from contract.signing import public_text
from pseudonymisation.normalisation.skeleton import skeleton
from tests.contract.builders import make_keys

KEY = bytes(range(32))
DATES = ("birth_year", "birth_month", "birth_day")

PASSES = (
    PassTerms(name="birth_date", levels=(DATES, (*DATES, "initial_pair"))),
    PassTerms(name="names", levels=(("skeleton_pair",), ("skeleton_pair", "birth_year"))),
    PassTerms(name="document", levels=(("document",),)),
)


def person(subject, given=None, family=None, birth=(None, None, None), identity=0, **more):
    year, month, day = birth
    both = " ".join(sorted(f"{given or ''} {family or ''}".split())) or None
    return {
        "subject": subject,
        "identity": identity,
        "given": given,
        "family": family,
        "given_skeleton": skeleton(given) if given else None,
        "family_skeleton": skeleton(family) if family else None,
        "full": both,
        "full_skeleton": " ".join(sorted(skeleton(both).split())) if both else None,
        "name_order_known": True,
        "birth_year": year,
        "birth_month": month,
        "birth_day": day,
        "sex": None,
        "nationality": None,
        "passport": None,
        "national_id": None,
        **more,
    }


def frame(*people):
    text = pl.String
    schema = {
        "subject": pl.Int64, "identity": pl.Int32, "given": text, "family": text, "given_skeleton": text,
        "family_skeleton": text, "full": text, "full_skeleton": text, "name_order_known": pl.Boolean,
        "birth_year": pl.Int32, "birth_month": pl.Int8, "birth_day": pl.Int8, "sex": text, "nationality": text,
        "passport": text, "national_id": text,
    }  # fmt: skip
    return pl.DataFrame(list(people), schema={**schema, **dict.fromkeys(set().union(*people) - set(schema), text)})


FIELDS = ("family_name", "given_names", "birth_date", "sex", "nationality", "passport_no")


def agreement(passes=PASSES, registers=None, profile="blind_blocks", dummy_share=0.0, **changes):
    registers = registers or {"dgsn": FIELDS, "anapec": (*FIELDS, "national_id")}
    keys = {name: make_keys() for name in [*registers, "lu", "su", "cndp"]}
    roles = {"lu": "linkage_unit", "su": "statistics_unit", "cndp": "privacy_officer"}
    made = Agreement(
        title="Test",
        purpose="Test",
        epoch=1,
        created_on=date(2026, 1, 1),
        expires_on=date(2099, 1, 1),
        retention_until=date(2099, 6, 1),
        parties=tuple(
            Party(
                name=name,
                role=roles.get(name, "institution"),
                signing_key=public_text(held.signing),
                sealing_key=sealing_public_text(held.sealing),
            )
            for name, held in keys.items()
        ),
        registers=tuple(RegisterTerms(name=name, holder=name, fields=fields) for name, fields in registers.items()),
        passes=passes,
        profile=ProfileTerms(name=profile, dummy_share=dummy_share),
        **changes,
    )
    return made, keys
