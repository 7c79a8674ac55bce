"""Runs `wasl` as a person does: a process of its own, its two outputs, its exit code, and what it leaves behind."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PATIENCE_SECONDS = 900.0


@dataclass(frozen=True)
class Ended:
    """A command that has ended. `left_running`: a process of its group outlived it."""

    code: int
    out: str
    err: str
    left_running: bool

    def json(self) -> dict[str, Any]:
        """Return standard output, which must be exactly one JSON object."""
        found = json.loads(self.out)
        assert isinstance(found, dict)
        return found

    def problem(self) -> dict[str, Any]:
        """Return the problem object on standard error: the last line, whatever was told before."""
        found = json.loads(self.err.strip().splitlines()[-1])
        assert isinstance(found, dict)
        return found


def environment(folder: Path, more: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return an environment with a home and a folder for temporary files below `folder`, and no setting of Wasl."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("WASL_")}
    for name in ("home", "temporary"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    return {**kept, "HOME": str(folder / "home"), "TMPDIR": str(folder / "temporary"), **(more or {})}


def wasl(*arguments: object, folder: Path, more: Mapping[str, str] | None = None) -> Ended:
    """Run ``wasl ARGUMENTS`` to its end."""
    with started(*arguments, folder=folder, more=more) as process:
        process.wait(PATIENCE_SECONDS)
    return ended(process, folder)


@contextlib.contextmanager
def started(
    *arguments: object, folder: Path, more: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """Start ``wasl ARGUMENTS`` in a process group of its own; whatever happens, the group is gone afterwards."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "out").open("wb") as out, (folder / "err").open("wb") as err:
        process = subprocess.Popen(
            [sys.executable, "-m", "wasl", *map(str, arguments)],
            stdout=out,
            stderr=err,
            stdin=subprocess.DEVNULL,
            env=environment(folder, more),
            start_new_session=True,
        )
    try:
        yield process
    except BaseException:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        raise


def wait_for_words(process: subprocess.Popen[bytes], folder: Path, words: str) -> None:
    """Wait until a started command has said some words on standard error."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while words not in (folder / "err").read_text(encoding="utf-8"):
        assert process.poll() is None, (folder / "err").read_text(encoding="utf-8")[-3000:]
        assert time.monotonic() < deadline
        time.sleep(0.2)


def ended(process: subprocess.Popen[bytes], folder: Path) -> Ended:
    """Return what a command left once it has ended; processes that outlived it are stopped here."""
    code = process.wait(PATIENCE_SECONDS)
    left = True
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        left = False
    read = {name: (folder / name).read_text(encoding="utf-8") for name in ("out", "err")}
    return Ended(code, read["out"], read["err"], left)
