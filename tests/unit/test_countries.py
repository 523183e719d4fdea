"""Countries are called as Unicode calls them, in each language, and all that ISO 3166-1 lists are known."""

import pytest
from babel import Locale

from billing.domain.account import LANGUAGES
from billing.words.countries import COUNTRIES, country

NO_COUNTRIES = {"AC", "CP", "CQ", "DG", "EA", "EU", "EZ", "IC", "QO", "TA", "UN", "XA", "XB", "XK", "ZZ"}
"""Codes of two letters that Unicode has beyond ISO 3166-1: islands, unions, and places that nobody may name."""


@pytest.mark.parametrize("language", LANGUAGES)
def test_countries_are_called_as_unicode_calls_them(language: str) -> None:
    names = Locale(language).territories
    assert {code: country(code, language) for code in COUNTRIES} == {code: names[code] for code in COUNTRIES}


def test_every_country_of_iso_3166_is_known() -> None:
    codes = [str(code) for code in Locale("en").territories]
    of_two_letters = {code for code in codes if len(code) == 2 and code.isalpha()}
    assert of_two_letters - NO_COUNTRIES == COUNTRIES


def test_a_country_that_a_newer_release_knows_is_shown_by_its_code() -> None:
    assert country("ZZ", "ar") == "ZZ"
