"""The image's own steps in an empty virtual environment, then the program from there, far from the repository.

No daemon and no network: the libraries come from this environment, which the lock's own check confirms to be the
pinned ones; `pip` runs with ``--no-index``, so that nothing is fetched.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import venv
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.packaging.test_wheel import PACKAGES, ROOT

ASSETS = ROOT / "tests" / "functional" / "assets"


def instructions() -> list[tuple[str, str]]:
    """Return the Dockerfile's instructions, continued lines joined."""
    text = (ROOT / "docker" / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return [(line.split()[0], line.partition(" ")[2].strip()) for line in lines]


def copied() -> list[str]:
    """Return what the image's build takes from the repository."""
    given = [rest.split() for word, rest in instructions() if word == "COPY" and not rest.startswith("--from")]
    return [source for parts in given for source in parts[:-1]]


def pip_steps() -> list[list[str]]:
    """Return the arguments of the image's calls of pip."""
    return [rest.split()[1:] for word, rest in instructions() if word == "RUN" and rest.startswith("pip ")]


@dataclass(frozen=True)
class Installed:
    """An environment with Wasl in it, and an empty folder outside the repository to run it in."""

    python: Path
    outside: Path

    def run(self, *arguments: object) -> subprocess.CompletedProcess[str]:
        (self.outside / "home").mkdir(exist_ok=True)
        (self.outside / "passphrase").write_text("a passphrase of the packaging test", encoding="utf-8")
        kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
        own = {"HOME": str(self.outside / "home"), "WASL_PASSPHRASE_FILE": str(self.outside / "passphrase")}
        return subprocess.run(
            [str(self.python.parent / "wasl"), *map(str, arguments)],
            cwd=self.outside,
            env={**kept, **own},
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )

    def json(self, *arguments: object) -> dict[str, Any]:
        done = self.run(*arguments, "--json")
        assert done.returncode == 0, done.stderr[-3000:]
        found = json.loads(done.stdout)
        assert isinstance(found, dict)
        return found


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    folder = tmp_path_factory.mktemp("image")
    source, outside = folder / "src", folder / "outside"
    source.mkdir()
    outside.mkdir()
    for name in copied():
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, source / name)
    venv.create(folder / "venv", with_pip=False)
    python = folder / "venv" / "bin" / "python"
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    libraries = folder / "venv" / "lib" / version / "site-packages"
    # A folder in a .pth file is searched, but its own .pth files are not read: not the editable install of this tree.
    (libraries / "libraries.pth").write_text(sysconfig.get_paths()["purelib"] + "\n", encoding="utf-8")
    for step in pip_steps():
        command = [sys.executable, "-m", "pip", "--python", str(python), *step, "--no-index"]
        done = subprocess.run(command, cwd=source, capture_output=True, text=True, timeout=300, check=False)
        assert done.returncode == 0, (step, done.stdout[-2000:], done.stderr[-2000:])
    shutil.rmtree(source)
    return Installed(python, outside)


def test_the_image_takes_every_package() -> None:
    assert set(PACKAGES) <= set(copied())
    assert {"pyproject.toml", "requirements.lock", "README.md", "LICENSE"} <= set(copied())
    assert len(pip_steps()) == 2
    assert "--require-hashes" in pip_steps()[0]
    assert {"--no-deps", "--no-build-isolation"} <= set(pip_steps()[1])


def test_it_runs_from_the_installed_files(installed: Installed) -> None:
    program = "import contract, wasl, service.web.install as web; print(contract.__file__, wasl.__file__, web.__file__)"
    shown = subprocess.run(
        [str(installed.python), "-c", program], cwd=installed.outside, capture_output=True, text=True, check=True
    )
    for place in shown.stdout.split():
        assert Path(place).is_relative_to(installed.python.parents[1]), place


def test_version(installed: Installed) -> None:
    shown = installed.run("version")
    assert shown.returncode == 0
    declared = re.search(r'^version = "(.+)"$', (ROOT / "pyproject.toml").read_text("utf-8"), re.MULTILINE)
    assert declared is not None
    assert shown.stdout.strip() == declared[1]


def test_doctor(installed: Installed) -> None:
    found = installed.json("doctor")
    assert found["checks"]["kernels"]["ok"]
    assert found["checks"]["libraries"]["ok"]


@pytest.mark.parametrize("role", ["linkage", "statistics"])
def test_a_unit_makes_its_keys(installed: Installed, role: str) -> None:
    data = installed.outside / role
    public = installed.json("serve", "--role", role, "--data", data, "--init")
    assert public["role"] == f"{role}_unit"
    assert (data / "unit.keys").stat().st_mode & 0o777 == 0o600


def test_the_whole_path_on_a_labelled_set(installed: Installed) -> None:
    report = installed.json("evaluate", ASSETS / "fake_1000", "--links", installed.outside / "links.csv")
    assert report["pairwise"]["f1"] > 0.7  # the floor on quality stands in tests/functional/test_evaluate.py
    assert (installed.outside / "links.csv").read_text(encoding="utf-8").startswith("register,record_id,person_id\n")
