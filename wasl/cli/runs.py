"""`wasl run`: what a unit's operator does beside the running unit, on its machine.

Runs are started and watched through the unit's own interface, with the operator's token from its data folder.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from contract.errors import ConfigurationError, ConflictError, StorageError, UnreachableError, WaslError
from wasl.cli.output import emit, say

app = typer.Typer(no_args_is_help=True, help="Start, watch and stop linkage runs.")
Json = Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")]
Data = Annotated[Path, typer.Option(help="The unit's data folder.")]
Url = Annotated[str, typer.Option(help="The unit's address.")]
RunId = Annotated[str, typer.Argument(help="The run.")]
_POLL_SECONDS = 0.3
ENDED = frozenset({"succeeded", "failed", "cancelled"})
LINKAGE_URL = "http://127.0.0.1:8001"


class RefusedByUnitError(WaslError):
    """A unit refused what its operator asked for; the message is the unit's own."""

    code = "unit.refused"
    exit_code = 42
    http_status = 409


class Operator:
    """The operator's own view of a running unit on this machine."""

    def __init__(self, url: str, data: Path) -> None:
        import httpx2

        from service.runs.actors import TOKEN_FILE

        try:
            token = (data / TOKEN_FILE).read_text(encoding="ascii").strip()
        except OSError as error:
            raise ConfigurationError(
                "The operator's token is not in this data folder.",
                advice="Start the unit once with `wasl serve`, and name its data folder: --data DIR.",
            ) from error
        self._client = httpx2.Client(
            base_url=url, headers={"authorization": f"Bearer {token}"}, timeout=30.0, trust_env=False
        )

    def call(self, method: str, path: str, document: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the unit's JSON answer.

        Raises:
            UnreachableError: The unit does not answer.
            RefusedByUnitError: It refused.
        """
        import httpx2

        try:
            answer = self._client.request(method, path, json=document)
        except httpx2.TransportError as error:
            raise UnreachableError("The unit does not answer.") from error
        found: dict[str, Any] = answer.json() if answer.content else {}
        if answer.status_code >= 400:
            raise RefusedByUnitError(
                str(found.get("title", f"The unit answered {answer.status_code}.")), advice=found.get("detail")
            )
        return found

    def download(self, path: str, **query: str) -> bytes:
        """Return a file that the unit gives.

        Raises:
            UnreachableError: The unit does not answer.
            RefusedByUnitError: It refused.
        """
        import httpx2

        try:
            answer = self._client.get(path, params=query)
        except httpx2.TransportError as error:
            raise UnreachableError("The unit does not answer.") from error
        if answer.status_code >= 400:
            problem = answer.json()
            raise RefusedByUnitError(
                str(problem.get("title", f"The unit answered {answer.status_code}.")), advice=problem.get("detail")
            )
        return answer.content

    def wait(self, run_id: str, *, quiet: bool = False) -> dict[str, Any]:
        """Return a run once it has ended, telling of its progress on a terminal.

        Raises:
            ConflictError: It ended without a result.
        """
        while (run := self.call("GET", f"/api/v1/runs/{run_id}"))["state"] not in ENDED:
            if not quiet and sys.stderr.isatty():
                sys.stderr.write(f"\r{progress_line(run):<78}")
            time.sleep(_POLL_SECONDS)
        if not quiet and sys.stderr.isatty():
            sys.stderr.write("\r" + " " * 78 + "\r")
        if run["state"] != "succeeded":
            problem = run["error"] or {}
            raise ConflictError(
                f"The run {run['state']} in stage {run['stage']}. {problem.get('title', '')}".strip(),
                advice="Read the run's page; `wasl run resume` takes it up again.",
            )
        return run


def progress_line(run: dict[str, Any]) -> str:
    """Return a run's stage, chunks and estimated seconds left in one line."""
    progress = run["progress"]
    left = progress.get("eta_seconds")
    ending = f", about {left:.0f} s left" if left is not None else ""
    return f"{run['stage']}: {progress.get('done', 0)} of {progress.get('total', 0)} parts{ending}"


@app.command()
def start(
    agreement: Annotated[str, typer.Option(help="The agreement's id.")],
    vintage: Annotated[str, typer.Option(help="The delivery, such as 2024-12.")],
    data: Data = Path("wasl-data"),
    url: Url = LINKAGE_URL,
    register: Annotated[list[str] | None, typer.Option(help="Only these registers; all by default.")] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Stay until it has ended.")] = False,
    as_json: Json = False,
) -> None:
    """Start the linkage of a vintage."""
    operator = Operator(url, data)
    wanted: dict[str, Any] = {"agreement_id": agreement, "vintage": vintage}
    if register:
        wanted["registers"] = register
    run = operator.call("POST", "/api/v1/runs", wanted)
    if wait:
        run = operator.wait(run["id"])
    emit(_brief(run), as_json)
    if not wait:
        say(f"Next: wasl run wait {run['id']}")


@app.command()
def status(
    run: Annotated[str | None, typer.Argument(help="A run; all of them if none is named.")] = None,
    data: Data = Path("wasl-data"),
    url: Url = LINKAGE_URL,
    as_json: Json = False,
) -> None:
    """Show a run, or all runs, the newest first."""
    operator = Operator(url, data)
    if run is not None:
        emit(_brief(operator.call("GET", f"/api/v1/runs/{run}")), as_json)
        return
    runs = operator.call("GET", "/api/v1/runs")["runs"]
    lines = [f"{one['id']}  {one['vintage']:<12} {one['state']:<10} {progress_line(one)}" for one in runs]
    emit({"runs": [_brief(one) for one in runs]}, as_json, "\n".join(lines) or "No run yet: wasl run start")


@app.command()
def wait(run: RunId, data: Data = Path("wasl-data"), url: Url = LINKAGE_URL, as_json: Json = False) -> None:
    """Wait until a run has ended."""
    emit(_brief(Operator(url, data).wait(run)), as_json)


@app.command()
def cancel(run: RunId, data: Data = Path("wasl-data"), url: Url = LINKAGE_URL, as_json: Json = False) -> None:
    """Stop a run after the part under way; nothing done is lost."""
    emit(_brief(Operator(url, data).call("POST", f"/api/v1/runs/{run}/cancel")), as_json)


@app.command()
def resume(run: RunId, data: Data = Path("wasl-data"), url: Url = LINKAGE_URL, as_json: Json = False) -> None:
    """Take a failed or cancelled run up again where it stopped."""
    emit(_brief(Operator(url, data).call("POST", f"/api/v1/runs/{run}/resume")), as_json)


@app.command()
def report(
    run: RunId,
    output: Annotated[Path, typer.Option("--output", "-o", help="Where to write it: .html with charts, or .json.")],
    register: Annotated[
        str | None, typer.Option(help="Only what this register's institution may be sent: its diagnosis.")
    ] = None,
    lang: Annotated[str, typer.Option(help="fr, ar or en, of the HTML form.")] = "fr",
    data: Data = Path("wasl-data"),
    url: Url = LINKAGE_URL,
    as_json: Json = False,
) -> None:
    """Write a run's quality report, or one producer's diagnosis: aggregates alone, small counts left out."""
    form = output.suffix.removeprefix(".").lower()
    if form not in {"html", "json"}:
        raise ConfigurationError("The report is an .html or a .json file.", advice="Name it so: -o report.html.")
    wanted = {"form": form, "lang": lang, **({"register": register} if register else {})}
    content = Operator(url, data).download(f"/api/v1/runs/{run}/quality-report", **wanted)
    try:
        output.write_bytes(content)
    except OSError as error:
        raise StorageError("The report cannot be written.", where={"file": output.name}) from error
    emit({"file": str(output), "bytes": len(content)}, as_json)


def _brief(run: dict[str, Any]) -> dict[str, Any]:
    names = ("id", "kind", "vintage", "state", "stage", "result_digest", "created_at", "finished_at", "error")
    return {name: run[name] for name in names}
