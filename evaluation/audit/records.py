"""The attacks on the profile `record`, on the very encodings that would leave.

The attacker holds the same persons in clear and every algorithm, and a key of its own. Rows stand in the order of their
random handles, the attacker's persons in an order of their own: no order helps.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Final

import numpy as np
import polars as pl

from connectors.structure import SIGMAS
from contract.audit_report import (
    AttackFigures,
    ControlFigures,
    ControlName,
    Hits,
    KnownPairs,
    LeakageFigures,
    PassFigures,
    StructureFigure,
)
from evaluation.attacks.records.frequency import frequency
from evaluation.attacks.records.graph_matching import NEIGHBOURS, graph_matching
from evaluation.attacks.records.keys import dictionary_attack
from evaluation.attacks.records.known_pairs import known_pairs
from evaluation.attacks.records.pattern_mining import pattern_mining
from evaluation.attacks.records.persons import Persons
from evaluation.attacks.records.record_profile import RecordProfile
from evaluation.attacks.records.result import AttackResult
from evaluation.attacks.records.scenario import Scenario
from evaluation.attacks.records.seeded_profile import seeded_profile
from evaluation.attacks.records.structure import MAX_BIT_DEVIATION, MAX_LENGTH_CORRELATION, structure
from evaluation.audit.encodings import Encodings
from pseudonymisation.encoding.record import MAX_LINEAR_LEAKAGE, RECORD_TABLE

SEEDS: Final = 50
_LEAST_PAIRS: Final = 20
_CLEAR: Final = ("_given", "_family", "_birth")
_ATTACKER_KEY: Final = b"the attacker's own key, 32 bytes"
_OTHER_KEY: Final = b"another epoch's key, of 32 bytes"


@dataclass(frozen=True)
class RecordAudit:
    """What the attacks on record encodings found, as figures of a report.

    Attributes:
        persons: Likely persons whom clear text tells apart; those with equal grams have equal encodings and count once.
        attacked: How many of them were attacked.
    """

    persons: int
    attacked: int
    leakage: tuple[LeakageFigures, ...]
    known_pairs: KnownPairs
    structure: tuple[StructureFigure, ...]
    attacks: tuple[AttackFigures, ...]
    keys: tuple[ControlFigures, ...]


def named_hits(result: AttackResult) -> Hits:
    """Return what an attack named, as counts."""
    total = int(result.details.get("rows", 0))
    return Hits(hits=round((result.named or 0.0) * total), total=total)


def audit_records(encodings: Encodings, *, rows: int, overlaps: Sequence[float], pairs: int, seed: int) -> RecordAudit:
    """Attack a register's record encodings.

    Args:
        encodings: Profile `record`.
        rows: Persons drawn at random; all, if there are fewer.
        overlaps: Shares of the attacker's persons that the register holds.
        pairs: Known pairs of handle and person; half of the rows at most.
        seed: Of every draw.
    """
    encoder = RecordProfile(encodings.agreement)
    everybody = _everybody(encodings.by_person())
    if everybody.is_empty():
        return _nobody(overlaps)
    whole = _scenario(everybody, encoder, rows, seed)
    size = len(whole.bits)
    unseeded = {overlap: _unseeded(_part(whole, overlap)) for overlap in overlaps}
    leakage = tuple(_leakage(overlap, found, size) for overlap, found in unseeded.items())
    known = [
        *([seeded_profile(whole, min(SEEDS, size // 2), _ATTACKER_KEY, seed)] if size > NEIGHBOURS + 2 else []),
        *(
            known_pairs(whole, min(pairs, size // 2), reader, seed)
            for reader in ("ridge", "mlp")
            if size // 2 >= _LEAST_PAIRS
        ),
    ]
    learnt = [named_hits(result) for result in known]
    worst = max(learnt, key=lambda one: one.share, default=Hits(hits=0, total=0))
    wrong_keys: dict[ControlName, bytes] = {"wrong_key": _ATTACKER_KEY, "wrong_epoch": _OTHER_KEY}
    read = {name: dictionary_attack(whole, key, name) for name, key in wrong_keys.items()}
    fill = encoder.input_fill(whole.persons, _ATTACKER_KEY)
    lengths = np.array([len(grams) for grams in whole.persons.grams], dtype=np.int64)[whole.truth]
    shape = structure(whole.bits, fill, encoder.diffusion, lengths)
    every = [*(result for found in unseeded.get(1.0, {}).values() for result in [found]), *known, shape]
    return RecordAudit(
        persons=everybody.height,
        attacked=size,
        leakage=leakage,
        known_pairs=KnownPairs(pairs=min(pairs, size // 2), named=worst),
        structure=_structure(shape, size),
        attacks=tuple(_figures(result) for result in every),
        keys=tuple(
            ControlFigures(name=name, found=named_hits(result), baseline=result.baseline)
            for name, result in read.items()
        ),
    )


def _everybody(encodings: Encodings) -> pl.DataFrame:
    """Return one row (`handle`, `encoding` and clear text) of each likely person, in the order of random handles.

    A second row of a person would make her a known pair and a target at once. Of persons with equal grams (namesakes
    born on one day, whichever name comes first) the first stands for all: no attack can tell them apart.
    """
    made = encodings.passes[RECORD_TABLE]
    table = pl.DataFrame(made.columns("handle", "encoding")).join(made.handles, on="handle")
    clear = table.join(_clear(encodings.identities), on=["subject", "identity"], how="left").sort("handle")
    of_person = clear.unique("subject", keep="first", maintain_order=True)
    clear_text = _persons(of_person)
    names = [
        " ".join(sorted(f"{given} {family}".split()))
        for given, family in zip(clear_text.given, clear_text.family, strict=True)
    ]
    either_order = Persons(tuple(names), ("",) * len(names), clear_text.birth)
    grams = ["\t".join(sorted(one)) for one in either_order.grams]
    return of_person.with_columns(pl.Series("_grams", grams)).unique("_grams", keep="first", maintain_order=True)


def _nobody(overlaps: Sequence[float]) -> RecordAudit:
    """Return the audit of a register of nobody, or of nobody who can be encoded: nothing to name, nothing named."""
    none = Hits(hits=0, total=0)
    one = PassFigures(name=RECORD_TABLE, rows=0, named=none, confident=none, baseline=0.0)
    leakage = tuple(
        LeakageFigures(overlap=overlap, passes=(one,), union=none, union_confident=none) for overlap in overlaps
    )
    keys: tuple[ControlName, ...] = ("wrong_key", "wrong_epoch")
    controls = tuple(ControlFigures(name=name, found=none, baseline=0.0) for name in keys)
    return RecordAudit(0, 0, leakage, KnownPairs(pairs=0, named=none), (), (), controls)


def _persons(clear: pl.DataFrame) -> Persons:
    return Persons(*(tuple(clear.get_column(name).to_list()) for name in _CLEAR))


def _scenario(everybody: pl.DataFrame, encoder: RecordProfile, rows: int, seed: int) -> Scenario:
    """Return rows drawn at random with their truth."""
    rng = np.random.default_rng([seed, 0xA0D1])
    drawn = everybody[np.sort(rng.permutation(everybody.height)[:rows])]
    order = rng.permutation(drawn.height)
    truth = np.argsort(order).astype(np.int64)
    raw = np.frombuffer(b"".join(drawn.get_column("encoding").to_list()), dtype=np.uint8).reshape(drawn.height, -1)
    return Scenario(encoder, np.unpackbits(raw, axis=1, bitorder="little"), _persons(drawn[order]), truth)


def _clear(identities: pl.DataFrame) -> pl.DataFrame:
    def text(name: str) -> pl.Expr:
        return pl.col(name).cast(pl.String).fill_null("") if name in identities.columns else pl.lit("")

    parts = {"birth_year": 4, "birth_month": 2, "birth_day": 2}
    return identities.select(
        "subject",
        "identity",
        # a register of full names has no parts
        _given=pl.when(text("given") != "").then(text("given")).otherwise(text("full")),
        _family=text("family"),
        # unknown parts in zeros, so that the others keep their places; nothing where no part is known
        _birth=pl.when(text("birth_year") != "")
        .then(pl.concat_str(text(name).str.zfill(width) for name, width in parts.items()))
        .otherwise(pl.lit("")),
    )


def _part(whole: Scenario, overlap: float) -> Scenario:
    """Return the scenario in which the register holds only a share of the attacker's persons."""
    kept = max(1, round(overlap * len(whole.bits)))
    return Scenario(whole.encoder, whole.bits[:kept], whole.persons, whole.truth[:kept])


def _unseeded(attacked: Scenario) -> dict[str, AttackResult]:
    found = {"frequency": frequency(attacked)}
    if min(len(attacked.bits), len(attacked.persons)) >= NEIGHBOURS + 2:
        found["graph matching"] = graph_matching(attacked, _ATTACKER_KEY)
    found["pattern mining"] = pattern_mining(attacked, {})
    return found


def _leakage(overlap: float, found: dict[str, AttackResult], rows: int) -> LeakageFigures:
    named = [named_hits(result) for result in found.values() if result.named is not None]
    worst = max(named, key=lambda one: one.share)
    baseline = max(result.baseline for result in found.values())
    one = PassFigures(name=RECORD_TABLE, rows=rows, named=worst, confident=Hits(hits=0, total=0), baseline=baseline)
    return LeakageFigures(overlap=overlap, passes=(one,), union=worst, union_confident=Hits(hits=0, total=0))


def _structure(shape: AttackResult, rows: int) -> tuple[StructureFigure, ...]:
    """Limits as on the whole table (`connectors.structure`): what chance adds to a bit's frequency is no leakage."""
    slack = MAX_BIT_DEVIATION + SIGMAS * 0.5 / sqrt(rows)
    limits = {
        "linear_leakage": (0.0, MAX_LINEAR_LEAKAGE),
        "low_record_leakage": (0.0, MAX_LINEAR_LEAKAGE),
        "duplicates": (0.0, 0.0),
        "length_correlation": (-MAX_LENGTH_CORRELATION, MAX_LENGTH_CORRELATION),
        "lowest_bit_frequency": (max(0.5 - slack, 0.0), 1.0),
        "highest_bit_frequency": (0.0, min(0.5 + slack, 1.0)),
    }
    return tuple(
        StructureFigure(
            check=name.replace("_", " "), where=RECORD_TABLE, found=shape.details[name], least=low, most=high
        )
        for name, (low, high) in limits.items()
    )


def _figures(result: AttackResult) -> AttackFigures:
    return AttackFigures(
        name=result.name,
        named=named_hits(result) if result.named is not None else None,
        baseline=result.baseline,
        details={name: float(value) for name, value in result.details.items()},
    )
