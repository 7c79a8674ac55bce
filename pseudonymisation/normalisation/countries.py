"""Countries and nationalities as written (codes, names in French, English and Arabic, adjectives) to alpha-3."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Final

import polars as pl
import pycountry
from babel import Locale

from pseudonymisation.normalisation.fields import ColumnReport
from pseudonymisation.normalisation.names import map_distinct
from pseudonymisation.normalisation.romanise import romanise

# adjectives (French masculine and feminine, English, Arabic) and everyday names; the rest comes from pycountry and
# CLDR. Single words, then phrases after a stroke each.
_SPOKEN: Final[dict[str, str]] = {
    "MAR": "marocain marocaine moroccan maroc مغربي مغربية",
    "DZA": "algerien algerienne algerian جزائري جزائرية",
    "TUN": "tunisien tunisienne tunisian تونسي تونسية",
    "LBY": "libyen libyenne libyan libye ليبي ليبية",
    "MRT": "mauritanien mauritanienne mauritanian موريتاني موريتانية",
    "EGY": "egyptien egyptienne egyptian مصري مصرية",
    "SYR": "syrien syrienne syrian syrie سوري سورية",
    "LBN": "libanais libanaise lebanese لبناني لبنانية",
    "IRQ": "irakien irakienne iraqi عراقي عراقية",
    "JOR": "jordanien jordanienne jordanian أردني أردنية",
    "PSE": "palestinien palestinienne palestinian palestine فلسطين فلسطيني فلسطينية",
    "SAU": "saoudien saoudienne saudi",
    "YEM": "yemenite yemeni",
    "SDN": "soudanais soudanaise sudanese سوداني سودانية",
    "SEN": "senegalais senegalaise senegalese سنغالي سنغالية",
    "CIV": "ivoirien ivoirienne ivorian|ivory coast|cote d ivoire|cote divoire|rci",
    "MLI": "malien malienne malian مالي",
    "GIN": "guineen guineenne guinean|guinee conakry|guinea conakry",
    "CMR": "camerounais camerounaise cameroonian",
    "COD": "rdc drc zaire|congo kinshasa|rd congo|republique democratique du congo",
    "COG": "congolais congolaise congolese|congo brazzaville|congo",
    "GAB": "gabonais gabonaise gabonese",
    "BEN": "beninois beninoise beninese",
    "TGO": "togolais togolaise togolese",
    "BFA": "burkinabe burkinabes",
    "NER": "nigerien nigerienne",
    "NGA": "nigerian nigeriane nigerians",
    "GHA": "ghaneen ghaneenne ghanaian",
    "GMB": "gambien gambienne gambian gambie gambia",
    "LBR": "liberien liberienne liberian",
    "SLE": "|sierra leonais|sierra leonaise|sierra leonean|sierra leone",
    "TCD": "tchadien tchadienne chadian",
    "CAF": "centrafricain centrafricaine centrafrique",
    "COM": "comorien comorienne comorian",
    "MDG": "malgache malagasy",
    "FRA": "francais francaise french فرنسي فرنسية",
    "ESP": "espagnol espagnole spanish إسباني إسبانية",
    "PRT": "portugais portugaise portuguese",
    "ITA": "italien italienne italian إيطالي إيطالية",
    "DEU": "allemand allemande german d",
    "BEL": "belge belges belgian",
    "NLD": "neerlandais neerlandaise hollandais hollandaise dutch hollande holland",
    "CHE": "suisse suisses swiss",
    "GBR": "britannique anglais anglaise british uk angleterre england "
    "ecosse scotland gbd gbn gbo gbp gbs|great britain",
    "IRL": "irlandais irlandaise irish",
    "POL": "polonais polonaise polish",
    "ROU": "roumain roumaine romanian rom",
    "UKR": "ukrainien ukrainienne ukrainian",
    "RUS": "russe russes russian russie russia",
    "TUR": "turc turque turkish turquie turkey تركي تركية",
    "USA": "americain americaine american usa etats unis|united states of america|u s a|u s|us",
    "CAN": "canadien canadienne canadian",
    "BRA": "bresilien bresilienne brazilian",
    "CHN": "chinois chinoise chinese صيني صينية",
    "IND": "indien indienne indian هندي هندية",
    "PAK": "pakistanais pakistanaise pakistani",
    "BGD": "bangladais bangladaise bangladeshi",
    "PHL": "philippin philippine philippines filipino filipina فلبيني فلبينية",
    "IDN": "indonesien indonesienne indonesian",
    "VNM": "vietnamien vietnamienne vietnamese vietnam",
    "LKA": "|sri lankais|sri lankaise|sri lankan",
    "NPL": "nepalais nepalaise nepalese",
    "JPN": "japonais japonaise japanese",
    "KOR": "coreen coreenne korean|coree du sud|south korea|coree|korea",
    "IRN": "iranien iranienne iranian iran",
    "AFG": "afghan afghane",
    "XKX": "kosovo xkx kosovar|rks",
    "ESH": "sahraoui sahraouie|sahara occidental",
}


def _key(value: str) -> str:
    return romanise(value, digits=True)


@lru_cache(maxsize=1)
def country_names() -> Mapping[str, str]:
    """Return alpha-3 codes keyed by romanised code, name or adjective.

    ISO 3166-1 of pycountry and the territory names of CLDR (Babel) in French, English and Arabic.
    """
    table: dict[str, str] = {}
    for code, names in _SPOKEN.items():
        words, *phrases = names.split("|")
        for name in [*words.split(), *phrases]:
            table.setdefault(_key(name), code)
    locales = [Locale(language).territories for language in ("fr", "en", "ar")]
    for country in pycountry.countries:
        spellings = [country.name, getattr(country, "official_name", ""), getattr(country, "common_name", "")]
        spellings += [country.alpha_2, country.alpha_3, country.numeric, country.numeric.lstrip("0")]
        spellings += [territories.get(country.alpha_2, "") for territories in locales]
        for name in spellings:
            key = _key(name)
            if key:
                table.setdefault(key, country.alpha_3)
    # codes are never shadowed by a word of another country
    table.update({country.alpha_3.lower(): country.alpha_3 for country in pycountry.countries})
    table.update({country.alpha_2.lower(): country.alpha_3 for country in pycountry.countries})
    return MappingProxyType(table)


def country_column(column: pl.Series, report: ColumnReport) -> pl.Series:
    """Return alpha-3 codes; what no table knows becomes null and is counted."""
    table = country_names()
    out = map_distinct(column, lambda value: table.get(_key(value[:200].replace("<", " ").replace(".", " ")), ""))
    report.count_unparsable(column, out)
    return out
