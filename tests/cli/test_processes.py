"""A demo that is told to end takes its processes with it."""

import os
import signal
import subprocess
import sys
import time

PARENT = """
import sys, time
from pathlib import Path
from wasl.demo.processes import Processes

with Processes(Path(sys.argv[1])) as processes:
    processes.start("child", ["http.server", "0", "--bind", "127.0.0.1"], {})
    print(processes._running["child"].pid, flush=True)
    time.sleep(60)
"""


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_sigterm_stops_the_children_too(tmp_path):
    with subprocess.Popen([sys.executable, "-c", PARENT, str(tmp_path)], stdout=subprocess.PIPE, text=True) as parent:
        child = int(parent.stdout.readline())
        assert _alive(child)
        parent.send_signal(signal.SIGTERM)
        assert parent.wait(30) == 128 + signal.SIGTERM
    for _ in range(50):
        if not _alive(child):
            break
        time.sleep(0.1)
    assert not _alive(child)
