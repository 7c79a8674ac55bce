"""An independent yardstick in the clear: recordlinkage (de Bruin), its blocking and its EM classifier.

Same registers, same normalised values, another engine: union of exact blocks on pairs of fields, Jaro-Winkler on names
and texts, equality of the rest, `ECMClassifier`. Scored pairwise as it comes, without clustering. Needs the extra
`yardstick`; nothing else of the project uses pandas.
"""

from __future__ import annotations

from datetime import date
from importlib import import_module
from itertools import combinations
from typing import Any, Final

import polars as pl

from contract.errors import ConfigurationError
from contract.fields import field_type
from evaluation.candidates import count_true_pairs
from evaluation.datasets import LabelledSet
from pseudonymisation.normalisation.fields import FieldMapping
from pseudonymisation.normalisation.identities import normalise

_NAMES: Final = ("given", "family")
_DATES: Final = ("birth_year", "birth_month", "birth_day")
_SIMILAR: Final = 0.85
#: Pairs of columns with more pairs of rows in their blocks than this are left out.
MOST_PAIRS: Final = 3_000_000


class NoYardstickError(ConfigurationError):
    """recordlinkage is not installed."""

    code = "yardstick.missing"
    default_advice = "Install the extra: pip install 'wasl[yardstick]', in an environment of its own."


def link_by_recordlinkage(dataset: LabelledSet) -> dict[str, Any]:
    """Link a labelled set with recordlinkage and score its pairs.

    Returns:
        `dataset`, `engine`, `pairs` compared, and `precision`, `recall`, `f1` of the pairs it calls matches.

    Raises:
        NoYardstickError: The library is not there.
    """
    try:
        pandas, library = import_module("pandas"), import_module("recordlinkage")
    except ImportError as error:
        raise NoYardstickError("The yardstick recordlinkage is not installed.") from error
    rows = normalised_rows(dataset)
    frame = pandas.DataFrame(rows.to_dict(as_series=False))
    columns = [name for name in rows.columns if name not in {"register", "entity_id"}]
    one = {register.name for register in dataset.registers if register.rows_per_person == "one"}
    pairs = _candidates(library, pandas, frame, rows, columns, one)
    compare = library.Compare()
    for name in columns:
        if name in _NAMES or name.startswith("text:"):
            compare.string(name, name, method="jarowinkler", threshold=_SIMILAR, label=name)
        else:
            compare.exact(name, name, label=name)
    found = library.ECMClassifier(binarize=0.5).fit_predict(compare.compute(pairs, frame))
    entity = rows.get_column("entity_id").to_list()
    hits = sum(entity[a] is not None and entity[a] == entity[b] for a, b in found)
    true = count_true_pairs(rows.select("register", "entity_id").drop_nulls(), one)
    return {
        "dataset": dataset.name,
        "engine": f"recordlinkage {library.__version__}",
        "pairs": len(pairs),
        "precision": hits / max(len(found), 1),
        "recall": hits / max(true, 1),
        "f1": 2 * hits / max(len(found) + true, 1),
    }


def normalised_rows(dataset: LabelledSet) -> pl.DataFrame:
    """Return all registers' normalised values as text, `register` and `entity_id` (null where the truth is silent)."""
    parts = []
    for register in dataset.registers:
        mappings = {
            name: FieldMapping(
                given.column,
                field_type(name, dataset.own_fields).value,
                format=given.format,
                any_document=given.any_document,
            )
            for name, given in register.fields.items()
        }
        made = normalise(register.rows, mappings, as_of=date.today()).frame
        keep = [name for name in made.columns if not name.startswith("full") and not name.endswith("_skeleton")]
        ids = register.rows.select(pl.col(register.record_id).alias("record_id"))
        truth = dataset.truth.filter(pl.col("register") == register.name).select("record_id", "entity_id")
        entity = ids.join(truth, on="record_id", how="left", maintain_order="left").get_column("entity_id")
        values = made.select(pl.col(name).cast(pl.String) for name in keep if name != "name_order_known")
        parts.append(values.with_columns(pl.lit(register.name).alias("register"), entity.alias("entity_id")))
    return pl.concat(parts, how="diagonal")


def _candidates(library: Any, pandas: Any, frame: Any, rows: pl.DataFrame, columns: list[str], one: set[str]) -> Any:
    """Return the pairs that agree on two columns, whichever, and may be compared at all."""
    index = None
    for left, right in combinations([name for name in columns if name not in {"sex", "birth_country"}], 2):
        sizes = rows.drop_nulls([left, right]).group_by(left, right).len()["len"].cast(pl.Int64)
        if int((sizes * (sizes - 1) // 2).sum()) > MOST_PAIRS:
            continue
        found = library.Index().block([left, right]).index(frame)
        index = found if index is None else index.union(found)
    if index is None:
        return pandas.MultiIndex.from_arrays([[], []])
    register = frame["register"].to_numpy()
    a, b = index.get_level_values(0).to_numpy(), index.get_level_values(1).to_numpy()
    apart = register[a] != register[b]
    inside = pandas.Series(register[a]).isin(sorted(one)).to_numpy()
    return index[apart | ~inside]
