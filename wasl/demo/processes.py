"""Starts the demo's processes, waits for them, and leaves none behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, NoReturn

import httpx2

from contract.errors import UnreachableError, WaslError

_START_SECONDS = 60.0
_STOP_SECONDS = 25.0


class ProcessFailedError(WaslError):
    """A process of the demo ended with an error; its own message follows."""

    code = "demo.process"
    exit_code = 43
    default_advice = "Run the demo again with --keep DIR and read the logs in that folder."


def _leave(number: int, _frame: Any) -> NoReturn:
    raise SystemExit(128 + number)


class Processes:
    """The child processes of a demo. Use as a context: whatever happens, they are stopped at the end."""

    def __init__(self, logs: Path) -> None:
        self._logs = logs
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._before: Any = None
        logs.mkdir(parents=True, exist_ok=True)

    def __enter__(self) -> Processes:
        if threading.current_thread() is threading.main_thread():
            # a plain SIGTERM would end this process and leave its children running
            self._before = signal.signal(signal.SIGTERM, _leave)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        if self._before is not None:
            signal.signal(signal.SIGTERM, self._before)

    def start(self, name: str, arguments: list[str], environment: Mapping[str, str]) -> None:
        """Start ``python -m ARGUMENTS`` as a process of its own; its output goes to the log folder."""
        output, errors = self._logs / f"{name}.out", self._logs / f"{name}.log"
        with output.open("wb") as out, errors.open("wb") as err:
            self._running[name] = subprocess.Popen(
                [sys.executable, "-m", *arguments],
                stdout=out,
                stderr=err,
                stdin=subprocess.DEVNULL,
                env={**os.environ, **environment},
            )

    def wait_healthy(self, name: str, url: str) -> None:
        """Wait until a unit answers.

        Raises:
            ProcessFailedError: It ended.
            UnreachableError: It did not answer in time.
        """
        deadline = time.monotonic() + _START_SECONDS
        with httpx2.Client(timeout=2.0, trust_env=False) as client:
            while time.monotonic() < deadline:
                self._check(name)
                try:
                    if client.get(f"{url}/api/v1/status").status_code == 200:
                        return
                except httpx2.TransportError:
                    pass
                time.sleep(0.1)
        raise UnreachableError(f"The {name} did not come up.")

    def wait_all(self, names: list[str], meanwhile: Callable[[], None] | None = None) -> dict[str, str]:
        """Wait until processes have ended well; returns the last line each printed. `meanwhile` is called until then.

        Raises:
            ProcessFailedError: One ended with an error.
        """
        waiting = list(names)
        while waiting:
            for name in list(waiting):
                code = self._running[name].poll()
                if code is not None:
                    self._check(name, ended=True)
                    waiting.remove(name)
            if meanwhile is not None:
                meanwhile()
            time.sleep(0.05)
        printed = {}
        for name in names:
            text = (self._logs / f"{name}.out").read_text(encoding="utf-8").strip()
            printed[name] = text.splitlines()[-1] if text else "{}"
            del self._running[name]
        return printed

    def wait_forever(self) -> None:
        """Wait until a process ends by itself or the person at the terminal has enough."""
        try:
            while all(process.poll() is None for process in self._running.values()):
                time.sleep(0.5)
        except KeyboardInterrupt:
            return

    def stop(self) -> None:
        """Ask every process to end, and end it where it does not."""
        for process in self._running.values():
            if process.poll() is None:
                process.terminate()
        for process in self._running.values():
            try:
                process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._running.clear()

    def _check(self, name: str, *, ended: bool = False) -> None:
        code = self._running[name].poll()
        if code is None or (ended and code == 0):
            return
        tail = (self._logs / f"{name}.log").read_text(encoding="utf-8", errors="replace").strip().splitlines()[-6:]
        raise ProcessFailedError(f"The process of {name} ended with code {code}.\n" + "\n".join(tail))
