"""How hard a synthetic country is: two deterministic linkages that practitioners would try first, and both.

Rules, each followed by transitive closure within the rule's own links:

- numbers: records that share a document number of one type (passport, CIN, residence card); a social-security
  record's document, of unknown type and cut to eight characters, equals any number with those first eight.
- names: records that share letters-only upper-case family name, given names and birth date; a social-security
  full name, of unknown order, equals the sorted words of family and given names together.
- either: records linked by one rule or the other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from evaluation.synthetic.country import SyntheticCountry
from evaluation.synthetic.readings import plain

_CUT: Final = 8
#: Shorter numbers than this are sentinels and scraps (`X`, `NEANT`), not documents.
_SHORTEST: Final = 6
_NUMBER_COLUMNS: Final = {"passport_no": "P", "national_id": "CIN", "card_no": "CRE", "residence_card_no": "CRE"}


@dataclass(frozen=True)
class Score:
    """Precision, recall and F1 over cross-register pairs of records."""

    precision: float
    recall: float

    @property
    def f1(self) -> float:
        """Harmonic mean; 0 where both are 0."""
        both = self.precision + self.recall
        return 2 * self.precision * self.recall / both if both else 0.0


@dataclass(frozen=True)
class Difficulty:
    """Scores of the deterministic linkages."""

    numbers: Score
    names: Score
    either: Score


def difficulty(country: SyntheticCountry) -> Difficulty:
    """Score the deterministic linkages of one country."""
    truth = country.truth().with_row_index("row")
    numbers = _edges(_number_keys(country, truth))
    names = _edges(_name_keys(country, truth))
    return Difficulty(
        numbers=_score(truth, numbers),
        names=_score(truth, names),
        either=_score(truth, np.concatenate([numbers, names])),
    )


def _rows(country: SyntheticCountry, truth: pl.DataFrame, name: str) -> pl.DataFrame:
    rows = truth.filter(pl.col("register") == name).select("row", "record_id")
    return country.registers[name].identity.join(rows, on="record_id", how="left", maintain_order="left")


def _number_keys(country: SyntheticCountry, truth: pl.DataFrame) -> pl.DataFrame:
    """Return `row`, `key`: one key a document; social security meets the others on the cut number."""
    parts = []
    for name in country.registers:
        table = _rows(country, truth, name)
        if name == "social_security":
            held = table.select("row", number="national_id")
            held = held.filter((pl.col("number").str.len_chars() >= _SHORTEST) & (pl.col("number") != "0" * _CUT))
            parts += [
                held.select("row", key=pl.format("{} {}", pl.lit(kind), "number")) for kind in ("P8", "CIN8", "CRE8")
            ]
            continue
        if name == "border_crossing":
            typed = [table.select("row", kind="doc_type", number="doc_no")]
        else:
            held_columns = [column for column in _NUMBER_COLUMNS if column in table.columns]
            typed = [table.select("row", kind=pl.lit(_NUMBER_COLUMNS[c]), number=c) for c in held_columns]
        for part in typed:
            known = part.filter(pl.col("number").str.len_chars() >= _SHORTEST)
            parts.append(known.select("row", key=pl.format("{} {}", "kind", "number")))
            cut = pl.col("number").str.slice(0, _CUT)
            parts.append(known.select("row", key=pl.format("{}8 {}", "kind", cut)))
    keys = pl.concat(parts)
    # A cut number links only where a social-security record is one of those that share it.
    insured = truth.filter(pl.col("register") == "social_security")["row"].implode()
    cut_key = pl.col("key").str.contains(r"^[A-Z]+8 ")
    met = keys.filter(cut_key & pl.col("row").is_in(insured))["key"].unique().implode()
    return keys.filter(~cut_key | pl.col("key").is_in(met))


def _name_keys(country: SyntheticCountry, truth: pl.DataFrame) -> pl.DataFrame:
    parts = []
    for name in country.registers:
        table = _rows(country, truth, name)
        born = table["birth_date"]
        if name == "border_crossing":
            century = pl.when(pl.col("b").str.slice(0, 2).cast(pl.Int64) > country.settings.end.year % 100)
            written = pl.format(
                "{}{}-{}-{}",
                century.then(pl.lit("19")).otherwise(pl.lit("20")),
                *(pl.col("b").str.slice(at, 2) for at in (0, 2, 4)),
            )
            born = pl.DataFrame({"b": born}).select(written).to_series()
        if name == "social_security":
            words = table["full_name"].str.split(" ").list.sort().list.join("")
            keyed = pl.DataFrame({"row": table["row"], "names": words, "born": born})
            parts.append(keyed.select("row", key=pl.format("sorted {} {}", "names", "born")))
            continue
        family, given = plain(table["family_name"]), plain(table["given_names"])
        keyed = pl.DataFrame({"row": table["row"], "family": family, "given": given, "born": born})
        letters = [pl.col(column).str.replace_all(" ", "") for column in ("family", "given")]
        parts.append(keyed.select("row", key=pl.format("{}|{} {}", *letters, "born")))
        sorted_words = pl.concat_str("family", "given", separator=" ").str.split(" ").list.sort().list.join("")
        parts.append(keyed.select("row", key=pl.format("sorted {} {}", sorted_words, "born")))
    keys = pl.concat(parts).drop_nulls("key")
    insured = truth.filter(pl.col("register") == "social_security")["row"].implode()
    by_words = pl.col("key").str.starts_with("sorted ")
    met = keys.filter(by_words & pl.col("row").is_in(insured))["key"].unique().implode()
    return keys.filter(~by_words | pl.col("key").is_in(met))


def _edges(keys: pl.DataFrame) -> NDArray[np.int64]:
    """Return an edge from each record to the first one of its key, shape (e, 2)."""
    edges = keys.select(pl.col("row").min().over("key").alias("first"), "row").filter(pl.col("first") != pl.col("row"))
    return edges.to_numpy().astype(np.int64)


def _score(truth: pl.DataFrame, edges: NDArray[np.int64]) -> Score:
    size = len(truth)
    graph = coo_array((np.ones(len(edges), dtype=np.int8), (edges[:, 0], edges[:, 1])), shape=(size, size))
    cluster = connected_components(graph, directed=False)[1]
    table = truth.select("register", "entity_id").with_columns(cluster=pl.Series(cluster))
    found, true, both = (_cross_pairs(table, by) for by in (["cluster"], ["entity_id"], ["cluster", "entity_id"]))
    return Score(precision=both / found if found else 0.0, recall=both / true if true else 0.0)


def _cross_pairs(table: pl.DataFrame, by: list[str]) -> int:
    """Count unordered pairs of two registers' records that agree on `by`."""
    cells = table.group_by([*by, "register"]).len()
    squares = cells.group_by(by).agg(
        total=pl.col("len").cast(pl.Int64).sum(), own=(pl.col("len").cast(pl.Int64) ** 2).sum()
    )
    return int((squares["total"] ** 2 - squares["own"]).sum()) // 2
