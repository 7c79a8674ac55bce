"""Counts of the extended indicators, one module a subject. Each is a sum over persons (see `trajectories.figures`)."""

from __future__ import annotations

from trajectories.measures.all import count_extended

__all__ = ["count_extended"]
