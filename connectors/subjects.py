"""Grouping of a register's own records into subjects: deterministic, in the clear, at home, and conservative.

Two records are one subject where they share an identity document and neither name nor birth date speaks against it,
or where full name and full birth date are equal and nothing speaks against it. Two numbers for life (national
identity, social security) are always two persons; two passports are two persons to name and birth date alone, since
of namesakes born on one day (twins among them) there are more than a thousandth.
A wrong union cannot be undone by encoding, a missed one is found by the linkage: so twins and namesakes stay apart, and
unions never chain two records that contradict each other. The statistics unit joins subjects to persons
and never takes one apart.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from rapidfuzz.distance import JaroWinkler

DOCUMENTS = ("passport", "national_id", "residence_card", "social_security", "document_any")
#: Numbers that a person keeps for life: two different ones are two persons.
LIFELONG = ("national_id", "social_security")
#: Documents that, when they differ, outweigh an equal name and birth date.
DISTINGUISHING = ("passport", "document_any", *LIFELONG)
#: Names at least this alike (Jaro-Winkler, of the whole name or of both parts) are compatible.
NAME_SIMILARITY = 0.88
#: A number on more distinct identities than this is no identity document (a default, a collective passport).
MAX_IDENTITIES_PER_DOCUMENT = 12
_BIRTH = ("birth_year", "birth_month", "birth_day")
_COMPARED = ("given", "family", "full", *_BIRTH, "sex", "nationality", *DOCUMENTS)


def group_subjects(identities: pl.DataFrame, *, grouped: bool = True) -> NDArray[np.int64]:
    """Return the subject number of every record, counted from 0 in the order of first appearance.

    Args:
        identities: Normalised identities, one row a record (`pseudonymisation.normalisation`).
        grouped: False makes each record a subject of its own, as evaluation on labelled data wants it.
    """
    if not grouped or not identities.height:
        return np.arange(identities.height, dtype=np.int64)
    present = [name for name in _COMPARED if name in identities.columns]
    if not present:
        return np.arange(identities.height, dtype=np.int64)
    rows = identities.select(present)
    distinct = rows.unique(maintain_order=True).with_row_index("identity")
    identity_of = rows.join(distinct, on=present, how="left", nulls_equal=True, maintain_order="left")["identity"]
    table = distinct.with_columns(
        pl.lit(None, dtype=pl.String).alias(name) for name in _COMPARED if name not in present and name not in _BIRTH
    ).with_columns(pl.lit(None, dtype=pl.Int32).alias(name) for name in _BIRTH if name not in present)
    forest = _Forest(table)
    for slot in DOCUMENTS:
        if slot in present:
            _unite_by_document(forest, table, slot)
    _unite_by_name_and_birth(forest, table)
    roots = np.array([forest.find(number) for number in range(table.height)], dtype=np.int64)
    of_identity = identity_of.to_numpy().astype(np.int64)
    root_of_row = roots[of_identity]
    # rows of one identity are one person only where the identity says enough by itself
    telling = _telling(table).to_numpy()[of_identity]
    keys = np.where(telling, root_of_row, table.height + np.arange(len(of_identity)))
    _, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
    rank = np.empty(len(first), dtype=np.int64)
    rank[np.argsort(first, kind="stable")] = np.arange(len(first))
    return rank[inverse.reshape(-1)]


def _telling(table: pl.DataFrame) -> pl.Series:
    """Whether equal rows are one person: a document with a name or birth date, or full name and full birth date."""
    named = pl.col("full").is_not_null()
    document = pl.any_horizontal(pl.col(slot).is_not_null() for slot in DOCUMENTS)
    born = pl.all_horizontal(pl.col(part).is_not_null() for part in _BIRTH)
    both_parts = pl.col("given").is_not_null() & pl.col("family").is_not_null()
    return table.select((document & (named | pl.col("birth_year").is_not_null())) | (both_parts & born)).to_series()


def _unite_by_document(forest: _Forest, table: pl.DataFrame, slot: str) -> None:
    held = table.filter(pl.col(slot).is_not_null()).select(slot, "identity", "full", *_BIRTH)
    held = held.filter(pl.len().over(slot).is_between(2, MAX_IDENTITIES_PER_DOCUMENT))
    for pair in _pairs(held, [slot]):
        forest.unite(*pair, same_document=True)


def _unite_by_name_and_birth(forest: _Forest, table: pl.DataFrame) -> None:
    born = pl.all_horizontal(pl.col(part).is_not_null() for part in _BIRTH)
    whole = table.filter(born & pl.col("given").is_not_null() & pl.col("family").is_not_null())
    whole = whole.select("full", *_BIRTH, "identity")
    for pair in _pairs(whole.filter(pl.len().over("full", *_BIRTH) > 1), ["full", *_BIRTH]):
        forest.unite(*pair, same_document=False)


def _pairs(held: pl.DataFrame, key: list[str]) -> list[tuple[int, int]]:
    """Return pairs of identities with an equal key: neighbours, and each with the first of its group."""
    ordered = held.sort([*key, "full", *_BIRTH, "identity"], nulls_last=True)
    before = pl.col("identity").shift(1).over(key).alias("before")
    first = pl.col("identity").first().over(key).alias("first")
    linked = ordered.select("identity", before, first).drop_nulls()
    found = {(one, two) for two, one, _ in linked.rows()} | {(one, two) for two, _, one in linked.rows() if one != two}
    return sorted(found)


class _Forest:
    """Union-find over distinct identities that refuses unions of contradicting members."""

    def __init__(self, table: pl.DataFrame) -> None:
        self._parent = list(range(table.height))
        columns = {name: table.get_column(name).to_list() for name in _COMPARED}
        self._columns: dict[str, list[Any]] = columns
        self._members: dict[int, list[int]] = {}

    def find(self, number: int) -> int:
        """Return the root of an identity."""
        while self._parent[number] != number:
            self._parent[number] = self._parent[self._parent[number]]
            number = self._parent[number]
        return number

    def unite(self, one: int, two: int, *, same_document: bool) -> None:
        """Unite two identities if they fit, and every member of the one group fits every member of the other."""
        first, second = self.find(one), self.find(two)
        if first == second or not self._fit(one, two, same_document=same_document):
            return
        ours, theirs = self._members.get(first, [first]), self._members.get(second, [second])
        if any(self._contradict(a, b) for a in ours for b in theirs):
            return
        if not same_document and any(self._disjoint(slot, ours, theirs) for slot in DISTINGUISHING):
            return
        root, leaf = min(first, second), max(first, second)
        self._parent[leaf] = root
        self._members[root] = [*ours, *theirs]
        self._members.pop(leaf, None)

    def _fit(self, one: int, two: int, *, same_document: bool) -> bool:
        if not same_document:
            return self._agree_where_known(one, two, ("sex", "nationality"))
        names, births = self._names(one, two), self._births(one, two)
        if names is None:  # no name on one side: the birth date must then say it
            return births == "equal"
        return names and births != "other"

    def _agree_where_known(self, one: int, two: int, names: tuple[str, ...]) -> bool:
        for name in names:
            mine, other = self._columns[name][one], self._columns[name][two]
            if mine is not None and other is not None and mine != other:
                return False
        return True

    def _contradict(self, one: int, two: int) -> bool:
        return not self._agree_where_known(one, two, LIFELONG) or self._births(one, two) == "other"

    def _disjoint(self, slot: str, ours: list[int], theirs: list[int]) -> bool:
        held = self._columns[slot]
        mine = {held[one] for one in ours if held[one] is not None}
        other = {held[one] for one in theirs if held[one] is not None}
        return bool(mine and other and not mine & other)

    def _births(self, one: int, two: int) -> str:
        """Return how two birth dates stand: equal, close (one part differs, or swapped), unknown or other."""
        mine = [self._columns[part][one] for part in _BIRTH]
        other = [self._columns[part][two] for part in _BIRTH]
        known = [(a, b) for a, b in zip(mine, other, strict=True) if a is not None and b is not None]
        if not known:
            return "unknown"
        differing = sum(a != b for a, b in known)
        if differing == 0:
            return "equal" if len(known) == len(_BIRTH) else "close"
        swapped = mine[0] == other[0] and mine[1] == other[2] and mine[2] == other[1]
        return "close" if swapped or (differing == 1 and len(known) == len(_BIRTH)) else "other"

    def _names(self, one: int, two: int) -> bool | None:
        full_one, full_two = self._columns["full"][one], self._columns["full"][two]
        if full_one is None or full_two is None:
            return None
        if full_one == full_two or JaroWinkler.similarity(full_one, full_two) >= NAME_SIMILARITY:
            return True
        tokens_one, tokens_two = set(full_one.split()), set(full_two.split())
        if len(tokens_one & tokens_two) >= min(2, len(tokens_one), len(tokens_two)):
            return True
        given_one, given_two = self._columns["given"][one], self._columns["given"][two]
        family_one, family_two = self._columns["family"][one], self._columns["family"][two]
        if None in (given_one, given_two, family_one, family_two):
            return False
        straight = min(JaroWinkler.similarity(given_one, given_two), JaroWinkler.similarity(family_one, family_two))
        crossed = min(JaroWinkler.similarity(given_one, family_two), JaroWinkler.similarity(family_one, given_two))
        return max(straight, crossed) >= NAME_SIMILARITY
