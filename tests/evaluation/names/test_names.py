import numpy as np
import pytest
from typer.testing import CliRunner

from contract.errors import InputError
from evaluation.names.pairs import NameList, NamePair, own_list, read_list
from evaluation.names.recall import name_report, normalised, score
from wasl.cli.bench import app

OWN = name_report(own_list())


def test_the_own_list_covers_four_origins_in_both_scripts():
    found = {(one["origin"], one["script"]) for one in OWN["groups"]}
    origins = ("moroccan", "west_african", "spanish", "filipino", "all")
    assert found == {(origin, script) for origin in origins for script in ("latin-latin", "latin-arabic")}
    assert all(one["pairs"] >= 100 for one in OWN["groups"])
    assert OWN["unreadable"] == 0


def test_recall_on_the_own_list():
    recall = {(one["origin"], one["script"]): one["recall"] for one in OWN["groups"]}
    assert recall["all", "latin-latin"] >= 0.97
    assert recall["all", "latin-arabic"] >= 0.95
    assert recall["moroccan", "latin-latin"] >= 0.95
    assert recall["moroccan", "latin-arabic"] >= 0.97
    assert min(recall.values()) >= 0.92


def test_wrong_merges_are_reported_for_names_that_are_not_the_same():
    assert {one["origin"] for one in OWN["wrong_merges"]} >= {"moroccan", "spanish"}
    for one in OWN["wrong_merges"]:
        assert 0 < one["wrong_merges_skeleton"] < one["wrong_merges"] < 1  # the list holds hard cases alone


def test_sketches_estimate_what_exact_sets_say():
    pairs = [("mohamed", "mohammed"), ("fatima", "fatma"), ("alaoui", "garcia"), ("diallo", "jalloh")] * 50
    found = score(pairs, 3)
    assert abs(float((found.sketch - found.exact).mean())) < 0.02
    assert np.corrcoef(found.sketch, found.exact)[0, 1] > 0.9


def test_whole_names_are_compared_in_any_order():
    assert normalised("Brahim Zahar", full=True) == normalised("Zahar Brahim", full=True)


def test_a_list_of_entities_gives_latin_and_arabic_pairs(tmp_path):
    path = tmp_path / "names.csv"
    path.write_text(
        "entity_id,country,arabic_display,latin\n1,MA,يوسف,Youssef\n1,MA,يوسف,Yusuf\n2,MA,أمينة,Amina\n",
        encoding="utf-8",
    )
    made = read_list(path)
    assert made.full
    assert NamePair("MA", "latin", "Youssef", "Yusuf", same=True) in made.pairs
    assert [pair.right for pair in made.pairs if pair.script == "arabic"] == ["يوسف", "يوسف", "أمينة"]


def test_another_table_is_refused(tmp_path):
    path = tmp_path / "other.csv"
    path.write_text("a,b\n1,2\n", encoding="utf-8")
    with pytest.raises(InputError, match="name pairs"):
        read_list(path)


def test_a_list_of_one_origin_has_no_total():
    pairs = tuple(NamePair("x", "latin", f"nom{at}a", f"nom{at}e", same=True) for at in "bdfklrst")
    assert [one["origin"] for one in name_report(NameList(pairs, full=False))["groups"]] == ["x"]


def test_the_command_prints_a_table():
    result = CliRunner().invoke(app, ["names"])
    assert result.exit_code == 0
    assert "west_african" in result.output
