"""Errors of the linkage room."""

from __future__ import annotations

from contract.errors import AgreementError, InputError, SubmissionError


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
