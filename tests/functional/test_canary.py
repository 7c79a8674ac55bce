"""A person planted in all six registers, and every key, are found nowhere outside their owners.

One demo on canonical files, watched while both units are up: their folders, logs, answers, the folder for temporary
files, and what the connectors left behind. What the statistics unit may hold by design is what the agreement lets
travel: birth year, sex, nationality, events with their coarsening.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import re
import shutil
import signal
import sqlite3
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pytest
from sqlalchemy import select

from connectors.agent import ConnectorAgent
from contract.agreement import Agreement
from contract.registers import REGISTERS
from contract.relay import SignedRelayMessage
from contract.signing import decode_bytes
from evaluation.connectors import make_agents
from evaluation.datasets import load_dataset
from evaluation.harness import hold_ceremony, quiet
from evaluation.units import served_unit
from pseudonymisation.keys import tree
from pseudonymisation.keys.store import KeyStore
from service.agreements.service import install_agreement
from service.keys import UnitKeys
from service.relay.models import RelayRow
from tests.functional import crawl, planted
from tests.functional.commands import Ended, ended, started, wait_for_words, wasl
from tests.functional.needles import Needles, contents_of, files_in

pytestmark = pytest.mark.functional
VINTAGE = "2024-12"


@dataclass(frozen=True)
class Watched:
    """A demo on the planted registers. `answers`: everything that both units said; `temporary`: a copy of the folder
    for temporary files, taken when the connectors had ended and both units were still up."""

    ended: Ended
    sources: Path
    out: Path
    kept: Path
    run: Path
    temporary: Path
    answers: dict[str, bytes]
    statuses: dict[str, int]

    def unit(self, role: str) -> Path:
        return self.kept / f"{role}-unit"

    @property
    def stores(self) -> dict[str, KeyStore]:
        return {name: crawl.key_store(self.kept / "connectors" / name) for name in REGISTERS}


@pytest.fixture(scope="session")
def watched(country: Path, tmp_path_factory: pytest.TempPathFactory) -> Watched:
    folder = tmp_path_factory.mktemp("watched")
    sources, out, kept, run = folder / "sources", folder / "out", folder / "kept", folder / "run"
    planted.plant(country, sources)
    answers: dict[str, bytes] = {}
    statuses: dict[str, int] = {}
    demo = ("demo", "--registers", sources, "--out", out, "--keep", kept, "--serve", "--json")
    with started(*demo, folder=run) as process:
        wait_for_words(process, run, "stop with Ctrl+C")
        shutil.copytree(run / "temporary", folder / "temporary")
        for role in ("linkage", "statistics"):
            _listen(folder, kept, role, answers, statuses)
        process.send_signal(signal.SIGINT)
        process.wait(120)
    return Watched(ended(process, run), sources, out, kept, run, folder / "temporary", answers, statuses)


def _listen(folder: Path, kept: Path, role: str, answers: dict[str, bytes], statuses: dict[str, int]) -> None:
    unit = kept / f"{role}-unit"
    words = (folder / "run" / "err").read_text(encoding="utf-8")
    (url,) = re.findall(rf"open (http://\S+)  \({role} unit\)", words)
    password = folder / "password"
    password.write_text("a password of the canary test", encoding="utf-8")
    roles = ["operator", "privacy_officer", *(["statistician"] if role == "statistics" else [])]
    flags = [part for one in roles for part in ("--role", one)]
    added = wasl(
        "account", "add", "watcher", *flags, "--unit", role, "--data", unit,
        folder=folder / "account", more={"WASL_ACCOUNT_PASSWORD_FILE": str(password)},
    )  # fmt: skip
    assert added.code == 0, added.err
    read = crawl.pages(url, "watcher", password.read_text(encoding="utf-8"))
    if role == "statistics":
        read |= {
            f"checker {path}": answer
            for path, answer in crawl.pages(url, "checker", (kept / "checker.password").read_text("utf-8")).items()
        }
    answers.update({f"{role} {path}": answer.content for path, answer in read.items()})
    answers.update(
        {f"{role} {path} head": repr(answer.headers.multi_items()).encode() for path, answer in read.items()}
    )
    statuses.update({f"{role} {path}": answer.status_code for path, answer in read.items()})
    delivered = (kept / "logs" / "connector-border_crossing.out").read_text(encoding="utf-8")
    agreement = Agreement.model_validate_json((kept / "agreement.json").read_text(encoding="utf-8"))
    known = {
        "agreement_id": agreement.id,
        "manifest_id": json.loads(delivered)["manifest"],
        "run_id": json.loads(answers[f"{role} /api/v1/runs"])["runs"][0]["id"],
        "release_id": _release(unit),
    }
    token = (unit / "operator.token").read_text(encoding="ascii").strip()
    store = crawl.key_store(kept / "connectors" / "border_crossing")
    answers.update({f"{role} {name}": answer for name, answer in crawl.api(url, known, token, store).items()})


def _release(unit: Path) -> str:
    with contextlib.closing(sqlite3.connect(unit / f"{unit.name.removesuffix('-unit')}.sqlite")) as database:
        found = database.execute("SELECT id FROM releases").fetchone()
    return str(found[0]) if found else "0" * 32


def test_the_demo_on_files_ends_well(watched: Watched) -> None:
    assert watched.ended.code == 0, watched.ended.err[-3000:]
    assert watched.ended.json()["registers"] == len(REGISTERS)
    assert not watched.ended.left_running
    assert not list((watched.run / "temporary").iterdir()), "something stayed in the folder for temporary files"


def test_the_planted_person_went_all_the_way(watched: Watched) -> None:
    links = pl.read_csv(watched.out / "links.csv", infer_schema=False)
    mine = links.filter(pl.col("record_id").is_in([planted.record_id(name) for name in REGISTERS]))
    assert sorted(mine["register"]) == sorted(REGISTERS)
    assert mine["person_id"].n_unique() == 1, "the planted person is not linked over the registers"
    spells = pl.read_parquet(watched.out / "spells.parquet").filter(pl.col("person_id") == mine["person_id"][0])
    assert spells.height > 0


def test_the_canaries_are_in_the_sources(watched: Watched) -> None:
    needles = Needles({name: value for name, value in planted.texts().items() if "normalised" not in name})
    seen = set().union(*(needles.found_in(path.read_bytes()) for path in files_in([watched.sources])))
    given = {name for name, _ in needles.texts.items() if not name.startswith("birth date,")}
    assert seen >= given


def test_no_identity_in_any_file_of_either_unit(watched: Watched) -> None:
    places = [watched.unit("linkage"), watched.unit("statistics"), watched.kept / "logs", watched.temporary]
    assert len(list(files_in(places))) > 100
    assert Needles(planted.texts()).leaks(places) == {}


def test_no_identity_in_the_connectors_folders_or_the_agreement(watched: Watched) -> None:
    """What an institution keeps beside its source is encoded or encrypted as well."""
    places = [watched.kept / "connectors", watched.kept / "privacy-officer", watched.kept / "agreement.json"]
    assert Needles(planted.texts()).leaks(places) == {}


def test_no_identity_in_any_answer_or_output(watched: Watched) -> None:
    read = [name for name, status in watched.statuses.items() if status == 200]
    for part in ("overview", "overview.json", "audit", "submissions", "runs"):
        assert {f"linkage /{part}", f"statistics /{part}"} <= set(read), part
    assert "statistics /trajectories" in read
    assert len(watched.answers["linkage party /api/v1/agreements/{agreement_id}/relay"]) > 1000
    assert b"resident_stock" in watched.answers["statistics checker /trajectories/table.csv"] or any(
        b"resident_stock" in answer for answer in watched.answers.values()
    )
    needles = Needles(planted.texts())
    found = {name: needles.found_in(answer) for name, answer in watched.answers.items()}
    assert {name: names for name, names in found.items() if names} == {}
    assert needles.found_in((watched.ended.out + watched.ended.err).encode()) == set()


def test_nobody_elses_identity_either(watched: Watched) -> None:
    """Every document number and record id of all registers, looked for as a whole word."""
    known: set[bytes] = set()
    for name, schema in REGISTERS.items():
        frame = pl.read_csv(watched.sources / f"{name}.csv", infer_schema=False)
        numbers = [column for column in schema.identity if column.endswith(("_no", "_id"))]
        for column in ["record_id", *numbers]:
            known |= {value.encode() for value in frame[column].drop_nulls() if len(value) >= 7}
    assert len(known) > 300
    word = re.compile(rb"[0-9A-Za-z]{7,20}")
    places = [watched.unit("linkage"), watched.unit("statistics"), watched.kept / "logs"]
    for path in files_in(places):
        content = path.read_bytes()
        for part in (content, *contents_of(content)):
            assert not known.intersection(word.findall(part)), path
    for name, answer in watched.answers.items():
        assert not known.intersection(word.findall(answer)), name


def test_references_stay_away_from_the_linkage_unit(watched: Watched) -> None:
    """The linkage unit learns no subject: its handles differ from pass to pass, and references are sealed."""
    for name in REGISTERS:
        folder = watched.kept / "connectors" / name
        agent = ConnectorAgent.open(folder, (folder / "passphrase").read_bytes())
        reference = agent.record_refs()[planted.record_id(name)]
        needles = Needles({"subject reference": reference}, {"subject reference, raw": bytes.fromhex(reference)})
        assert needles.leaks([watched.unit("linkage"), watched.kept / "logs"]) == {}
        assert needles.leaks([watched.unit("statistics")]) != {}, "the statistics unit knows the subject by design"


def test_no_key_lies_open_anywhere(watched: Watched) -> None:
    keys = _keys(watched)
    assert len(keys) > 30
    needles = Needles(keys=keys)
    assert needles.leaks([watched.kept, watched.out, watched.temporary]) == {}
    for name, answer in watched.answers.items():
        assert not needles.found_in(answer), name
    assert not needles.found_in((watched.ended.out + watched.ended.err).encode())


def test_passphrases_and_tokens_stay_in_their_files(watched: Watched) -> None:
    owned = [
        path
        for path in files_in([watched.kept])
        if path.name in {"passphrase", "operator.token"} or path.suffix == ".password"
    ]
    assert len(owned) == len(REGISTERS) + 3 + 2 + 2
    for own in owned:
        needles = Needles({"secret": own.read_text(encoding="utf-8").strip()})
        assert set(needles.leaks([watched.kept, watched.temporary])) == {str(own)}
        assert not [name for name, answer in watched.answers.items() if needles.found_in(answer)]
        assert not needles.found_in((watched.ended.out + watched.ended.err).encode())


def _keys(watched: Watched) -> dict[str, bytes]:
    """Return every secret key of every party, and what is derived from the epoch key for this vintage."""
    agreement = Agreement.model_validate_json((watched.kept / "agreement.json").read_text(encoding="utf-8"))
    found: dict[str, bytes] = {}
    stores = watched.stores
    officer = watched.kept / "privacy-officer"
    stores["officer"] = KeyStore.open(officer / "officer.keys", (officer / "passphrase").read_bytes())
    for name, store in stores.items():
        found[f"{name} signing"] = store.signing_key.private_bytes_raw()
        found[f"{name} sealing"] = store.sealing_key.private_bytes_raw()
        found[f"{name} local"] = decode_bytes(store._contents.local_key)
        found[f"{name} state"] = store.local_key(f"state/{name}/seal")
    epochs = {stores[name].epoch_key(agreement.id, agreement.epoch) for name in REGISTERS}
    assert len(epochs) == 1, "the ceremony gives all institutions one key"
    (epoch,) = epochs
    vintage = tree.vintage_key(epoch, VINTAGE)
    found |= {"epoch": epoch, "vintage": vintage, "pseudonyms": tree.derive(epoch, "pseudonyms")}
    found |= {f"pass {terms.name}": tree.pass_key(vintage, terms.name) for terms in agreement.passes}
    for role in ("linkage", "statistics"):
        unit = watched.unit(role)
        keys = UnitKeys.load(unit / "unit.keys", (unit / "passphrase").read_bytes())
        found[f"{role} unit signing"] = keys.signing.private_bytes_raw()
        found[f"{role} unit sealing"] = keys.sealing.private_bytes_raw()
    return found


def test_the_relay_sees_no_share(country: Path, tmp_path: Path) -> None:
    """A ceremony through a real linkage unit, with the shares caught at the institutions' side."""
    whole = load_dataset(country)
    dataset = dataclasses.replace(whole, registers=whole.registers[:3])
    with (
        quiet(),
        served_unit("statistics", tmp_path / "statistics") as statistics,
        served_unit("linkage", tmp_path / "linkage", statistics_url=statistics.settings.url) as linkage,
    ):
        signed, agents = make_agents(
            dataset,
            tmp_path / "connectors",
            (linkage.party, statistics.party),
            (linkage.settings.url, statistics.settings.url),
        )
        for served in (linkage, statistics):
            with served.unit.database.write() as session:
                install_agreement(served.unit, session, signed)
        agreement = signed.agreement
        for agent in agents.values():
            agent.ceremony_step()
        drawn = {
            agent.store.party: json.loads(str(agent.store.ceremony(agreement.id, agreement.epoch)))
            for agent in agents.values()
        }
        shares = {party: decode_bytes(state["share"]) for party, state in drawn.items()}
        openings = {f"{party} opening": decode_bytes(state["opening"]) for party, state in drawn.items()}
        hold_ceremony(list(agents.values()))
        key = tree.epoch_key(shares, agreement.id, agreement.epoch)
        assert {agent.store.epoch_key(agreement.id, agreement.epoch) for agent in agents.values()} == {key}
        with linkage.unit.database.read() as session:
            relayed = session.scalars(select(RelayRow.document).where(RelayRow.kind == "share")).all()
        assert len(relayed) == 3 * 2
        needles = Needles(keys={**shares, **openings, "epoch key": key})
        for document in relayed:
            body = SignedRelayMessage.model_validate_json(document).message.body
            assert not needles.found_in(document.encode())
            assert not needles.found_in(decode_bytes(body))
        assert needles.leaks([tmp_path]) == {}  # with both units up: databases, write-ahead logs, connectors
