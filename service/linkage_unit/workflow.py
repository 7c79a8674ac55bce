"""The linkage run: load and count every pass, fit the model, emit edges, seal and deliver them.

| stage | chunks | each makes |
|---|---|---|
| load | passes | the pass checked as a whole; its row ranges, and the patterns of rows with themselves |
| count | row ranges of passes | agreement patterns with their counts |
| fit | 1 | m, u, λ |
| edges | row ranges of passes | the pairs above the floor |
| gather | 1 | the canonical edge table, whose digest is the run's |
| seal | 1 | the edges sealed for the statistics unit, and the signed manifest |
| deliver | 1 | delivered |
"""

from __future__ import annotations

import io
import json
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import numpy as np
from sqlalchemy.orm import Session

from contract.agreement import Agreement
from contract.canonical import canonical_json
from contract.edges import EDGES_CONTEXT, EdgesManifest, SignedEdgesManifest
from contract.errors import ConfigurationError, ConflictError
from contract.sealing import seal_stream
from contract.signing import sign
from contract.submission import pass_names
from linkage.edges import join_edges
from linkage.em import fit
from linkage.patterns import PatternCounts
from linkage.plan import ComparisonPlan, plan_of
from service.agreements.service import get_agreement, live_agreement
from service.linkage_unit.comparisons import Comparing, Comparison, count_task, edges_task
from service.linkage_unit.delivery import EdgesClient
from service.linkage_unit.figures import linked_rows, loaded_counts, pass_summary, run_quality, with_figures
from service.linkage_unit.passes import PassReader, counts_of, put_table, read_table
from service.linkage_unit.start import KIND
from service.quality_report.linkage import protected
from service.runs.edge_table import canonical_edges, edges_digest
from service.runs.port import Chunk, ChunkPlan, ChunkResult, Outcome, Results, Run
from service.runs.queue import STAGES
from service.submissions.queries import accepted_submissions
from service.unit import Unit

MAX_RANGES = 4096  # of one pass

ClientOf = Callable[[str, str, str], EdgesClient]


class LinkageWorkflow:
    """See the module's docstring.

    Args:
        unit: The linkage unit.
        client_of: Makes a client from address, agreement id and own name; for tests.
    """

    kind = KIND
    stages = STAGES[KIND]
    drawn_stages = ("seal",)

    def __init__(self, unit: Unit, client_of: ClientOf | None = None) -> None:
        self._unit, self._reader, self._comparing = unit, PassReader(unit.store), Comparing(unit.settings)
        self._client_of = client_of or (
            lambda url, agreement, name: EdgesClient(url, agreement, name, unit.keys.signing)
        )
        self._work: dict[str, Callable[[Run, Chunk, Results], ChunkResult]] = {
            "load": self._load,
            "count": self._count,
            "fit": self._fit,
            "edges": self._edges,
            "gather": self._gather,
            "seal": self._seal,
            "deliver": self._deliver,
        }

    def close(self) -> None:
        """Let go of the engine that compares."""
        self._comparing.close()

    def check(self, session: Session, run: Run) -> None:
        """Refuse to go on without a live agreement and the very submissions the run started with.

        Raises:
            AgreementError: It is not live.
            ConflictError: A submission was replaced or retracted.
        """
        live_agreement(session, run.agreement_id)
        found = accepted_submissions(session, run.agreement_id, run.vintage)
        for register, manifest_id in run.parameters["submissions"].items():
            if register not in found or found[register].manifest_id != manifest_id:
                raise ConflictError(
                    "A submission of this run is no longer in force.",
                    advice="Start the run again.",
                    where={"register": register},
                )

    def plan(self, run: Run, stage: str, results: Results) -> list[ChunkPlan]:
        """See `service.runs.port.Workflow`."""
        if stage == "load":
            return [ChunkPlan(name, {"pass": name}) for name in pass_names(self._agreement(run))]
        if stage in {"count", "edges"}:
            return [
                ChunkPlan(
                    f"{loaded.summary['pass']}/{lo}-{hi}", {"pass": loaded.summary["pass"], "rows": [lo, hi]}, pairs
                )
                for loaded in results("load")
                for lo, hi, pairs in json.loads(self._unit.store.open(loaded.digest).read())["ranges"]
            ]
        return [ChunkPlan(stage)]

    def work(self, run: Run, chunk: Chunk, results: Results) -> ChunkResult:
        """See `service.runs.port.Workflow`."""
        return self._work[chunk.stage](run, chunk, results)

    def finish(self, run: Run, results: Results) -> Outcome:
        """See `service.runs.port.Workflow`."""
        (gathered,) = results("gather")
        return Outcome(gathered.summary["result_digest"], self._quality(results))

    def settle(self, session: Session, run: Run, outcome: Outcome) -> None:
        """See `service.runs.port.Workflow`; nothing is left to write."""

    def _agreement(self, run: Run) -> Agreement:
        with self._unit.database.read() as session:
            return get_agreement(session, run.agreement_id).agreement

    def _plan(self, run: Run) -> ComparisonPlan:
        return plan_of(self._agreement(run))

    def _objects(self, run: Run) -> dict[str, dict[str, str]]:
        with self._unit.database.read() as session:
            found = accepted_submissions(session, run.agreement_id, run.vintage)
        return {
            register: {file: table.sha256 for file, table in found[register].tables.items()}
            for register in run.parameters["submissions"]
        }

    def _comparison(self, run: Run, chunk: Chunk, model: bytes = b"") -> Comparison:
        name, (lo, hi) = chunk.parameters["pass"], chunk.parameters["rows"]
        return Comparison(self._unit.store.folder, self._plan(run), name, self._objects(run), lo, hi, model)

    def _load(self, run: Run, chunk: Chunk, _results: Results) -> ChunkResult:
        name, plan = chunk.parameters["pass"], self._plan(run)
        arrays = self._reader.load(plan, name, self._objects(run))
        pairs = np.cumsum(arrays.ends - np.arange(1, len(arrays) + 1))
        total = int(pairs[-1]) if len(arrays) else 0
        wanted = min(-(-total // run.parameters["pairs_per_chunk"]), MAX_RANGES)
        before = np.concatenate([[0], pairs])
        ranges = [[lo, hi, max(1, int(before[hi] - before[lo]))] for lo, hi in arrays.ranges(wanted)]
        made = canonical_json({"ranges": ranges, "own": loaded_counts(arrays, plan)})
        return ChunkResult(self._put(made), {**pass_summary(arrays, plan), "pairs": total})

    def _count(self, run: Run, chunk: Chunk, _results: Results) -> ChunkResult:
        counted = self._comparing.run(count_task, self._comparison(run, chunk))
        counts = counts_of(counted)
        summary = {"pass": chunk.parameters["pass"], "pairs": counts.pairs, "patterns": len(counts.pattern)}
        return ChunkResult(put_table(self._unit.store, counted), summary)

    def _fit(self, run: Run, _chunk: Chunk, results: Results) -> ChunkResult:
        parts: dict[str, list[PatternCounts]] = {}
        for counted in results("count"):
            counts = counts_of(read_table(self._unit.store, counted.digest))
            parts.setdefault(counted.summary["pass"], []).append(counts)
        merged = {name: PatternCounts.merge(own) for name, own in parts.items()}
        loaded = {one.summary["pass"]: self._unit.store.open(one.digest).read() for one in results("load")}
        model = with_figures(fit(merged, self._plan(run)), merged, loaded)
        return ChunkResult(self._put(model.to_json()), {"converged": model.converged, "iterations": model.iterations})

    def _edges(self, run: Run, chunk: Chunk, results: Results) -> ChunkResult:
        (fitted,) = results("fit")
        model = self._unit.store.open(fitted.digest).read()
        edges = self._comparing.run(edges_task, self._comparison(run, chunk, model))
        summary = {"pass": chunk.parameters["pass"], "edges": edges.num_rows}
        return ChunkResult(put_table(self._unit.store, edges), summary)

    def _gather(self, _run: Run, _chunk: Chunk, results: Results) -> ChunkResult:
        parts = (read_table(self._unit.store, made.digest) for made in results("edges"))
        table = canonical_edges(join_edges(parts))
        summary = {
            "edges": table.num_rows,
            "result_digest": edges_digest(table),
            "linked_rows": linked_rows(table),
        }
        return ChunkResult(put_table(self._unit.store, table), summary)

    def _seal(self, run: Run, _chunk: Chunk, results: Results) -> ChunkResult:
        (gathered,) = results("gather")
        unsigned = {
            "run_id": run.id,
            "agreement_id": run.agreement_id,
            "vintage": run.vintage,
            "submissions": run.parameters["submissions"],
            "created_at": datetime.now(UTC),
            "edges": gathered.summary["edges"],
            "result_digest": gathered.summary["result_digest"],
            "quality": protected(self._quality(results)),
        }
        receiver = self._agreement(run).with_role("statistics_unit")[0].sealing_key
        placeholder = EdgesManifest.model_validate({**unsigned, "sha256": "0" * 64, "size": 0})
        with self._unit.store.open(gathered.digest) as plain, tempfile.TemporaryFile() as sealed:
            seal_stream(receiver, plain, sealed, placeholder.seal_info())
            sealed.seek(0)
            digest, size = self._unit.store.put(sealed)
        manifest = EdgesManifest.model_validate({**unsigned, "sha256": digest, "size": size})
        signed = SignedEdgesManifest(
            manifest=manifest, signature=sign(EDGES_CONTEXT, manifest, self._unit.keys.signing)
        )
        return ChunkResult(self._put(canonical_json(signed)), {"size": size})

    def _deliver(self, run: Run, _chunk: Chunk, results: Results) -> ChunkResult:
        url = self._unit.settings.statistics_url
        if url is None:
            raise ConfigurationError(
                "The statistics unit's address is not set.",
                advice="Set WASL_STATISTICS_URL at the linkage unit, restart it and resume the run.",
            )
        (sealed,) = results("seal")
        signed = SignedEdgesManifest.model_validate_json(self._unit.store.open(sealed.digest).read())
        name = self._agreement(run).with_role("linkage_unit")[0].name
        client = self._client_of(url, run.agreement_id, name)
        client.deliver(signed, self._unit.store.checked_path(signed.manifest.sha256))
        return ChunkResult(signed.manifest.sha256, {"edges": signed.manifest.edges})

    def _quality(self, results: Results) -> dict[str, Any]:
        """Return the aggregates of the run's page and quality report; they travel with the edges, protected."""
        (fitted,), (gathered,) = results("fit"), results("gather")
        model: dict[str, Any] = json.loads(self._unit.store.open(fitted.digest).read())
        return run_quality(model, [loaded.summary for loaded in results("load")], gathered.summary["linked_rows"])

    def _put(self, content: bytes) -> str:
        return self._unit.store.put(io.BytesIO(content))[0]
