"""Counts and durations for the operator's monitoring; labels are routes and codes, never identifiers."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest


class Metrics:
    """The metrics of one application."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "wasl_requests", "Requests answered", ["method", "route", "status"], registry=self.registry
        )
        self.seconds = Histogram("wasl_request_seconds", "Time to answer", ["route"], registry=self.registry)
        self.refusals = Counter("wasl_refusals", "Requests refused, by error code", ["code"], registry=self.registry)

    def text(self) -> bytes:
        """Return all metrics in Prometheus' text format."""
        return generate_latest(self.registry)
