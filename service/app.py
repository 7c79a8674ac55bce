"""The web application of one unit, put together from its parts by role."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from fastapi import FastAPI, Response
from sqlalchemy import text

from contract.errors import StorageError
from contract.signing import fingerprint
from service import parts
from service.errors import install_error_handlers
from service.keys import UnitKeys
from service.metrics import Metrics
from service.middleware import Envelope
from service.requests import UnitOf
from service.settings import Settings
from service.submissions.removal import remove_tables
from service.unit import Unit, open_unit


def wasl_version() -> str:
    """Return the installed version of Wasl."""
    try:
        return version("wasl")
    except PackageNotFoundError:
        return "0"


def create_app(settings: Settings, keys: UnitKeys) -> FastAPI:
    """Return the application of a unit, its database opened and brought up to date.

    Raises:
        StorageError: Database or disk do not answer.
        IntegrityError: The audit log was altered.
        ConfigurationError: The database belongs to the other role.
    """
    unit = open_unit(settings, keys)
    remove_tables(unit)  # what a killed process left to delete
    metrics = Metrics()

    @contextlib.asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        with contextlib.ExitStack() as stack:
            stack.callback(unit.close)
            for worker in parts.WORKERS:
                stack.enter_context(worker(unit))
            yield

    app = FastAPI(
        title=f"Wasl {settings.role} unit",
        version=wasl_version(),
        lifespan=lifespan,
        docs_url=None,  # the built-in page would load scripts from elsewhere
        redoc_url=None,
        openapi_url="/api/v1/openapi.json",
    )
    app.state.unit = unit
    install_error_handlers(app)
    _own_routes(app, metrics)
    for router, roles in parts.ROUTERS:
        if settings.role in roles:
            app.include_router(router)
    for install in parts.INSTALLERS:
        install(app, unit)
    app.add_middleware(Envelope, max_body_bytes=settings.max_body_bytes, metrics=metrics)
    return app


def _own_routes(app: FastAPI, metrics: Metrics) -> None:
    @app.get("/api/v1/status", tags=["status"])
    def status(unit: UnitOf, response: Response) -> dict[str, Any]:
        """Say who this is and whether it works. Public keys are here to be compared out of band."""
        healthy = _database_answers(unit)
        response.status_code = 200 if healthy else 503
        return {
            "role": unit.settings.role,
            "version": wasl_version(),
            "health": "ok" if healthy else "database",
            "signing_key": unit.keys.signing_public,
            "sealing_key": unit.keys.sealing_public,
            "fingerprint": fingerprint(unit.keys.signing_public),
        }

    @app.get("/metrics", include_in_schema=False)
    def read_metrics() -> Response:
        return Response(metrics.text(), media_type="text/plain; version=0.0.4")


def _database_answers(unit: Unit) -> bool:
    try:
        with unit.database.read() as session:
            session.execute(text("SELECT 1"))
    except StorageError:
        return False
    return True
