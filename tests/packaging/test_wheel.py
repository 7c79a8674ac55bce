"""The wheel holds what the program needs, and nothing is asked of the registry that the lock does not pin."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
import zipfile
from email.parser import HeaderParser
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["hatch"]["build"]["targets"]["wheel"][
    "packages"
]
LOCKS = ("requirements.lock", "requirements-dev.lock")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """The wheel as `pip` would build it."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=120)
    (path,) = folder.glob("*.whl")
    return zipfile.ZipFile(path)


def tracked() -> set[str]:
    """Return the files of the packages, those that git ignores left out."""
    found = set()
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                found.add(path.relative_to(ROOT).as_posix())
    return found


def test_every_file_of_every_package_is_in_it(wheel: zipfile.ZipFile) -> None:
    held = {name for name in wheel.namelist() if ".dist-info/" not in name}
    assert held == tracked()


@pytest.mark.parametrize(
    ("folder", "ending", "least"),
    [
        ("pseudonymisation/normalisation/data", ".csv", 3),
        ("evaluation/synthetic/data", ".csv", 3),
        ("service/web/templates", ".html", 10),
        ("service/web/catalogues", ".po", 2),
        ("service/web/static", ".css", 1),
        ("service/web/static", ".js", 1),
        ("service/db/migrations", "env.py", 1),
        ("service/db/migrations/versions", ".py", 2),
        *((package, "py.typed", 1) for package in PACKAGES),
    ],
)
def test_data_files_are_in_it(wheel: zipfile.ZipFile, folder: str, ending: str, least: int) -> None:
    assert sum(name.startswith(folder + "/") and name.endswith(ending) for name in wheel.namelist()) >= least


def test_neither_tests_nor_documents_nor_anything_private_is_in_it(wheel: zipfile.ZipFile) -> None:
    tops = {name.partition("/")[0] for name in wheel.namelist()}
    assert tops - {name for name in tops if name.endswith(".dist-info")} == set(PACKAGES)


def test_its_licence_and_command_are_declared(wheel: zipfile.ZipFile) -> None:
    (name,) = [name for name in wheel.namelist() if name.endswith("METADATA")]
    metadata = HeaderParser().parsestr(wheel.read(name).decode())
    assert metadata["License-Expression"] == "Apache-2.0"
    assert metadata["Requires-Python"] == ">=3.11"
    (points,) = [name for name in wheel.namelist() if name.endswith("entry_points.txt")]
    assert "wasl = wasl.__main__:main" in wheel.read(points).decode()


def folded(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def pins(lock: str) -> dict[str, tuple[str, int]]:
    """Return name to pinned version and number of hashes."""
    text = (ROOT / lock).read_text(encoding="utf-8").replace("\\\n", " ")
    found = {}
    for line in text.splitlines():
        if line.strip() and not line.lstrip().startswith("#"):
            pinned = re.match(r"([A-Za-z0-9_.-]+)(?:\[[^]]*\])?==(\S+)", line)
            assert pinned is not None, line
            found[folded(pinned[1])] = (pinned[2], len(re.findall(r"--hash=sha256:[0-9a-f]{64}\b", line)))
    return found


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_has_hashes_and_no_address(lock: str) -> None:
    assert "://" not in (ROOT / lock).read_text(encoding="utf-8")
    pinned = pins(lock)
    assert len(pinned) > 40
    assert not [name for name, (_, hashes) in pinned.items() if hashes == 0]


def test_everything_the_wheel_requires_is_pinned(wheel: zipfile.ZipFile) -> None:
    (name,) = [name for name in wheel.namelist() if name.endswith("METADATA")]
    metadata = HeaderParser().parsestr(wheel.read(name).decode())
    required = [line for line in metadata.get_all("Requires-Dist", []) if "extra ==" not in line]
    assert len(required) > 30
    pinned = pins("requirements.lock")
    names = {folded(re.match(r"[A-Za-z0-9_.-]+", line)[0]) for line in required}  # type: ignore[index]
    assert names <= pinned.keys()


def test_both_locks_agree() -> None:
    run, develop = pins("requirements.lock"), pins("requirements-dev.lock")
    assert run.keys() <= develop.keys()
    assert {name: version for name, (version, _) in run.items()} == {name: develop[name][0] for name in run}


def test_what_tests_and_builds_need_is_pinned_too() -> None:
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["dependency-groups"]
    wanted = {folded(re.match(r"[A-Za-z0-9_.-]+", line)[0]) for group in groups.values() for line in group}  # type: ignore[index]
    assert wanted <= pins("requirements-dev.lock").keys()
