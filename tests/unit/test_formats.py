"""Amounts, quantities, dates and plurals as people read them; months and plurals are held to Unicode's own."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from babel import Locale
from babel.dates import format_date

from billing.domain.account import LANGUAGES
from billing.domain.money import Money
from billing.words import formats
from tests.builders import micros


def usd(amount: str) -> Money:
    return Money(micros(amount), "USD")


@pytest.mark.parametrize(
    ("amount", "currency", "shown"),
    [
        ("51", "USD", "USD 51.00"),
        ("1234.5", "USD", "USD 1,234.50"),
        ("1000000000", "USD", "USD 1,000,000,000.00"),
        ("-1.25", "USD", "USD -1.25"),
        ("0", "USD", "USD 0.00"),
        ("1200", "JPY", "JPY 1,200"),
        ("12.34", "OMR", "OMR 12.340"),
        ("3", "UGX", "UGX 3.00"),
    ],
)
def test_money_has_its_code_first_and_its_currencys_decimals(amount: str, currency: str, shown: str) -> None:
    assert formats.money(Money(micros(amount), currency)) == shown


@pytest.mark.parametrize(
    ("amount", "shown"),
    [
        ("12.349999", "USD 12.34"),
        ("12.34", "USD 12.34"),
        ("-1.251", "USD -1.26"),
        ("-1.25", "USD -1.25"),
        ("0", "USD 0.00"),
        ("0.000001", "USD 0.000001"),
        ("0.0099", "USD 0.0099"),
        ("-0.001", "USD -0.001"),
        ("0.01", "USD 0.01"),
        ("-0.01", "USD -0.01"),
    ],
)
def test_a_balance_is_rounded_down_and_never_shows_nothing_where_there_is_something(amount: str, shown: str) -> None:
    assert formats.balance(usd(amount)) == shown


@pytest.mark.parametrize(
    ("amount", "currency", "shown"),
    [
        ("0.0123", "USD", "USD 0.0123"),
        ("0.3", "USD", "USD 0.30"),
        ("0.123457", "USD", "USD 0.123457"),
        ("-108", "USD", "USD -108.00"),
        ("2.5", "JPY", "JPY 2.5"),
    ],
)
def test_a_precise_amount_shows_all_that_it_has(amount: str, currency: str, shown: str) -> None:
    assert formats.precise(Money(micros(amount), currency)) == shown


@pytest.mark.parametrize(
    ("number", "shown"), [("5.2", "5.2 minute"), ("90", "90 minute"), ("0.000001", "0.000001 minute")]
)
def test_a_quantity_has_no_trailing_zeros(number: str, shown: str) -> None:
    assert formats.quantity(micros(number), "minute") == shown


def test_a_day_is_the_day_in_utc_whatever_the_clock_says() -> None:
    late = datetime(2026, 11, 23, 23, 30, tzinfo=timezone(timedelta(hours=-5)))
    assert formats.date(late, "en") == "24 Nov 2026"
    assert formats.date(late, "ar") == "24 نوفمبر 2026"
    assert formats.date_and_time(late, "en") == "24 Nov 2026, 04:30 UTC"


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("month", range(1, 13))
def test_months_are_called_as_unicode_calls_them(month: int, language: str) -> None:
    day = datetime(2026, month, 3, tzinfo=UTC)
    assert formats.date(day, language) == format_date(day, "d MMM y", locale=language)
    assert formats.month(2026, month, language) == format_date(day, "MMM y", locale=language)


@pytest.mark.parametrize("language", LANGUAGES)
def test_plurals_are_those_of_unicode(language: str) -> None:
    rule = Locale(language).plural_form
    differ = [number for number in range(1000) if formats.plural(number, language) != rule(number)]
    assert differ == []


@pytest.mark.parametrize(
    ("number", "english", "arabic"),
    [
        (0, "0 days", "0 يوم"),
        (1, "1 day", "يوم واحد"),
        (2, "2 days", "يومان"),
        (7, "7 days", "7 أيام"),
        (30, "30 days", "30 يومًا"),
        (100, "100 days", "100 يوم"),
    ],
)
def test_days_are_counted_in_the_forms_of_the_language(number: int, english: str, arabic: str) -> None:
    assert (formats.days(number, "en"), formats.days(number, "ar")) == (english, arabic)
