"""How far a unit's figures are from the recorded truth: stocks and flows, intervals, and the parts of the gap.

The *recorded truth* is what the registers of a synthetic country give when every record is linked to its true person:
`truth/indicators_recorded.csv` for the reference indicators; the extended ones are computed from the true links here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import polars as pl

from contract.errors import InputError, NotFoundError
from evaluation.connectors import slugs
from evaluation.datasets import LabelledRegister, LabelledSet, read_text_csv
from evaluation.intervals import KEYS, LARGE, compare_intervals
from evaluation.measures import Opened
from evaluation.reference.gap import true_parts
from evaluation.reference.histories import histories, read_registers
from service.runs import ledger
from service.statistics_unit.draws import link_uncertainty
from service.statistics_unit.objects import read_arrow, read_frame
from service.statistics_unit.payload import link_registers, linked_records
from service.statistics_unit.start import latest_run
from service.statistics_unit.trajectories import CORRECTED, GAP, compute
from trajectories.breakdowns import ALL_BREAKDOWNS
from trajectories.channels import build_channels
from trajectories.definitions import INDICATORS
from trajectories.extended import EVERY_INDICATOR
from trajectories.gap import PARTS
from trajectories.measures import count_extended
from trajectories.tables import REFERENCE
from trajectories.uncertainty import counter
from trajectories.values import table_of, values_of

RECORDED: Final = Path("truth", "indicators_recorded.csv")
_WORST: Final = 10
_ATTRIBUTES: Final = ("birth_date", "sex", "nationality")


def accuracy(
    dataset: LabelledSet, links: pl.DataFrame, raw: pl.DataFrame, gap: pl.DataFrame, *, large: int = LARGE
) -> dict[str, Any]:
    """Compare a unit's figures, before disclosure control, with the recorded truth.

    Args:
        dataset: A synthetic country with its folder `truth`.
        links: The unit's links: `register`, `record_id`, `person_id`.
        raw: Its raw table of all indicators with intervals: corrected (`value`) beside those of the links (`linked`).
        gap: Its parts of the gap, `trajectories.gap.GAP_SCHEMA`.
        large: Stocks and flows are compared in groups of more persons than this.

    Returns:
        `reference`, `extended`: the published figures, see `evaluation.intervals.compare_intervals`; `linked`: how far
        the links' own stocks and flows are off (intervals are those of the published figures); `worst`, `worst_linked`:
        the stocks and flows that are farthest off; `gap`: estimated and true shares of the parts in the last year, and
        the largest difference.

    Raises:
        InputError: The set has no recorded truth.
    """
    truth = pl.read_csv(need_truth(dataset), infer_schema=False)
    window, everything = _true_table(dataset)
    codes = pl.struct("indicator", "residence").is_in(
        [{"indicator": one.code, "residence": residence} for one in INDICATORS for residence in one.residence]
    )
    linked = raw.with_columns(value=pl.col("linked"))
    return {
        "reference": compare_intervals(raw.filter(codes), truth, large=large),
        "extended": compare_intervals(raw.filter(~codes), everything, large=large),
        "linked": _sizes(compare_intervals(linked.filter(codes), truth, large=large)),
        "worst": _worst(raw, truth),
        "worst_linked": _worst(linked, truth),
        "gap": _gap(dataset, links, gap, window),
    }


def _sizes(found: dict[str, Any]) -> dict[str, Any]:
    return {name: found[name] for name in ("large_cells", "within_3_percent", "largest_difference")}


def need_truth(dataset: LabelledSet) -> Path:
    """Return the file of a set's recorded truth.

    Raises:
        InputError: It has none.
    """
    recorded = dataset.directory / RECORDED
    if not recorded.is_file():
        raise InputError(
            "This labelled set has no recorded truth of its trajectories.",
            advice="`wasl synthetic` writes sets that have one.",
            where={"file": RECORDED.as_posix()},
        )
    return recorded


def of_run(opened: Opened) -> dict[str, Any]:
    """Return `accuracy` of a finished run, as `{"trajectories": ...}`.

    The harness submits identities alone. So the figures are made here, by the statistics unit's own functions, of its
    pairs and links and of the set's events.
    """
    unit, dataset = opened.statistics.unit, opened.dataset
    with unit.database.read() as session:
        run = latest_run(session, opened.agreement.id, opened.vintage)
        if run is None:
            raise NotFoundError("No computation of this vintage has ended.")
        merged, clustered = (ledger.results(session, run.id, stage)[0].digest for stage in ("merge", "cluster"))
    links = read_frame(unit.subjects, clustered)
    slug_of = slugs([register.name for register in dataset.registers])
    references = opened.references().with_columns(
        pl.col("register").replace_strict(slug_of, default=pl.col("register"))
    )
    records, events = {}, _events(dataset, slug_of)
    for register in dataset.registers:
        slug = slug_of[register.name]
        own = references.filter(pl.col("register") == slug).select("record_id", "subject_ref")
        records[slug] = _attributes(register).join(own, left_on="record_ref", right_on="record_id")
    uncertainty = link_uncertainty(read_arrow(unit.subjects, merged), links, records, opened.agreement)
    payload = link_registers([linked_records(own, links, name) for name, own in records.items()], events)
    frames = compute(payload, uncertainty).frames
    named = references.join(links, on=["register", "subject_ref"], how="inner").with_columns(
        pl.col("register").replace_strict({slug: name for name, slug in slug_of.items()}, default=pl.col("register"))
    )
    return {"trajectories": accuracy(dataset, named, frames[CORRECTED], frames[GAP])}


def _attributes(register: LabelledRegister) -> pl.DataFrame:
    """Return a register's records with what statistics need of them: `record_ref`, birth date, sex, nationality."""
    known = [name for name in _ATTRIBUTES if name in register.rows.columns]
    return register.rows.select(pl.col(register.record_id).alias("record_ref"), *known)


def _events(dataset: LabelledSet, names: Mapping[str, str]) -> dict[str, pl.DataFrame]:
    """Return the events of the registers that have a file of them, by the name given to each register."""
    found = {}
    for register, name in names.items():
        path = dataset.directory / f"{register}_events.csv"
        if path.is_file():
            found[name] = read_text_csv(path).rename({"record_id": "record_ref"})
    return found


def _true_table(dataset: LabelledSet) -> tuple[Any, pl.DataFrame]:
    """Return the window, and all indicators computed from the true links."""
    parts, events = [], _events(dataset, {register.name: register.name for register in dataset.registers})
    for register in dataset.registers:
        own = dataset.truth.filter(pl.col("register") == register.name).select("record_id", subject_ref="entity_id")
        described = _attributes(register).join(own, left_on="record_ref", right_on="record_id")
        persons = described.select(
            pl.lit(register.name).alias("register"), "subject_ref", person_id="subject_ref"
        ).unique()
        parts.append(linked_records(described, persons, register.name))
    payload = link_registers(parts, events)
    if payload.window is None:
        raise InputError("No register of the set has a usable event.")
    figures = counter(count_extended, ALL_BREAKDOWNS)(build_channels(payload.linked, payload.window, REFERENCE))
    return payload.window, table_of(figures, EVERY_INDICATOR, values_of(figures, EVERY_INDICATOR))


def _worst(raw: pl.DataFrame, truth: pl.DataFrame) -> list[dict[str, Any]]:
    stocks = ("resident_stock", "inflow", "outflow")
    joined = raw.join(truth.select(*KEYS, true=pl.col("value").cast(pl.Float64, strict=False)), on=KEYS)
    named = pl.col("indicator").is_in(stocks) | pl.col("indicator").str.starts_with("workers_")
    off = joined.filter(named & (pl.col("true") > 1000)).with_columns(off=pl.col("value") / pl.col("true") - 1)
    return (
        off.sort(pl.col("off").abs(), descending=True)
        .head(_WORST)
        .select(*KEYS, "value", "lower", "upper", "true", "off")
        .to_dicts()
    )


def _gap(dataset: LabelledSet, links: pl.DataFrame, gap: pl.DataFrame, window: Any) -> dict[str, Any]:
    """Return the shares of the gap's parts in the last year, estimated and true."""
    year = max(window.years())
    estimated = {
        row["part"]: row["share"] for row in gap.filter(period=str(year), breakdown="total").iter_rows(named=True)
    }
    registers = read_registers(dataset.directory)
    of_record = {name: dict(_mapping(links, name, "person_id")) for name in registers}
    exact = {name: dict(_mapping(dataset.truth, name, "entity_id")) for name in registers}
    seen = histories(registers, of_record, window.start, window.end)
    true = histories(registers, exact, window.start, window.end)
    parts = true_parts(seen, true, _entities(of_record["social_security"], exact["social_security"]), year)
    total = sum(parts.values())
    shares = {name: parts[name] / total if total else 0.0 for name in PARTS}
    return {
        "period": str(year),
        "estimated": estimated,
        "true": shares,
        "sum": sum(estimated.values()),
        "largest_difference": max(
            (abs(estimated[name] - shares[name]) for name in shares if name in estimated), default=None
        ),
    }


def _mapping(links: pl.DataFrame, register: str, column: str) -> list[tuple[str, str]]:
    return links.filter(pl.col("register") == register).select("record_id", column).rows()


def _entities(of_record: Mapping[str, str], exact: Mapping[str, str]) -> dict[str, str]:
    """Return for each person of the link map the true person of most of its insured records."""
    votes: dict[str, Counter[str]] = {}
    for record, person in of_record.items():
        votes.setdefault(person, Counter())[exact[record]] += 1
    return {person: min(own, key=lambda name: (-own[name], name)) for person, own in votes.items()}
