import pycountry

from contract.nationality_groups import GROUP_NAMES, NATIONALITY_GROUPS, group_of


def test_every_iso_code_has_exactly_one_of_the_seven_groups() -> None:
    codes = {country.alpha_3 for country in pycountry.countries}
    assert codes - set(NATIONALITY_GROUPS) == set()
    assert set(NATIONALITY_GROUPS) - codes == {"XKX"}
    assert set(NATIONALITY_GROUPS.values()) == set(GROUP_NAMES)


def test_groups_of_the_main_nationalities() -> None:
    assert [group_of(c) for c in ("SEN", "DZA", "SYR", "FRA", "PHL", "USA", "ATA")] == [*GROUP_NAMES]


def test_unknown_codes_fall_into_other() -> None:
    assert group_of("ZZZ") == "other"
    assert group_of("") == "other"
