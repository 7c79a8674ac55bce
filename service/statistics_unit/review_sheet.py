"""The review sheet of a computation: the pairs that reviewers are shown, masked, with what each decision would do.

A pair has a number and two sides. Of a side the sheet says its register, how many records and events it has, and the
band of months it covers by channel and year; of both together their agreement levels by pass and field, how their
attributes compare, and who else is linked. No identifier, no reference, no handle, no value of a field or an event.
`a` and `b` are places in the computation's list of subjects: they serve to see contradictions, and no page shows them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from contract.agreement import Agreement
from linkage.owners import codes_of, owners_of
from linkage.pairs import SubjectPairs
from linkage.plan import plan_of
from service.statistics_unit.persons import Subjects
from service.statistics_unit.review_contradictions import Decided
from service.statistics_unit.review_effect import Moved, Payload, compared, effects_of, payload_of, seen_of
from service.statistics_unit.review_pairs import Names
from service.statistics_unit.review_selection import (
    LISTED,
    Change,
    Grouping,
    borderline,
    calibration_sample,
    changes_of,
)
from trajectories.tables import Window

FORMAT: Final = "wasl-review/1"
#: Other subjects of both persons that are named one by one; the rest is counted.
_NAMED: Final = 12

Index = npt.NDArray[np.int64]
Pair = tuple[int, int]


@dataclass(frozen=True)
class Computed:
    """What a computation made and read.

    Attributes:
        agreement: Of the computation.
        subjects: All of them.
        pairs: Of the merge: `a`, `b`, `probability`, `passes`, and `estimated` where there are decisions.
        links: `register`, `subject_ref`, `person_id`, in the subjects' order.
        edges: As delivered.
        decided: All decisions in force, those made since the computation was asked for included.
        registers: Names of those that were submitted.
        table: Gives a register's table as submitted.
        window: Of the trajectories.
    """

    agreement: Agreement
    subjects: Subjects
    pairs: pa.Table
    links: pl.DataFrame
    edges: pa.Table
    decided: list[Decided]
    registers: tuple[str, ...]
    table: Callable[[str, str], pl.DataFrame]
    window: Window | None


def build_sheet(made: Computed) -> tuple[dict[str, Any], list[Names]]:
    """Return the sheet, its pairs not numbered yet, and the two subjects (register/subject_ref) of each pair."""
    names = [terms.name for terms in made.agreement.registers]
    single = [place for place, terms in enumerate(made.agreement.registers) if terms.rows_per_person == "one"]
    places = {name: place for place, name in enumerate(names)}
    register = made.subjects.frame["register"].replace_strict(places, return_dtype=pl.Int64).to_numpy()
    labels = (made.links["person_id"].rank("dense").cast(pl.Int64) - 1).to_numpy()
    pairs = SubjectPairs(*(made.pairs.column(name).to_numpy() for name in SubjectPairs._fields))
    near = borderline(pairs)
    sample = calibration_sample(pairs, labels, made.subjects.frame["subject_ref"])
    decided = _rows_of(pairs, len(register), [(one.a, one.b) for one in made.decided])
    rows = list(dict.fromkeys([*near.tolist(), *sample.tolist(), *decided]))
    changes = changes_of(register, single, pairs, labels, rows)
    payload = _payload(made, pairs, rows, changes)
    flat = [(place, same, change) for place, own in enumerate(changes) for same, change in sorted(own.items())]
    moved = effects_of(payload, [change for _, _, change in flat])
    effects: list[dict[str, Any]] = [{} for _ in rows]
    for (place, same, change), figures in zip(flat, moved, strict=True):
        effects[place]["same" if same else "different"] = _effect(change, figures)
    weight = [_weight(pairs.probability[row], effects[place]) for place, row in enumerate(rows)]
    listed = sorted(range(len(near)), key=lambda place: (-weight[place], rows[place]))[:LISTED]
    kept = sorted({*listed, *range(len(near), len(rows)), *(rows.index(row) for row in (*sample.tolist(), *decided))})
    shown = [(int(pairs.a[rows[place]]), int(pairs.b[rows[place]])) for place in kept]
    levels = agreement_levels(made, shown)
    seen = seen_of(payload, sorted({end for pair in shown for end in pair}))
    relations = compared(payload, shown)
    persons = Grouping.of(labels)
    estimated = made.pairs.column("estimated").to_numpy() if "estimated" in made.pairs.column_names else None
    document_pairs = []
    for at, place in enumerate(kept):
        row, (a, b) = rows[place], shown[at]
        probability = pairs.probability[row] if estimated is None else estimated[row]
        document_pairs.append(
            {
                "a": a,
                "b": b,
                "probability": round(float(probability), 4),
                "together": bool(labels[a] == labels[b]),
                "weight": round(weight[place], 4),
                "passes": levels.get((a, b), []),
                "compared": relations[at],
                "sides": [
                    {
                        "register": names[register[end]],
                        "single": int(register[end]) in single,
                        "person": len(persons.members(end)),
                        **seen[end]._asdict(),
                    }
                    for end in (a, b)
                ],
                "others": _others(pairs, persons, register, names, (a, b)),
                "effects": effects[place],
            }
        )
    at_row = {rows[place]: at for at, place in enumerate(kept)}
    sheet = {
        "format": FORMAT,
        "years": [str(year) for year in made.window.years()] if made.window else [],
        "pairs": document_pairs,
        "listed": [at_row[rows[place]] for place in listed],
        "sample": [at_row[row] for row in sample.tolist()],
    }
    names_of = [
        [f"{row[0]}/{row[1]}" for row in made.subjects.frame[[pair[side] for pair in shown]].iter_rows()]
        for side in (0, 1)
    ]
    return sheet, list(zip(*names_of, strict=True))


def agreement_levels(made: Computed, wanted: list[Pair]) -> dict[Pair, list[dict[str, Any]]]:
    """Return, by pair and pass, the agreement levels of the best edge (of several identities) and its probability."""
    names: list[str] = []
    edges = made.edges
    passes = codes_of(edges, "pass", names)
    ends = owners_of(edges, made.subjects.handles, passes, names)
    n = max(len(made.subjects), 1)
    key = np.minimum(*ends) * n + np.maximum(*ends)
    keys = np.sort(np.array([-1, *(a * n + b for a, b in wanted)], dtype=np.int64))
    known = keys[np.searchsorted(keys, key, side="right") - 1] == key
    mine = np.flatnonzero(known & (ends[0] >= 0) & (ends[1] >= 0))
    probability = edges.column("probability").to_numpy()[mine]
    pattern = edges.column("pattern").to_numpy()[mine]
    order = np.lexsort((pattern, -probability, passes[mine], key[mine]))
    plan = plan_of(made.agreement)
    levels = plan.levels_of(pattern)
    found: dict[Pair, list[dict[str, Any]]] = {}
    last: tuple[int, int] | None = None
    for at in order.tolist():
        here = (int(key[mine[at]]), int(passes[mine[at]]))
        if here == last:
            continue
        last = here
        named = {
            variable.name: variable.levels[int(level)]
            for variable, level in zip(plan.variables, levels[at], strict=True)
        }
        one = {"pass": names[here[1]], "probability": round(float(probability[at]), 4), "levels": named}
        found.setdefault((here[0] // n, here[0] % n), []).append(one)
    return {pair: sorted(rows, key=lambda row: str(row["pass"])) for pair, rows in found.items()}


def _payload(made: Computed, pairs: SubjectPairs, rows: list[int], changes: list[dict[bool, Change]]) -> Payload:
    wanted = {int(end[row]) for row in rows for end in (pairs.a, pairs.b)}
    for own in changes:
        for change in own.values():
            wanted.update(subject for side in change for person in side for subject in person)
    numbered = made.subjects.frame.with_row_index("subject").with_columns(pl.col("subject").cast(pl.Int64))
    chosen = numbered.filter(pl.col("subject").is_in(sorted(wanted)))
    return payload_of(chosen, made.registers, made.table, made.window)


def _rows_of(pairs: SubjectPairs, n: int, wanted: list[Pair]) -> list[int]:
    """Return the rows of pairs that are there."""
    keys = pairs.a * n + pairs.b
    found = []
    for a, b in wanted:
        at = int(np.searchsorted(keys, a * n + b))
        if at < len(keys) and keys[at] == a * n + b:
            found.append(at)
    return found


def _effect(change: Change, moved: Moved) -> dict[str, Any]:
    rows = [[code, residence, years] for (code, residence), years in moved.items()]
    return {"persons": len(change.gained) - len(change.lost), "changes": bool(change.lost), "figures": rows}


def _weight(probability: float, effects: Mapping[str, Any]) -> float:
    """Return the expected effect: doubt times one more than the figures that the decision moves."""
    most = max((sum(abs(n) for row in one["figures"] for n in row[2].values()) for one in effects.values()), default=0)
    return float(probability * (1 - probability)) * (1 + most)


def _others(pairs: SubjectPairs, persons: Grouping, register: Index, names: list[str], pair: Pair) -> dict[str, Any]:
    """Return who else is linked to either side: register, whose person, and the probability with each side."""
    members = [set(persons.members(end).tolist()) for end in pair]
    rest = sorted((members[0] | members[1]) - set(pair))
    keys, n = pairs.a * len(register) + pairs.b, len(register)
    named = []
    for subject in rest[:_NAMED]:
        known = [_rows_of_one(pairs, keys, n, (min(subject, end), max(subject, end))) for end in pair]
        side = "both" if members[0] == members[1] else "a" if subject in members[0] else "b"
        named.append({"register": names[register[subject]], "person": side, "probability": known})
    return {"named": named, "more": max(len(rest) - _NAMED, 0)}


def _rows_of_one(pairs: SubjectPairs, keys: Index, n: int, pair: Pair) -> float | None:
    at = int(np.searchsorted(keys, pair[0] * n + pair[1]))
    there = at < len(keys) and keys[at] == pair[0] * n + pair[1]
    return round(float(pairs.probability[at]), 2) if there else None
