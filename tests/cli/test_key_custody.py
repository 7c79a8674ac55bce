"""A process that holds keys leaves them nowhere: arguments, environment, core files, tracebacks, errors, reprs."""

from __future__ import annotations

import ast
import base64
import os
import resource
import signal
import subprocess
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main
from pydantic import ValidationError

from contract.signing import decode_bytes
from pseudonymisation.encoding.profile import EncodingContext
from pseudonymisation.keys.ceremony import Ceremony, CeremonyError
from pseudonymisation.keys.store import KeyStore, _Contents
from service.keys import UnitKeys
from tests.contract.builders import make_agreement
from wasl.cli import root

ROOT = Path(__file__).parents[2]
PASSPHRASE = b"canary passphrase 7731"
EPOCH_KEY = bytes(range(100, 132))
AGREEMENT = "a" * 64

#: Opens the store as every command does, says so, waits, then fails with the keys in its local variables.
CHILD = """
import sys
from pathlib import Path
from wasl.cli.passphrase import read_passphrase
from pseudonymisation.keys.store import KeyStore
from pseudonymisation.keys.process import guarded

def work(store, key, secret):
    if sys.stdin.readline().strip() == "fail":
        raise RuntimeError("a fault of the program")

store = KeyStore.open(Path(sys.argv[1]), read_passphrase())
print(guarded(), flush=True)
work(store, store.epoch_key("a" * 64, 1), store.local_key("state"))
"""


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> KeyStore:
    made = KeyStore.create(tmp_path_factory.mktemp("custody") / "institution.keys", "cnss", PASSPHRASE)
    made.put_epoch_key(AGREEMENT, 1, EPOCH_KEY)
    return made


def secrets_of(store: KeyStore) -> list[bytes]:
    """Every secret in the forms in which it could show."""
    held = store._contents
    raw = [
        decode_bytes(text) for text in (held.signing_key, held.sealing_key, held.local_key, *held.epoch_keys.values())
    ]
    raw += [store._file_key._key, store.local_key("state"), PASSPHRASE]
    return [
        form
        for one in raw
        for form in (one, one.hex().encode(), base64.b64encode(one)[:-2], base64.urlsafe_b64encode(one)[:-2])
    ]


def found_in(content: bytes, store: KeyStore) -> list[bytes]:
    return [secret for secret in secrets_of(store) if secret in content or repr(secret)[2:-1].encode() in content]


@pytest.fixture
def child(store: KeyStore, tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    file = tmp_path / "passphrase"
    file.write_bytes(PASSPHRASE)
    file.chmod(0o600)
    _, hard = resource.getrlimit(resource.RLIMIT_CORE)
    process = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(store.path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=tmp_path,
        env={**os.environ, "WASL_PASSPHRASE_FILE": str(file), "PYTHONPATH": str(ROOT), "PYTHONFAULTHANDLER": "1"},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CORE, (hard, hard)),  # noqa: PLW1509  (core files on)
    )
    assert process.stdout is not None
    assert process.stdout.readline().strip() == b"True"  # it guards itself before it reads the passphrase
    yield process
    process.kill()
    process.communicate()


def test_arguments_and_environment_of_a_running_process_hold_no_key(
    child: subprocess.Popen[bytes], store: KeyStore
) -> None:
    folder = Path("/proc") / str(child.pid)
    for name in ("cmdline", "environ"):
        content = (folder / name).read_bytes()
        assert len(content) > 20
        assert found_in(content, store) == []
    limits = (folder / "limits").read_text()
    (core,) = [line for line in limits.splitlines() if line.startswith("Max core file size")]
    assert core.split()[4:6] == ["0", "0"]


def test_a_crash_writes_no_core_file(child: subprocess.Popen[bytes], store: KeyStore, tmp_path: Path) -> None:
    child.send_signal(signal.SIGSEGV)
    _, errors = child.communicate(timeout=60)
    assert child.returncode == -signal.SIGSEGV
    assert found_in(errors, store) == []
    assert [path.name for path in tmp_path.iterdir()] == ["passphrase"]


def test_a_traceback_shows_no_local_variable(child: subprocess.Popen[bytes], store: KeyStore) -> None:
    _, errors = child.communicate(b"fail\n", timeout=60)
    assert b"a fault of the program" in errors
    assert found_in(errors, store) == []


def test_objects_that_hold_keys_do_not_show_them(store: KeyStore) -> None:
    agreement, keys = make_agreement()
    context = EncodingContext(agreement, "social_security", EPOCH_KEY)
    ceremony = Ceremony.begin(agreement, "cnss", keys["cnss"].signing, keys["cnss"].sealing)
    shares = [decode_bytes(text) for text in (ceremony._state.share, ceremony._state.opening)]
    for one in (store, store._contents, store._file_key, context, ceremony, ceremony._state, UnitKeys.generate()):
        for text in (repr(one), str(one), f"{one!r}", f"{[one]}"):
            assert found_in(text.encode(), store) == []
            assert not any(base64.urlsafe_b64encode(share)[:-2] in text.encode() for share in shares)


def test_errors_about_keys_do_not_quote_them(store: KeyStore) -> None:
    """Damaged contents: neither the message nor the traceback with all its causes shows what was read."""
    plain = store._contents.model_dump_json()
    agreement, keys = make_agreement()
    ceremony = Ceremony.begin(agreement, "cnss", keys["cnss"].signing, keys["cnss"].sealing)
    secret = ceremony._state.share
    caught: list[BaseException] = []
    for work in (
        lambda: store._file_key.write(store.path.with_name("damaged"), plain[:-2].encode()),
        lambda: KeyStore.open(store.path.with_name("damaged"), PASSPHRASE),
        lambda: Ceremony.resume(agreement, ceremony.state()[:-2], keys["cnss"].signing, keys["cnss"].sealing),
        lambda: Ceremony.resume(
            agreement, ceremony.state().replace('"epoch":1', '"epoch":"x"'), keys["cnss"].signing, keys["cnss"].sealing
        ),
    ):
        try:
            work()
        except Exception as error:
            caught.append(error)
    assert len(caught) == 3
    for error in caught:
        text = "".join(traceback.format_exception(error))
        assert found_in(text.encode(), store) == []
        assert secret not in text
    assert any(isinstance(error, CeremonyError) for error in caught)


def test_a_validation_error_of_the_contents_is_never_shown(store: KeyStore) -> None:
    """Pydantic's own error would quote the keys: it must never be a cause or a context that is printed."""
    with pytest.raises(ValidationError) as caught:
        _Contents.model_validate_json(store._contents.model_dump_json().replace('"party"', '"parti"'))
    assert found_in(str(caught.value.errors()).encode(), store)  # so that the tests above could fail
    assert "input_value" not in str(caught.value)


def options(command: Any, path: str = "wasl") -> Iterator[tuple[str, str]]:
    for name, child in getattr(command, "commands", {}).items():
        yield from options(child, f"{path} {name}")
    for parameter in command.params:
        yield from ((path, one) for one in [parameter.name or "", *parameter.opts])


def test_no_command_takes_a_secret_as_an_argument() -> None:
    found = list(options(typer.main.get_command(root.app)))
    assert len(found) > 100
    secret = [(path, one) for path, one in found if any(word in one for word in ("passphrase", "secret", "password"))]
    assert secret == []


def test_every_command_that_opens_a_key_store_reads_the_passphrase_the_guarded_way() -> None:
    opening = 0
    for path in sorted((ROOT / "wasl" / "cli").glob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
            function = ast.unparse(call.func)
            if function in {"KeyStore.open", "KeyStore.create", "ConnectorAgent.open"}:
                opening += 1
                asked = ast.unparse(call.args[-1])
                assert asked in {"read_passphrase()", "passphrase"}, f"{path.name}: {function}({asked})"
                assert "read_passphrase" in path.read_text(encoding="utf-8")
    assert opening >= 4
