"""A person planted in all six registers, and every key, are found nowhere outside their owners.

One demo on canonical files, watched while both units are up: their folders, logs, answers, the folder for temporary
files, and what the connectors left behind. What the statistics unit may hold by design is what the agreement lets
travel: birth year, sex, nationality, events with their coarsening.
"""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path

import polars as pl
import pytest
from sqlalchemy import select

from connectors.agent import ConnectorAgent
from connectors.configuration import load_configuration
from contract.agreement import Agreement
from contract.registers import REGISTERS
from contract.relay import SignedRelayMessage
from contract.signing import decode_bytes
from evaluation.connectors import make_agents
from evaluation.datasets import load_dataset
from evaluation.harness import hold_ceremony, quiet
from evaluation.scoring import score
from evaluation.units import served_unit
from pseudonymisation.keys import tree
from pseudonymisation.keys.store import KeyStore
from service.agreements.service import install_agreement
from service.keys import UnitKeys
from service.relay.models import RelayRow
from tests.functional import planted
from tests.functional.needles import Needles, files_in, read_files
from tests.functional.watched import Watched
from tests.functional.written import check_written

pytestmark = pytest.mark.functional
VINTAGE = "2024-12"


def test_the_demo_on_files_ends_well(watched: Watched) -> None:
    assert watched.ended.code == 0, watched.ended.err[-3000:]
    assert watched.ended.json()["registers"] == len(REGISTERS)
    assert not watched.ended.left_running
    assert not list((watched.run / "temporary").iterdir()), "something stayed in the folder for temporary files"


def test_every_file_is_written_for_all_six_registers(watched: Watched) -> None:
    check_written(watched.out, watched.sources, tuple(watched.stores))


def test_the_links_of_all_six_are_good(watched: Watched, country: Path) -> None:
    links = pl.read_csv(watched.out / "links.csv", infer_schema=False)
    truth = pl.read_csv(country / "truth.csv", infer_schema=False)
    known = links.join(truth.select("register", "record_id"), on=["register", "record_id"], how="semi")
    assert known.height == links.height - 6  # the planted person has no truth
    assert score(known, truth)["cross_register"]["f1"] >= 0.93


def test_the_planted_person_went_all_the_way(watched: Watched) -> None:
    links = pl.read_csv(watched.out / "links.csv", infer_schema=False)
    mine = links.filter(pl.col("record_id").is_in([planted.record_id(name) for name in REGISTERS]))
    assert sorted(mine["register"]) == sorted(REGISTERS)
    assert mine["person_id"].n_unique() == 1, "the planted person is not linked over the registers"
    spells = pl.read_parquet(watched.out / "spells.parquet").filter(pl.col("person_id") == mine["person_id"][0])
    assert spells.height > 0


def test_the_canaries_are_in_the_sources(watched: Watched) -> None:
    needles = Needles({name: value for name, value in planted.texts().items() if "normalised" not in name})
    seen = needles.found_in(*(path.read_bytes() for path in files_in([watched.sources])))
    given = {name for name, _ in needles.texts.items() if not name.startswith("birth date,")}
    assert seen >= given


def test_no_identity_in_any_file_of_either_unit(watched: Watched) -> None:
    files = watched.files("linkage-unit", "statistics-unit", "logs", "temporary")
    assert len(files) > 100
    assert Needles(planted.texts()).leaks(files) == {}


def test_no_identity_in_the_connectors_folders_or_the_agreement(watched: Watched) -> None:
    """What an institution keeps beside its source is encoded or encrypted as well."""
    files = watched.files("connectors", "privacy-officer", "agreement.json")
    assert len(files) > 100
    assert Needles(planted.texts()).leaks(files) == {}


def test_no_identity_in_any_answer_or_output(watched: Watched) -> None:
    read = [name for name, status in watched.statuses.items() if status == 200]
    for part in ("overview", "overview.json", "audit", "submissions", "runs"):
        assert {f"linkage /{part}", f"statistics /{part}"} <= set(read), part
    assert "statistics /trajectories" in read
    assert len(watched.answers["linkage party /api/v1/agreements/{agreement_id}/relay"]) > 1000
    assert any(b"resident_stock" in answer for answer in watched.answers.values()), "no released figure was read"
    needles = Needles(planted.texts())
    assert needles.leaks(watched.said) == {}


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
    for name, parts in (watched.files("linkage-unit", "statistics-unit", "logs") | watched.said).items():
        for part in parts:
            assert not known.intersection(word.findall(part)), name


def test_references_stay_away_from_the_linkage_unit(watched: Watched) -> None:
    """The linkage unit learns no subject: its handles differ from pass to pass, and references are sealed."""
    references: dict[str, str] = {}
    for name, store in watched.stores.items():
        agent = ConnectorAgent(load_configuration(watched.kept / "connectors" / name), store)
        references[name] = agent.record_refs()[planted.record_id(name)]
    needles = Needles(references, {f"{name}, raw": bytes.fromhex(text) for name, text in references.items()})
    assert needles.leaks(watched.files("linkage-unit", "logs")) == {}
    known = needles.leaks(watched.files("statistics-unit"))
    assert set().union(*known.values()) >= set(REGISTERS), "the statistics unit knows the subjects by design"


def test_no_key_lies_open_anywhere(watched: Watched) -> None:
    keys = _keys(watched)
    assert len(keys) > 30
    needles = Needles(keys=keys)
    assert needles.leaks(watched.files("") | watched.said) == {}


def test_passphrases_and_tokens_stay_in_their_files(watched: Watched) -> None:
    owned = {
        name: parts[0].decode().strip()
        for name, parts in watched.files("").items()
        if name.endswith(("/passphrase", "/operator.token", ".password"))
    }
    assert len(owned) == len(set(owned.values())) == len(REGISTERS) + 3 + 2 + 2
    leaks = Needles(owned).leaks(watched.files("") | watched.said)
    assert leaks == {name: {name} for name in owned}


def _keys(watched: Watched) -> dict[str, bytes]:
    """Return every secret key of every party, and what is derived from the epoch key for this vintage."""
    agreement = Agreement.model_validate_json((watched.kept / "agreement.json").read_text(encoding="utf-8"))
    found: dict[str, bytes] = {}
    stores = dict(watched.stores)
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
        assert (
            needles.leaks(read_files([tmp_path])) == {}
        )  # with both units up: databases, write-ahead logs, connectors
