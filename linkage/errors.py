"""Errors of the linkage room."""

from __future__ import annotations

from contract.errors import (
    AgreementError,
    ConfigurationError,
    InputError,
    StorageError,
    SubmissionError,
    UnreachableError,
)


class PassTableError(SubmissionError):
    """A pass table does not have the columns, types or handles that the agreement's plan asks for."""

    code = "linkage.pass_table"
    default_advice = "Encode the vintage again with the connector of this agreement, and push it."


class PlanError(AgreementError):
    """The agreement compares more fields than an agreement pattern can hold, or none."""

    code = "linkage.plan"
    default_advice = "Agree on the linkage fields anew: a pattern holds about twenty sketched fields."


class PatternError(InputError):
    """Agreement patterns, counts or weights that cannot come from this plan."""

    code = "linkage.patterns"
    default_advice = "Count the patterns again from the pass tables."


class EvidenceError(InputError):
    """Edges, handles or labels handed to the clustering do not fit together or are not finite."""

    code = "linkage.evidence"
    default_advice = "Fetch the edges and handles of this run again."


class EngineError(ConfigurationError):
    """A linkage engine cannot run the chunks it is given: none is installed, reached, or left alive."""

    code = "linkage.engine"
    default_advice = "Check the engine's setting and start the run again: finished chunks are kept."


class ClusterError(UnreachableError):
    """The cluster of engine dask does not answer, has no worker, or lost a task more often than it allows."""

    code = "linkage.cluster"
    default_advice = "Look at the cluster's own log; the run tries again, and finished chunks are kept."


class ChunkError(StorageError):
    """A chunk file of a run is missing, or not what was written."""

    code = "linkage.chunk"
    default_advice = "Start the run again: the chunk is computed anew."


class BlockSizeError(PassTableError):
    """One block holds more pairs than a run may compare."""

    code = "linkage.block_size"
    default_advice = "Refine or cap the pass: a block of so many rows tells nobody apart and names people."
