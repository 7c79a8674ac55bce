"""What an application is made of, by role. A room that adds routes, pages or workers adds a line here."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

from fastapi import APIRouter, FastAPI

from service.accounts.requests import install_accounts
from service.agreements.routes import router as agreements
from service.audit.routes import router as audit
from service.linkage_unit.jobs import linkage_workers
from service.linkage_unit.routes import router as linkage_runs
from service.quality_report.routes import router as quality_reports
from service.relay.routes import router as relay
from service.retention.jobs import retention_ticks
from service.retention.routes import router as retention
from service.runs.routes import router as runs
from service.settings import Role
from service.statistics_unit.cohort_routes import router as cohorts
from service.statistics_unit.jobs import statistics_workers
from service.statistics_unit.routes import router as statistics
from service.submissions.routes import router as submissions
from service.unit import Unit
from service.web.install import install_pages

LINKAGE: tuple[Role, ...] = ("linkage",)
STATISTICS: tuple[Role, ...] = ("statistics",)
BOTH: tuple[Role, ...] = ("linkage", "statistics")

# Routers and the roles that serve them.
ROUTERS: tuple[tuple[APIRouter, tuple[Role, ...]], ...] = (
    (agreements, BOTH),
    (retention, BOTH),
    (audit, BOTH),
    (relay, LINKAGE),
    (submissions, BOTH),
    (runs, BOTH),
    (quality_reports, BOTH),
    (linkage_runs, LINKAGE),
    (statistics, STATISTICS),
    (cohorts, STATISTICS),
)

# Called once with the finished application: pages mount their static files and set `app.state.render_error`.
INSTALLERS: tuple[Callable[[FastAPI, Unit], None], ...] = (install_accounts, install_pages)

# Entered when the application starts and left when it stops: durable jobs run their worker here.
WORKERS: tuple[Callable[[Unit], AbstractContextManager[None]], ...] = (
    retention_ticks,
    linkage_workers,
    statistics_workers,
)
