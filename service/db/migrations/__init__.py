"""Migrations: one file a step, chained by `down_revision`; each room writes the steps of its own tables."""
