"""`wasl doctor`: is this machine fit to run Wasl, and if not, what to do."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from importlib.metadata import PackageNotFoundError, version
from typing import Any

NEEDED = ("numba", "numpy", "polars", "pyarrow", "cryptography", "fastapi", "sqlalchemy", "httpx2")
ENOUGH_DISK = 2 * 1024**3


def _libraries() -> tuple[bool, str]:
    missing = []
    for name in NEEDED:
        try:
            version(name)
        except PackageNotFoundError:
            missing.append(name)
    return not missing, f"missing: {', '.join(missing)}" if missing else "all installed"


def _kernels() -> tuple[bool, str]:
    import numpy as np

    from pseudonymisation.encoding.prf import keyed_tokens, siphash24

    key, message = bytes(range(16)), bytes(range(15))
    published = 0xA129CA6149BE45E5  # Aumasson and Bernstein 2012, appendix A
    tokens = keyed_tokens(
        np.frombuffer(key, dtype=np.uint64).reshape(1, 2),
        np.zeros(1, dtype=np.int64),
        np.array([0, len(message)], dtype=np.int64),
        np.frombuffer(message, dtype=np.uint8),
    )
    good = siphash24(key, message) == published and int(tokens[0]) == published & 0xFFFFFFFF
    return good, "compiled kernels give the published test vector" if good else "compiled kernels are wrong"


def examine() -> tuple[dict[str, Any], str]:
    """Return the findings, and the same in words."""
    free = shutil.disk_usage(tempfile.gettempdir()).free
    checks: dict[str, tuple[bool, str]] = {
        "python": (sys.version_info >= (3, 11), sys.version.split()[0]),
        "libraries": _libraries(),
        "kernels": _kernels(),
        "disk": (free >= ENOUGH_DISK, f"{free / 1024**3:.1f} GiB free for temporary files"),
        "processors": (True, str(os.cpu_count())),
    }
    result = {
        "healthy": all(good for good, _ in checks.values()),
        "checks": {name: {"ok": good, "found": found} for name, (good, found) in checks.items()},
    }
    lines = [f"{'ok ' if good else 'BAD'}  {name:<11} {found}" for name, (good, found) in checks.items()]
    return result, "\n".join(lines)
