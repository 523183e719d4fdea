"""Money is exact, has a currency, and reaches a card in whole minor units."""

import pytest

from billing.domain.errors import InvalidValue
from billing.domain.money import Money, card_minor_units, from_minor_units, parse_currency


@pytest.mark.parametrize("micros", [1.0, "1", True, None])
def test_money_is_never_made_from_anything_but_an_integer(micros: object) -> None:
    with pytest.raises(TypeError, match="integer number of micro-units"):
        Money(micros, "USD")  # type: ignore[arg-type]


def test_money_is_written_with_six_decimals() -> None:
    assert Money(12_345_600, "USD").to_wire() == {"amount": "12.345600", "currency": "USD"}
    assert Money(-1, "USD").to_wire() == {"amount": "-0.000001", "currency": "USD"}


@pytest.mark.parametrize(
    "text",
    ["1e3", "NaN", "Infinity", "-Infinity", "1_000", "١٢", " 1", "1.", ".5", "01", "+1", "", "0x10", 1, 1.5, None],
)
def test_an_amount_in_any_other_notation_is_refused_by_its_field(text: object) -> None:
    with pytest.raises(InvalidValue) as refused:
        Money.parse(text, "USD", "base_price")
    assert refused.value.field == "base_price"


def test_an_amount_has_at_most_six_places() -> None:
    assert Money.parse("0.000001", "USD").micros == 1
    assert Money.parse("0.1000000", "USD").micros == 100_000
    with pytest.raises(InvalidValue, match="six decimal places"):
        Money.parse("0.0000001", "USD")


def test_an_amount_is_negative_only_where_that_has_a_meaning() -> None:
    assert Money.parse("-5", "USD", negative=True).micros == -5_000_000
    with pytest.raises(InvalidValue, match="negative"):
        Money.parse("-5", "USD")


@pytest.mark.parametrize(
    ("micros", "currency", "minor_units"),
    [
        (10_000_000, "USD", 1000),
        (10_000_001, "USD", 1001),
        (500_000_000, "JPY", 500),
        (500_000_001, "JPY", 501),
        (1_234_000, "OMR", 1240),
        (1_230_000, "OMR", 1230),
        (1, "KWD", 10),
        (2_000_000, "UGX", 200),
        (2_000_001, "ISK", 300),
        (0, "USD", 0),
    ],
)
def test_a_card_is_charged_whole_minor_units_rounded_up(micros: int, currency: str, minor_units: int) -> None:
    assert card_minor_units(Money(micros, currency)) == minor_units


@pytest.mark.parametrize("currency", ["USD", "JPY", "OMR"])
def test_what_the_card_paid_is_what_the_balance_gets(currency: str) -> None:
    charged = from_minor_units(card_minor_units(Money(12_345_678, currency)), currency)
    assert charged.micros >= 12_345_678
    assert card_minor_units(charged) == card_minor_units(Money(12_345_678, currency))


@pytest.mark.parametrize("code", ["USD", "JPY", "OMR", "ISK", "UGX"])
def test_an_account_may_have_any_kind_of_currency_that_stripe_charges(code: str) -> None:
    assert parse_currency(code) == code


@pytest.mark.parametrize("code", ["usd", "US", "XXX", "BTC", "", 840, None])
def test_a_currency_is_an_iso_code_that_can_be_charged(code: object) -> None:
    with pytest.raises(InvalidValue, match="ISO 4217"):
        parse_currency(code)
