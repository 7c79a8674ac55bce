"""The demo from beginning to end; each step is what an institution or a unit does on its own machine."""

from __future__ import annotations

import contextlib
import io
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from connectors.client import UnitClient
from contract.agreement import APPROVAL_CONTEXT, Agreement, Signature
from contract.errors import InputError, StorageError
from contract.signing import sign
from pseudonymisation.keys.store import KeyStore
from service.settings import Settings
from service.statistics_unit.links import read_indicators, read_links, read_spells
from wasl.cli.output import say
from wasl.cli.runs import Operator
from wasl.demo.desk import OfficersDesk
from wasl.demo.kernels import KINDS
from wasl.demo.layout import VINTAGE, Layout, free_port
from wasl.demo.parties import find_registers, make_agreement, unknown_columns, write_connectors
from wasl.demo.processes import Processes
from wasl.demo.release import make_people, publish
from wasl.demo.report import compare_indicators, words

ROLES = ("linkage", "statistics")


@dataclass(frozen=True)
class _World:
    layout: Layout
    registers: dict[str, tuple[Path, Path | None]]
    units: dict[str, Settings]
    agreement: Agreement


def run_demo(
    *,
    persons: int = 5000,
    seed: int = 1,
    keep: Path | None = None,
    serve: bool = False,
    registers: Path | None = None,
    out: Path | None = None,
) -> tuple[dict[str, Any], str]:
    """Run the demo and return its result, as data and in words.

    Args:
        persons: Size of the synthetic country, where no registers are given.
        seed: Of the synthetic country.
        keep: Keep the demo's folder here; a temporary one otherwise.
        serve: Keep both units up until the person at the terminal stops them.
        registers: Canonical register files instead of synthetic ones; needs `out`.
        out: Where links, spells and indicators are written.

    Raises:
        InputError: Options contradict each other, or a register is not as it must be.
        ProcessFailedError: A party's process failed.
        StorageError: A folder cannot be written.
    """
    if registers is not None and out is None:
        raise InputError("--registers needs --out DIR.", advice="Name the folder for links, spells and indicators.")
    started = time.perf_counter()
    with _folder(keep) as root:
        layout = Layout(root)
        if registers is None:
            say(f"Making {persons} synthetic persons and their six registers ...")
            from evaluation.synthetic import generate, write

            write(generate(persons, seed), layout.registers)
        files = find_registers(registers or layout.registers)
        unknown = unknown_columns(files)
        for name, columns in unknown.items():
            say(f"Not used, because no canonical register has them: {', '.join(columns)} ({name})")
        world = _prepare(layout, files)
        with Processes(root / "logs") as processes:
            result = _run(world, processes)
            result["unknown_columns"] = unknown
            result["seconds"] = round(time.perf_counter() - started, 1)
            links = _link_map(world)
            result.update(_score(world, links, truth=registers is None))
            if out is not None:
                result["out"] = _write(world, links, out)
            if serve:
                _serve(world, processes, result)
    return result, words(result)


@contextlib.contextmanager
def _folder(keep: Path | None) -> Iterator[Path]:
    if keep is not None:
        if keep.exists() and any(keep.iterdir()):
            raise InputError("The folder to keep the demo in is not empty.", where={"folder": keep.name})
        keep.mkdir(parents=True, exist_ok=True)
        yield keep.resolve()
        return
    root = Path(tempfile.mkdtemp(prefix="wasl-demo-"))
    try:
        yield root
    finally:
        shutil.rmtree(root, ignore_errors=True)


def _prepare(layout: Layout, registers: dict[str, tuple[Path, Path | None]]) -> _World:
    say("Each party makes its own keys; the agreement is drafted ...")
    ports = {role: free_port() for role in ROLES}
    urls = {role: f"http://127.0.0.1:{port}" for role, port in ports.items()}
    units = {
        role: Settings.model_validate(
            {
                "role": role,
                "data_dir": layout.unit(role),
                "port": ports[role],
                "statistics_url": urls["statistics"],
                "passphrase_file": layout.passphrase(layout.unit(role)),
            }
        )
        for role in ROLES
    }
    institutions = write_connectors(layout, registers, (urls["linkage"], urls["statistics"]))
    return _World(layout, registers, units, make_agreement(layout, registers, institutions, units))


def _run(world: _World, processes: Processes) -> dict[str, Any]:
    layout, agreement = world.layout, world.agreement
    say("Numerical code is compiled for this processor: a minute the first time, then seconds ...")
    for kind in KINDS:
        processes.start(f"kernels-{kind}", ["wasl.demo.kernels", kind], {})
    for role, settings in world.units.items():
        arguments = ["wasl", "serve", "--role", role, "--data", str(settings.data_dir), "--port", str(settings.port)]
        if role == "linkage":
            arguments += ["--statistics-url", world.units["statistics"].url]
        processes.start(f"{role}-unit", arguments, {"WASL_PASSPHRASE_FILE": str(settings.passphrase_file)})
    for role, settings in world.units.items():
        processes.wait_healthy(f"{role}-unit", settings.url)
    processes.wait_all([f"kernels-{kind}" for kind in KINDS])
    say(f"Both units are up. {len(world.registers)} connectors sign, hold the key ceremony, encode and push ...")
    _approve(world)
    for name in world.registers:
        folder = layout.connector(name)
        environment = {"WASL_PASSPHRASE_FILE": str(layout.passphrase(folder))}
        processes.start(f"connector-{name}", ["wasl.demo.institution", str(folder), VINTAGE], environment)
    desk = OfficersDesk(layout, agreement, tuple(world.registers))
    delivered = processes.wait_all([f"connector-{name}" for name in world.registers], desk.look)
    _tell_audits({name.removeprefix("connector-"): json.loads(line)["audit"] for name, line in delivered.items()})
    say("Every register has delivered. The linkage unit compares, the statistics unit clusters ...")
    operators = {role: Operator(settings.url, settings.data_dir) for role, settings in world.units.items()}
    run = operators["linkage"].call("POST", "/api/v1/runs", {"agreement_id": agreement.id, "vintage": VINTAGE})
    run = operators["linkage"].wait(run["id"])
    computation = operators["statistics"].call("GET", "/api/v1/runs")["runs"][0]
    computation = operators["statistics"].wait(computation["id"])
    say("Two people release the protected tables ...")
    people = make_people(world.units["statistics"], layout.root)
    released = publish(world.units["statistics"].url, computation["id"], people)
    table = pl.read_csv(io.StringIO(released.pop("csv")), infer_schema=False)
    suppressed = table.filter(pl.col("value").is_null() | (pl.col("value") == "")).height
    return {
        "agreement": agreement.id,
        "registers": len(world.registers),
        "passes": len(agreement.passes),
        "deliveries": {name.removeprefix("connector-"): json.loads(line) for name, line in delivered.items()},
        "run": run["id"],
        "result_digest": run["result_digest"],
        "subject_pairs": computation["quality"]["merge"]["subject_pairs"],
        "trajectories": computation["quality"]["trajectories"],
        "release": {**released, "cells": table.height, "suppressed": suppressed},
        "passwords": {name: str(place) for name, place in people.items()},
    }


def _tell_audits(audits: dict[str, Any]) -> None:
    say("Each connector attacked what it was about to send:")
    for name, audit in audits.items():
        say(f"  {name:<18} {audit['verdict']}, all passes name {audit['union']:.1%} of {audit['attacked']} persons")
    if any(audit["verdict"] != "PASS" for audit in audits.values()):
        say("  Above the bounds two people signed that synthetic persons may leave all the same.")


def _approve(world: _World) -> None:
    layout, agreement = world.layout, world.agreement
    store = KeyStore.open(layout.officer / "officer.keys", layout.passphrase(layout.officer).read_bytes())
    approval = Signature(party=store.party, signature=sign(APPROVAL_CONTEXT, agreement, store.signing_key))
    for settings in world.units.values():
        with UnitClient(settings.url, agreement_id=agreement.id, party=store.party, key=store.signing_key) as client:
            client.post(f"/api/v1/agreements/{agreement.id}/approval", approval.model_dump_json())


def _link_map(world: _World) -> pl.DataFrame:
    """Join each connector's own record ids to the persons: possible here only because the demo is every party."""
    from connectors.agent import ConnectorAgent
    from evaluation.harness import join_records

    agents = {}
    for name in world.registers:
        folder = world.layout.connector(name)
        agents[name] = ConnectorAgent.open(folder, world.layout.passphrase(folder).read_bytes())
    links = read_links(world.units["statistics"], world.agreement.id, VINTAGE)
    return join_records(agents, links)


def _score(world: _World, links: pl.DataFrame, *, truth: bool) -> dict[str, Any]:
    found: dict[str, Any] = {"records": links.height, "persons": links["person_id"].n_unique()}
    if not truth:
        return found
    from evaluation.scoring import score

    entities = pl.read_csv(world.layout.registers / "truth.csv", infer_schema=False)
    found["quality"] = score(links, entities)
    raw = read_indicators(world.units["statistics"], world.agreement.id, VINTAGE, raw=True)
    found["indicators"] = compare_indicators(raw, world.layout.registers / "truth" / "indicators_recorded.csv")
    return found


def _write(world: _World, links: pl.DataFrame, out: Path) -> list[str]:
    statistics, agreement = world.units["statistics"], world.agreement.id
    spells = read_spells(statistics, agreement, VINTAGE)
    protected = read_indicators(statistics, agreement, VINTAGE)
    try:
        out.mkdir(parents=True, exist_ok=True)
        links.write_csv(out / "links.csv")
        spells.write_parquet(out / "spells.parquet")
        protected.write_csv(out / "indicators.csv")
    except OSError as error:
        raise StorageError("The results cannot be written.", where={"folder": out.name}) from error
    return [str(out / name) for name in ("links.csv", "spells.parquet", "indicators.csv")]


def _serve(world: _World, processes: Processes, result: dict[str, Any]) -> None:
    result["pages"] = {role: settings.url for role, settings in world.units.items()}
    result["accounts"] = result["passwords"]
    say(words(result))
    sys.stderr.flush()
    processes.wait_forever()
