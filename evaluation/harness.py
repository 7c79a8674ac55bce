"""Runs the real path on a labelled data set: connectors, submissions, both units, the link map.

The truth is opened only to score. The harness, not the units, joins record ids to persons: it owns every
connector's folder, where an institution owns but one.
"""

from __future__ import annotations

import hashlib
import logging
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import structlog

from connectors.agent import ConnectorAgent
from contract.agreement import Agreement, GateTerms, ProfileTerms
from contract.audit_report import AuditReport
from contract.errors import ConflictError, WaslError
from evaluation.audit.evaluated import audit_all, released
from evaluation.audit.together import leakage_together
from evaluation.connectors import make_agents, slugs
from evaluation.datasets import LabelledSet
from evaluation.measures import Opened, measure
from evaluation.scoring import score
from evaluation.self_assessment import beside_truth
from evaluation.stages import Stages
from evaluation.units import ServedUnit, served_unit
from service.agreements.service import install_agreement
from service.linkage_unit.start import start_linkage
from service.runs.port import Run, RunState
from service.runs.queue import JobQueue
from service.statistics_unit.links import read_links

VINTAGE = "evaluation"
_CEREMONY_ROUNDS = 4
_RUN_SECONDS = 4 * 3600.0


class RunFailedError(ConflictError):
    """A unit's run ended without a result."""

    code = "run.failed"
    exit_code = 44


@dataclass(frozen=True)
class Evaluation:
    """The result: the report of docs/labelled-data.md and the link map (register, record_id, person_id)."""

    report: dict[str, Any]
    links: pl.DataFrame


def evaluate(
    dataset: LabelledSet,
    *,
    profile: str = "blind_blocks",
    group: str = "none",
    audit_rows: int | None = None,
    terms: Mapping[str, Any] | None = None,
    also: Callable[[Opened], dict[str, Any]] | None = None,
) -> Evaluation:
    """Run the real path on a labelled data set and score it.

    Args:
        dataset: Registers and truth.
        profile: `blind_blocks`, `record` or `clear`.
        group: `none` makes each record a subject of its own; `local` switches the connectors' grouping on.
        audit_rows: Attack so many persons of each register, under the very agreement that is scored; None: no audit.
        terms: Further terms of the agreement: `caps`, `passes`, and a `profile` with parameters.
        also: Called with the run while its files are there, such as an attack on the very encodings that were
            linked; what it returns is added to the report.

    Raises:
        WaslError: Any step refused; nothing is scored then.
    """
    stages = Stages()
    with quiet(), tempfile.TemporaryDirectory(prefix="wasl-evaluation-") as folder:
        root = Path(folder)
        with (
            served_unit("statistics", root / "statistics", clear=profile == "clear") as statistics,
            served_unit(
                "linkage", root / "linkage", statistics_url=statistics.settings.url, clear=profile == "clear"
            ) as linkage,
        ):
            with stages.measure("agreement and keys"):
                signed, agents = make_agents(
                    dataset,
                    root / "connectors",
                    (linkage.party, statistics.party),
                    (linkage.settings.url, statistics.settings.url),
                    **{"profile": ProfileTerms.model_validate({"name": profile}), **(terms or {})},
                    gate=GateTerms(audit_persons=audit_rows) if audit_rows else None,
                )
                for served in (linkage, statistics):
                    with served.unit.database.write() as session:
                        install_agreement(served.unit, session, signed)
                hold_ceremony(list(agents.values()))
                seed_keys(agents, signed.agreement, dataset.name)
            with stages.measure("encode"):
                manifests = encode_all(agents, VINTAGE, group)
            audits: dict[str, AuditReport] = {}
            together: dict[str, Any] | None = None
            if audit_rows and profile != "clear":
                with stages.measure("audit"):
                    audits = audit_all(agents, manifests)
                if profile == "blind_blocks" and len(agents) > 1:
                    with stages.measure("audit of all together"):
                        together = leakage_together(
                            signed.agreement, agents, manifests, dataset.truth, persons=audit_rows
                        )
            with stages.measure("push"):
                for name, agent in agents.items():
                    agent.approve(manifests[name], by="evaluation")
                    agent.push(manifests[name])
            agreement = signed.agreement
            if profile == "clear":
                from evaluation.clear_comparison import link_clear

                with stages.measure("link"):
                    links, pairs = link_clear(agreement, agents, statistics.keys.sealing, VINTAGE)
            else:
                with stages.measure("link"):
                    run_units(linkage, statistics, agreement, VINTAGE)
                links, pairs = read_links(statistics.settings, agreement.id, VINTAGE), None
            named = {slug: name for name, slug in slugs([r.name for r in dataset.registers]).items()}
            links = links.with_columns(pl.col("register").replace_strict(named, default=pl.col("register")))
            link_map = join_records(agents, links)
            opened = Opened(dataset, agreement, agents, statistics, VINTAGE, pairs)
            report = _report(dataset, link_map, opened)
            report["self_assessment"] = beside_truth(opened, links, one_record(dataset))
            if also is not None:
                report |= also(opened)
    report |= {**released(audits), "leakage_together": together}
    report["stages"] = stages.measured
    return Evaluation(report, link_map)


def hold_ceremony(agents: list[ConnectorAgent]) -> None:
    """Let every institution take its steps of the key ceremony until all hold the key.

    Raises:
        ConflictError: It did not come to an end.
    """
    for _ in range(_CEREMONY_ROUNDS):
        complete = [agent.ceremony_step().complete for agent in agents]  # everybody steps in every round
        if all(complete):
            return
    raise ConflictError("The key ceremony did not come to an end.")


def seed_keys(agents: Mapping[str, ConnectorAgent], agreement: Agreement, seed: str) -> None:
    """Put a key that follows from the seed in place of the ceremony's, so that a run repeats bit by bit.

    For labelled and synthetic data alone: this key protects nothing.
    """
    key = hashlib.sha256(f"wasl/evaluation-key/{seed}".encode()).digest()
    for agent in agents.values():
        agent.store.forget_epoch_key(agreement.id, agreement.epoch)
        agent.store.put_epoch_key(agreement.id, agreement.epoch, key)


@contextmanager
def quiet() -> Iterator[None]:
    """Let no log line of the units through while they run inside this process: standard output is the report's."""
    before = structlog.get_config() if structlog.is_configured() else None
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    try:
        yield
    finally:
        if before is None:
            structlog.reset_defaults()
        else:
            structlog.configure(**before)


def encode_all(agents: dict[str, ConnectorAgent], vintage: str, group: str) -> dict[str, str]:
    """Encode every register; the first round leaves the lists of crowded key values. Returns manifest ids."""
    from connectors.errors import WaitingError

    done: dict[str, str] = {}
    for last in (False, True):
        for name, agent in agents.items():
            if name in done:
                continue
            try:
                done[name] = agent.encode(vintage, group="local" if group == "local" else "none").signed.manifest.id
            except WaitingError:
                if last:
                    raise
    return done


def run_units(linkage: ServedUnit, statistics: ServedUnit, agreement: Agreement, vintage: str) -> None:
    """Start the linkage run and wait until the statistics unit has its persons.

    Raises:
        RunFailedError: One of the runs failed.
    """
    run = start_linkage(linkage.unit.database, agreement.id, vintage)
    _ended(JobQueue(linkage.unit.database).wait(run.id, _RUN_SECONDS, 0.05))
    queue = JobQueue(statistics.unit.database)
    _ended(queue.wait(queue.runs(agreement_id=agreement.id)[0].id, _RUN_SECONDS, 0.05))


def _ended(run: Run) -> None:
    if run.state != RunState.SUCCEEDED:
        problem = run.error or {}
        raise RunFailedError(
            f"The {run.kind} run ended {run.state} in stage {run.stage}: {problem.get('title', 'no reason given')}",
            advice=str(problem.get("detail", WaslError.default_advice)),
        )


def join_records(agents: dict[str, ConnectorAgent], links: pl.DataFrame) -> pl.DataFrame:
    """Join every connector's record ids to the persons of the link map."""
    parts = []
    for name, agent in agents.items():
        refs = agent.record_refs()
        parts.append(
            pl.DataFrame(
                {"register": [name] * len(refs), "record_id": list(refs), "subject_ref": list(refs.values())},
                schema={"register": pl.String, "record_id": pl.String, "subject_ref": pl.String},
            )
        )
    joined = pl.concat(parts).join(links, on=["register", "subject_ref"], how="inner")
    return joined.select("register", "record_id", "person_id").sort("register", "record_id")


def one_record(dataset: LabelledSet) -> list[str]:
    """Return the registers of a set that hold one record a person."""
    return [register.name for register in dataset.registers if register.rows_per_person == "one"]


def _report(dataset: LabelledSet, links: pl.DataFrame, opened: Opened) -> dict[str, Any]:
    one = one_record(dataset)
    scores = score(links, dataset.truth, one, opened.groups())
    agreement = opened.agreement
    return {
        "dataset": dataset.name,
        **scores,
        **measure(opened, one),
        "agreement": agreement.id,
        "profile": agreement.profile.model_dump(mode="json"),
    }
