"""Cohorts as code: who enters, how long they are followed, what is asked, by what."""

from trajectories.cohorts.compute import COHORT_SCHEMA, CohortTables, cohort_tables, members_of
from trajectories.cohorts.definition import Cohort, CohortError, read_cohort
from trajectories.cohorts.dummy import dummy_months, dummy_registers, dummy_run

__all__ = [
    "COHORT_SCHEMA",
    "Cohort",
    "CohortError",
    "CohortTables",
    "cohort_tables",
    "dummy_months",
    "dummy_registers",
    "dummy_run",
    "members_of",
    "read_cohort",
]
