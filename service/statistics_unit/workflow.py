"""The computation of the statistics unit: edges and payload to persons, spells and indicators.

| stage | chunks | each makes | lies in |
|---|---|---|---|
| merge | 1 | pairs of subjects, over all passes | subject lists' store |
| cluster | 1 | subject to person, also in the subjects database | subject lists' store |
| records | registers | records with persons, without subjects | store |
| trajectories | 1 | spells, raw and protected indicators with intervals, what rules changed, diagnosis | store |
| review | 1 | pairs for clerical review, masked, with the effect of each decision | store |
"""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import date
from typing import Any

import polars as pl
from sqlalchemy.orm import Session

from contract.canonical import canonical_json, document_id
from contract.errors import ConflictError, NotFoundError
from service.agreements.service import get_agreement, live_agreement
from service.runs.ledger import find
from service.runs.ledger import results as results_of
from service.runs.port import Chunk, ChunkPlan, ChunkResult, Outcome, Results, Run
from service.runs.queue import STAGES
from service.statistics_unit.continuation import Earlier
from service.statistics_unit.draws import LinkUncertainty, link_uncertainty
from service.statistics_unit.lineage import record_run
from service.statistics_unit.objects import put_frame, read_arrow, read_frame, trajectory_frames
from service.statistics_unit.payload import link_registers, linked_records
from service.statistics_unit.persons import Subjects, assessment_of, gather_subjects, links_of, pairs_of
from service.statistics_unit.removal import remove_superseded
from service.statistics_unit.retraction import retracted
from service.statistics_unit.review_decisions import decide_pairs, decisions_of
from service.statistics_unit.review_stage import review_chunk
from service.statistics_unit.start import KIND, previous_run, series_of
from service.statistics_unit.subjects import forget_subjects, stored_links, subjects_database, write_links
from service.statistics_unit.trajectories import compute
from service.submissions.models import Submission, SubmissionState
from service.unit import Unit
from trajectories.tables import Window


class StatisticsWorkflow:
    """See the module's docstring."""

    kind = KIND
    stages = STAGES[KIND]
    drawn_stages = ()

    def __init__(self, unit: Unit) -> None:
        self._unit = unit
        self._work: dict[str, Callable[[Run, Chunk, Results], ChunkResult]] = {
            "merge": self._merge,
            "cluster": self._cluster,
            "records": self._records,
            "trajectories": self._trajectories,
            "review": self._review,
        }

    def check(self, session: Session, run: Run) -> None:
        """Refuse to go on without a live agreement, or with a submission that was taken back.

        Raises:
            AgreementError: It is not live.
            ConflictError: A submission is no longer in force.
        """
        live_agreement(session, run.agreement_id)
        for register, manifest_id in run.parameters["submissions"].items():
            row = session.get(Submission, manifest_id)
            if row is None or row.state != SubmissionState.ACCEPTED:
                raise ConflictError(
                    "A submission of this computation is no longer in force.",
                    advice="Compute the vintage anew: `wasl run start`.",
                    where={"register": register},
                )

    def plan(self, run: Run, stage: str, results: Results) -> list[ChunkPlan]:
        """See `service.runs.port.Workflow`."""
        if stage == "cluster":
            # Decided once, when the stage is opened: a repeated chunk continues the same persons.
            with self._unit.database.read() as session:
                previous = previous_run(session, run)
                return [ChunkPlan(stage, {"previous": previous, "series": series_of(session, run.agreement_id)})]
        if stage == "records":
            return [ChunkPlan(register, {"register": register}) for register in sorted(run.parameters["submissions"])]
        return [ChunkPlan(stage)]

    def work(self, run: Run, chunk: Chunk, results: Results) -> ChunkResult:
        """See `service.runs.port.Workflow`."""
        return self._work[chunk.stage](run, chunk, results)

    def finish(self, run: Run, results: Results) -> Outcome:
        """See `service.runs.port.Workflow`.

        The digest names persons, records with persons, spells and indicators, and the reviewers' decisions in them.
        """
        made: dict[str, Any] = {
            stage: [result.digest for result in results(stage)] for stage in ("cluster", "records", "trajectories")
        }
        if run.parameters.get("decisions", {}).get("count"):
            made["decisions"] = run.parameters["decisions"]["digest"]
        quality = {stage: results(stage)[0].summary for stage in ("merge", "cluster", "trajectories")}
        quality["records"] = {result.summary["register"]: result.summary["records"] for result in results("records")}
        return Outcome(document_id(made), quality)

    def settle(self, session: Session, run: Run, outcome: Outcome) -> None:
        """Delete what earlier computations of the vintage made."""
        remove_superseded(self._unit, session, run)

    def _table(self, run: Run, register: str, name: str) -> pl.DataFrame:
        manifest_id = run.parameters["submissions"][register]
        with self._unit.database.read() as session:
            objects = session.get_one(Submission, manifest_id).objects
            item = next(item for item in objects if item.name == name)
            store, digest = self._unit.store_at(item.place), item.sha256
        return read_frame(store, digest)

    def _subjects(self, run: Run) -> Subjects:
        registers = sorted(run.parameters["submissions"])
        handles = {name: self._table(run, name, "handles.parquet") for name in registers}
        records = {name: self._table(run, name, "records.parquet").select("subject_ref") for name in registers}
        return gather_subjects(handles, records, self._retracted(run))

    def _retracted(self, run: Run) -> set[tuple[str, str]]:
        with self._unit.database.read() as session:
            return retracted(session, run.agreement_id, run.parameters["retractions"])

    def _merge(self, run: Run, _chunk: Chunk, _results: Results) -> ChunkResult:
        subjects = self._subjects(run)
        decided, aside = decisions_of(self._unit, run, subjects)
        pairs = decide_pairs(pairs_of(read_arrow(self._unit.store, run.parameters["edges"]), subjects), decided)
        summary = {"subjects": len(subjects), "subject_pairs": pairs.num_rows}
        if decided or aside:
            summary |= {"decided_pairs": len(decided), "decisions_set_aside": aside}
        return ChunkResult(put_frame(self._unit.subjects, pl.from_arrow(pairs)), summary)

    def _cluster(self, run: Run, chunk: Chunk, results: Results) -> ChunkResult:
        (merged,) = results("merge")
        with self._unit.database.read() as session:
            agreement = get_agreement(session, run.agreement_id).agreement
        pairs = read_arrow(self._unit.subjects, merged.digest)
        with subjects_database(self._unit.settings) as database:
            before = stored_links(database, chunk.parameters["previous"]) if chunk.parameters["previous"] else []
            previous = {(register, subject): person for register, subject, person in before}
            earlier = self._earlier(chunk.parameters["previous"], run)
            subjects = self._subjects(run)
            links = links_of(subjects, pairs, agreement, previous, earlier)
            write_links(database, run.id, links.iter_rows())
            forget_subjects(database, self._retracted(run))
            happened = record_run(database, chunk.parameters["series"], run.id, run.vintage, links)
        known = set(previous.values())
        kept = sum(1 for person in links["person_id"].unique() if person in known)
        summary = {
            "subjects": links.height,
            "persons": links["person_id"].n_unique(),
            "persons_seen_before": kept,
            "lineage": happened,
            "assessment": assessment_of(subjects, pairs, agreement, links),
        }
        return ChunkResult(put_frame(self._unit.subjects, links), summary)

    def _earlier(self, previous: str | None, run: Run) -> Earlier | None:
        """Return the objects of the run before under the same agreement, if they are all still there."""
        if previous is None:
            return None
        with self._unit.database.read() as session:
            if find(session, previous).agreement_id != run.agreement_id:
                return None
            (merged,), (clustered,) = (results_of(session, previous, stage) for stage in ("merge", "cluster"))
        try:
            links = read_frame(self._unit.subjects, clustered.digest)
            return Earlier(links, read_arrow(self._unit.subjects, merged.digest))
        except NotFoundError:  # removed with a computation that was superseded: all is clustered anew
            return None

    def _records(self, run: Run, chunk: Chunk, results: Results) -> ChunkResult:
        (clustered,) = results("cluster")
        register = chunk.parameters["register"]
        links = read_frame(self._unit.subjects, clustered.digest)
        records = linked_records(self._table(run, register, "records.parquet"), links, register)
        return ChunkResult(put_frame(self._unit.store, records), {"register": register, "records": records.height})

    def _uncertainty(self, run: Run, results: Results) -> LinkUncertainty:
        (merged,), (clustered,) = results("merge"), results("cluster")
        with self._unit.database.read() as session:
            agreement = get_agreement(session, run.agreement_id).agreement
        registers = sorted(run.parameters["submissions"])
        held = {name: self._table(run, name, "records.parquet") for name in registers}
        links = read_frame(self._unit.subjects, clustered.digest)
        return link_uncertainty(read_arrow(self._unit.subjects, merged.digest), links, held, agreement)

    def _trajectories(self, run: Run, _chunk: Chunk, results: Results) -> ChunkResult:
        records = [read_frame(self._unit.store, result.digest) for result in results("records")]
        registers = [result.summary["register"] for result in results("records")]
        events = {register: self._table(run, register, "events.parquet") for register in registers}
        with self._unit.database.read() as session:
            series = series_of(session, run.agreement_id)
        made = compute(link_registers(records, events), self._uncertainty(run, results), series)
        index = {name: put_frame(self._unit.store, frame) for name, frame in made.frames.items()}
        digest, _ = self._unit.store.put(io.BytesIO(canonical_json({"frames": index, "window": made.window})))
        return ChunkResult(digest, made.summary)

    def _review(self, run: Run, _chunk: Chunk, results: Results) -> ChunkResult:
        (merged,), (clustered,), (built,) = (results(stage) for stage in ("merge", "cluster", "trajectories"))
        _, window = trajectory_frames(self._unit.store, built.digest)
        return review_chunk(
            self._unit,
            run,
            subjects=self._subjects(run),
            pairs=read_arrow(self._unit.subjects, merged.digest),
            links=read_frame(self._unit.subjects, clustered.digest),
            window=None if window is None else Window(*(date.fromisoformat(window[end]) for end in ("start", "end"))),
            table=lambda register, name: self._table(run, register, name),
        )
