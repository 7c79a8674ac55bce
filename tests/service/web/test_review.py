"""The page of clerical review: who sees pairs, decides and undoes, and what of it is written down."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.service.parties import World, open_world
from tests.service.web.conftest import visitor
from tests.service.web.scene import fill_statistics


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[World, str]]:
    """A unit with pairs to review; every test leaves all of them undecided."""
    folder = tmp_path_factory.mktemp("review")
    world = open_world(folder, f"sqlite:///{folder / 'unit.sqlite'}", role="statistics", workers=0)
    yield world, fill_statistics(world)["second"]
    world.close()


def decide(client: Any, run: str, verdict: str, pair: int, **more: object) -> Any:
    return client.post(f"/review/{run}/{verdict}", data={"pair": pair, **more})


def test_only_statisticians_see_pairs_and_decide(site: tuple[World, str]) -> None:
    world, run = site
    before = world.actions().count("review:decide")
    for name in ("checker", "officer", "linker"):
        client = visitor(world, name)
        shown = client.get("/review.json").json()
        assert (shown["may_review"], shown["pair"]) == (False, None)
        assert [one["pairs"] for one in shown["progress"]["lists"]] == [3, 1, 0]
        assert not {"numbers", "effects"} & set(shown)
        assert "data-key" not in client.get("/review").text
        assert decide(client, run, "same", 1).status_code == 403
    assert world.actions().count("review:decide") == before


def test_a_decision_is_a_row_and_an_entry_and_can_be_undone(site: tuple[World, str]) -> None:
    world, run = site
    client, earlier = visitor(world, "counter"), len(world.actions())
    before = client.get("/review.json").json()
    assert before["pair"]["number"] == 1
    assert (before["previous"], before["next"], before["position"]) == (None, 2, 1)
    answer = decide(client, run, "same", 1, then=2)
    assert answer.headers["location"] == f"/review?run={run}&list=borderline&pair=2&notice=pair_same"
    assert decide(client, run, "same", 1).status_code == 303  # again: nothing new
    after = client.get("/review.json").json()
    assert after["pair"]["number"] == 2  # the first that is undecided
    assert after["last"] == 1
    assert after["progress"]["pending"] == 1
    (row,) = after["progress"]["pending_figures"]
    assert [one["change"] for one in row["pending"]] == ["−1", "−1"]
    assert client.get("/review.json?pair=1").json()["pair"]["verdict"] == "same"
    assert decide(client, run, "undone", 1).status_code == 303
    assert decide(client, run, "undone", 1).status_code == 409
    assert client.get("/review.json").json()["progress"]["pending"] == 0
    history = client.get("/review.json?pair=1&lang=en").json()["pair"]["history"]
    assert [(one["verdict"], one["decided_by"]) for one in history] == [
        ("undone", "account:counter"),
        ("same person", "account:counter"),
    ]
    assert [action for action in world.actions()[earlier:] if action.startswith("review:")] == [
        "review:decide",
        "review:undo",
    ]
    entry = next(
        one for one in visitor(world, "officer").get("/audit.json").json()["entries"] if "pair" in one["details"]
    )
    assert entry["details"] == {"pair": 1, "verdict": "undone", "vintage": "2024-12"}


def test_the_calibration_sample_is_blind_and_estimates_the_precision(site: tuple[World, str]) -> None:
    world, run = site
    client = visitor(world, "counter")
    pair = client.get("/review.json?list=sample").json()["pair"]
    assert (pair["number"], pair["probability"], pair["together"], pair["effects"]) == (4, None, None, None)
    assert pair["others"] == []
    assert {one["probability"] for one in pair["passes"]} == {None}
    decide(client, run, "different", 4, listing="sample")
    precision = client.get("/review.json").json()["progress"]["precision"]
    assert (precision["pairs"], precision["value"]) == (1, 0)
    assert 0.7 < precision["high"] < 0.8  # Wilson 1927 with n = 1
    decide(client, run, "undone", 4, listing="sample")


def test_what_is_not_there_is_refused(site: tuple[World, str]) -> None:
    world, run = site
    client = visitor(world, "counter")
    assert decide(client, run, "same", 99).status_code == 404
    assert decide(client, run, "perhaps", 1).status_code == 404
    assert decide(client, "0" * 32, "same", 1).status_code == 404
    for query in ("pair=99", "pair=x", "list=all", f"run={'0' * 32}"):
        assert client.get(f"/review?{query}").status_code == 404, query
    assert client.get("/review?list=decided").status_code == 200


def test_no_place_in_the_list_of_subjects_leaves_the_sheet(site: tuple[World, str]) -> None:
    world, _ = site
    shown = visitor(world, "counter").get("/review.json").json()

    def names(value: Any) -> set[str]:
        if isinstance(value, dict):
            return set(value).union(*(names(one) for one in value.values()))
        return set().union(*(names(one) for one in value)) if isinstance(value, list) else set()

    assert not {"a", "b", "subject", "subject_ref", "record", "handle", "person_id"} & names(shown)
    assert json.dumps(shown)
