"""The concept catalogue: it is whole, what it maps, and what it refuses."""

import shutil
from pathlib import Path

import polars as pl
import pytest

import trajectories
from contract.nationality_groups import GROUP_NAMES
from trajectories.catalogue import CatalogueError, catalogue, fold, load_catalogue
from trajectories.coding import CODE_LISTS, CONCORDANCES

FOLDER = Path(trajectories.__file__).parent / "concepts"


def test_every_entry_is_named_by_id_and_version_and_gives_its_source() -> None:
    found = catalogue()
    assert "resident/12_16" in found.concepts
    assert all(concept.source and concept.definition for concept in found.concepts.values())
    assert len(found.code_list("isic4_division/4").codes) == 88
    assert found.code_list("nationality_group/1").codes == GROUP_NAMES
    assert {*CODE_LISTS.values()} <= {*found.code_lists, "sex/1"}
    assert {concordance for *_, concordance in CONCORDANCES.values()} <= {*found.concordances}


@pytest.mark.parametrize(
    ("concordance", "code", "target"),
    [
        ("nma2010_isic4_division/1", "01.11", "01"),
        ("isic4_division_section/1", "62", "J"),
        ("isic4_division_section/1", "4520", "G"),
        ("isic4_division_section/1", "04", None),
        ("isco08_major/1", "2512", "2"),
        ("isco08_major/1", "0110", "0"),
        ("isco88_isco08_major/1", "6210", "6"),
        ("prefecture_region/1", "Kénitra", "04"),
        ("prefecture_region/1", "KENITRA", "04"),
        ("prefecture_region/1", "06141", "06"),
        ("prefecture_region/1", "Atlantis", None),
    ],
)
def test_codes_are_looked_up_by_their_longest_leading_part_and_names_whole(
    concordance: str, code: str, target: str | None
) -> None:
    table = catalogue().concordance(concordance)
    assert table.of(code) == target
    assert table.apply(pl.Series("code", [code, None, code])).to_list() == [target, None, target]


def test_folding() -> None:
    assert fold("  Aïn-Sebaâ – Hay  Mohammadi ") == "ain sebaa hay mohammadi"


def test_every_town_of_the_concordance_is_in_one_of_twelve_regions() -> None:
    assert len(set(catalogue().concordance("prefecture_region/1").table.values())) == 12


def spoiled(tmp_path: Path, file: str, old: str, new: str) -> Path:
    folder = tmp_path / "concepts"
    shutil.copytree(FOLDER, folder)
    text = (folder / file).read_text("utf-8")
    assert old in text
    (folder / file).write_text(text.replace(old, new, 1), "utf-8")
    return folder


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        ("catalogue.toml", 'version = "1"', "version = ", "no valid TOML"),
        ("catalogue.toml", 'id = "sex"', 'id = "age_group"', "twice in the catalogue"),
        ("catalogue.toml", 'title = "Insured worker"\n', "", "lacks a field"),
        ("catalogue.toml", 'file = "sex.csv"', 'file = "none.csv"', "does not read"),
        ("catalogue.toml", 'target = "region/2015"', 'target = "region/1997"', "no such code list"),
        ("concordances/isic4_division_section.csv", "01,A", "01,Z", "target list does not have"),
        ("concordances/isic4_division_section.csv", "02,A", "01,A", "A code occurs twice"),
        ("code_lists/sex.csv", "F,Women", "F,", "lacks a cell"),
    ],
)
def test_a_catalogue_that_contradicts_itself_is_refused(
    tmp_path: Path, file: str, old: str, new: str, message: str
) -> None:
    with pytest.raises(CatalogueError, match=message):
        load_catalogue(spoiled(tmp_path, file, old, new))


def test_a_change_of_content_changes_the_digest(tmp_path: Path) -> None:
    changed = load_catalogue(spoiled(tmp_path, "code_lists/sex.csv", "Women", "Female"))
    assert changed.sha256 != load_catalogue(FOLDER).sha256


def test_what_is_not_there_is_refused() -> None:
    with pytest.raises(CatalogueError, match="no such concept"):
        catalogue().concept("resident/1")
