"""Several registers of one pass attacked together: the linkage unit sees all their rows of a block.

The attacker does what the linkage unit is there for, and puts rows of a block together that are one person's
(*entities*). An entity shows every cell that one of its registers has, and a block of several entities shows how
unlike they are, where each register by itself has but one row. The attacker holds the population in the clear and
does not know who of it is in which register.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import polars as pl
from numba import njit

from contract.agreement import Agreement
from evaluation.attacks.blocks.attacker import Attacker, attacker_of
from evaluation.attacks.blocks.fingerprint import CLAIMS_SCHEMA, BlockSearch, Claims, Floats, attack_rows
from evaluation.attacks.blocks.knowledge import Beliefs, Ints
from evaluation.attacks.blocks.layout import CROSSWISE, SKETCH, TOKEN, AttackInputError, Observed, observe
from evaluation.attacks.blocks.leakage import Leakage, draw_persons, judged, score_pass, truth_of, union_of
from evaluation.attacks.blocks.likelihood import LEVELS
from evaluation.attacks.blocks.search import chance_likelihoods
from evaluation.attacks.blocks.similarity import BINS, seen_pairs
from pseudonymisation.encoding.columns import BLOCK
from pseudonymisation.encoding.profile import EncodedPass

#: Share of cells in which two registers' rows of one person differ, as the attacker believes.
CELL_ERROR: Final = 0.1
#: Share of cells that differ from the attacker's clear text.
COPY_ERROR: Final = 0.05


@dataclass(frozen=True)
class Register:
    """One register's part in a joint attack.

    Attributes:
        encoded: Its passes.
        identities: What was encoded: `subject` holds the person's number, the same in all registers.
        one_row: Whether a person has one row in it.
    """

    encoded: Mapping[str, EncodedPass]
    identities: pl.DataFrame
    one_row: bool = False


@dataclass(frozen=True)
class Pooled:
    """The rows of one pass of several registers.

    Attributes:
        observed: All rows, blocks numbered over all registers.
        register: int64[n], whose row each is.
    """

    observed: Observed
    register: Ints


def pool(registers: Sequence[Register], attacker: Attacker, name: str) -> Pooled:
    """Put the registers' tables of a pass together."""
    seen = [observe(one.encoded[name].table, attacker.layout) for one in registers]
    tokens = np.concatenate([one.encoded[name].columns(BLOCK).column(BLOCK).to_numpy() for one in registers])
    _, block = np.unique(tokens, return_inverse=True)
    together = Observed(
        handles=np.concatenate([one.handles for one in seen]),
        block=block.astype(np.int64),
        tokens=np.concatenate([one.tokens for one in seen]),
        sketches=np.concatenate([one.sketches for one in seen]),
        sketched=np.concatenate([one.sketched for one in seen]),
        held=np.concatenate([one.held for one in seen]),
    )
    return Pooled(together, np.repeat(np.arange(len(seen)), [len(one.handles) for one in seen]))


def _same_table(attacker: Attacker) -> Floats:
    """Return float64[3, 129]: log probability of what is seen between two rows of one person, by kind."""
    out = np.empty((3, LEVELS))
    out[TOKEN, :2], out[TOKEN, 2:] = np.log([CELL_ERROR, 1 - CELL_ERROR]), -np.inf
    for kind in (SKETCH, CROSSWISE):
        equal, differ = attacker.tables.pairs[kind, BINS - 1], attacker.tables.pairs[kind, BINS // 2 : BINS - 1]
        out[kind] = np.logaddexp(
            np.log(1 - CELL_ERROR) + equal,
            np.log(CELL_ERROR) + np.logaddexp.reduce(differ, axis=0) - np.log(len(differ)),
        )
    return out


@njit(nogil=True, cache=True)
def same_scores(seen: Any, straight: Any, kinds: Any, same: Any, chance: Any) -> Any:
    """Return float64[b, b]: log odds, without a prior, that two rows of a block are one person's.

    Args:
        seen: uint8[b, b, c].
        straight: bool[c], comparisons of a column with itself: only these count for one person.
        kinds: int64[c].
        same: float64[2, 129], see `_same_table`.
        chance: float64[b, b], log likelihood of two persons of one group, on the straight comparisons.
    """
    out = np.zeros((len(seen), len(seen)))
    for i in range(len(seen)):
        for j in range(len(seen)):
            total = 0.0
            for c in range(len(kinds)):
                if straight[c] and seen[i, j, c] != 255:
                    total += same[kinds[c], seen[i, j, c]]
            out[i, j] = total - chance[i, j]
    return out


def entities(score: Floats, register: Ints, alone: npt.NDArray[np.bool_]) -> list[list[int]]:
    """Put rows of a block together, the surest pair first.

    Args:
        score: float64[b, b], log odds that two rows are one person's.
        register: int64[b].
        alone: bool[b], rows of registers where a person has one row: two of them are two persons.

    Returns:
        Rows of each entity.
    """
    groups = [[row] for row in range(len(score))]
    of = list(range(len(score)))
    first, second = np.triu_indices(len(score), 1)
    for at in np.argsort(-score[first, second], kind="stable"):
        one, other = int(first[at]), int(second[at])
        if score[one, other] <= 0:
            break
        a, b = of[one], of[other]
        if a == b or any(register[i] == register[j] and alone[i] for i in groups[a] for j in groups[b]):
            continue
        groups[a] += groups[b]
        for row in groups[b]:
            of[row] = a
        groups[b] = []
    return [sorted(group) for group in groups if group]


@dataclass(frozen=True)
class Entities:
    """Rows put together as persons.

    Attributes:
        observed: One row an entity; each cell is the one that most of its rows have.
        of_row: int64[n], the entity of each pooled row, -1 where its block is not attacked.
    """

    observed: Observed
    of_row: Ints


def merge_rows(pooled: Pooled, search: BlockSearch, blocks: Ints, alone: npt.NDArray[np.bool_]) -> Entities:
    """Put the rows of the given blocks together.

    Args:
        pooled: All rows of a pass.
        search: Laid out over them.
        blocks: int64[k], blocks under attack.
        alone: bool[registers], see `entities`.
    """
    observed, layout = pooled.observed, search.attacker.layout
    straight = layout.between[:, 1] == layout.between[:, 2]
    same = _same_table(search.attacker)
    sample = np.where(straight, search.pairs.sample, np.uint8(255))
    made: list[Ints] = []
    for block in blocks.tolist():
        rows = observed.rows_of(block)
        if len(rows) == 1:
            made.append(rows)
            continue
        left, right = (side.ravel() for side in np.meshgrid(rows, rows, indexing="ij"))
        seen = seen_pairs(left, right, layout.between, *search.seen).reshape(len(rows), len(rows), len(straight))
        chance = chance_likelihoods(seen, sample, search.kinds, search.tables.pairs)
        score = same_scores(seen, straight, search.kinds, same, chance)
        register = pooled.register[rows]
        made += [rows[members] for members in entities(score, register, alone[register])]
    of_row = np.full(len(observed.block), -1, dtype=np.int64)
    for number, members in enumerate(made):
        of_row[members] = number
    return Entities(_cells(observed, made), of_row)


def _cells(observed: Observed, made: Sequence[Ints]) -> Observed:
    """Return one row an entity: of each cell what most of its rows have, the first of them where they tie."""
    first = np.array([members[0] for members in made], dtype=np.int64)
    tokens, sketches = observed.tokens[first], observed.sketches[first]
    sketched, held = observed.sketched[first], observed.held[first]
    for number, members in enumerate(made):
        if len(members) == 1:
            continue
        held[number] = observed.held[members].any(axis=0)
        for at in range(tokens.shape[1]):
            present = observed.tokens[members, at]
            tokens[number, at] = _most(present[present >= 0], tokens[number, at])
        for at in range(sketched.shape[1]):
            having = members[observed.sketched[members, at]]
            if len(having):
                chosen = having[_most_at(observed.sketches[having, at, 0])]
                sketches[number, at], sketched[number, at] = observed.sketches[chosen, at], True
    block = np.unique(observed.block[first], return_inverse=True)[1]
    return Observed(
        handles=np.arange(len(made), dtype=np.uint64),
        block=block.astype(np.int64),
        tokens=tokens,
        sketches=sketches,
        sketched=sketched,
        held=held,
    )


def _most_at(values: npt.NDArray[Any]) -> int:
    return int((values[:, None] == values[None, :]).sum(axis=1).argmax())


def _most(values: Ints, otherwise: int) -> int:
    return int(values[_most_at(values)]) if len(values) else otherwise


def one_row_a_person(identities: pl.DataFrame) -> pl.DataFrame:
    """Return an attacker's clear text with one row a person, as a civil register has it: of each field the value that
    most identities of the subject have.

    Args:
        identities: Normalised columns with `subject` and `identity`.
    """
    fields = [name for name in identities.columns if name not in {"subject", "identity"}]
    most = [pl.col(name).drop_nulls().mode().sort().first() for name in fields]
    grouped = identities.group_by(pl.col("subject").alias("person")).agg(most)
    return grouped.select(*fields, "person").sort("person")


def attack_together(
    registers: Sequence[Register],
    agreement: Agreement,
    clear: pl.DataFrame,
    *,
    persons: int = 3000,
    seed: int = 0,
    copy_error: float = COPY_ERROR,
) -> Leakage:
    """Attack all passes of several registers together.

    Args:
        registers: At least one; persons are numbered alike in all.
        agreement: What they were encoded under.
        clear: The attacker's clear text with `person`, numbered as the registers' subjects.
        persons: Persons attacked, drawn at random among those whom the attacker knows and some register holds.
        seed: Of every draw.
        copy_error: Share of cells in which the registers differ from the attacker's clear text.

    Returns:
        Leakage over all registers: a person is named in a pass if any row of any register is.

    Raises:
        AttackInputError: There is no register, or a table or clear text is not of the form that attacks read.
    """
    if not registers:
        raise AttackInputError("A joint attack needs at least one register.")
    held = [np.unique(one.identities.get_column("subject").to_numpy()) for one in registers]
    known = np.unique(clear.get_column("person").to_numpy()) if "person" in clear.columns else np.empty(0)
    shares = tuple(min(1.0, max(1e-3, len(np.intersect1d(one, known)) / max(len(known), 1))) for one in held)
    attacker = attacker_of(clear, agreement, seed=seed, beliefs=Beliefs(registers=shares, error=copy_error))
    sample = draw_persons(np.intersect1d(np.concatenate(held), known), persons, seed)
    scored = {}
    for terms in agreement.passes:
        pooled = pool(registers, attacker, terms.name)
        groups = attacker.groups(terms)
        search = BlockSearch(pooled.observed, attacker, groups, np.random.default_rng([seed, 0x9001]))
        truth = judged(search, pl.concat([truth_of(one.encoded[terms.name], sample.drawn) for one in registers]))
        claims = _claims(pooled, search, truth, np.array([one.one_row for one in registers]))
        scored[terms.name] = score_pass(claims, truth)
    return union_of(scored, len(sample.drawn))


def _claims(pooled: Pooled, search: BlockSearch, truth: pl.DataFrame, alone: npt.NDArray[np.bool_]) -> Claims:
    observed = pooled.observed
    drawn = np.flatnonzero(np.isin(observed.handles, truth.get_column("handle").to_numpy()))
    if len(drawn) == 0 or len(search.groups.members) == 0:
        empty = {"handle": observed.handles[drawn], "person": [None] * len(drawn), "posterior": 0.0, "block_rows": 1}
        return Claims(pl.DataFrame(empty, schema=CLAIMS_SCHEMA), search.attacker.candidates)
    merged = merge_rows(pooled, search, np.unique(observed.block[drawn]), alone)
    of_entities = search.over(merged.observed)
    wanted = np.unique(merged.of_row[drawn])
    named = attack_rows(of_entities, wanted).table.rename({"handle": "entity", "block_rows": "entities"})
    rows = pl.DataFrame(
        {"handle": observed.handles[drawn], "entity": merged.of_row[drawn].astype(np.uint64)},
        schema={"handle": pl.UInt64, "entity": pl.UInt64},
    )
    table = rows.join(named, on="entity", how="left", maintain_order="left")
    table = table.select("handle", "person", "posterior", pl.col("entities").alias("block_rows")).sort("handle")
    return Claims(table.cast(pl.Schema(CLAIMS_SCHEMA)), search.attacker.candidates)
