"""Tax that prices include: what of an amount is tax, half up to the smallest unit, and never a different amount."""

from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.domain.billing_details import BillingDetails
from billing.domain.errors import InvalidValue
from billing.domain.money import Money
from billing.domain.seller import TaxRate, require_one_rate_a_country
from billing.domain.tax import TaxLine, included_tax, rate_for, reverse_charge_note, tax_given_back
from tests.builders import micros

PERCENT = 1_000_000


@pytest.mark.parametrize(
    ("amount", "currency", "percent", "net", "tax"),
    [
        ("53.00", "USD", 20 * PERCENT, "44.17", "8.83"),
        ("100", "JPY", 10 * PERCENT, "91", "9"),
        ("10.500", "OMR", 5 * PERCENT, "10.000", "0.500"),
        ("1.05", "EUR", 5 * PERCENT, "1.00", "0.05"),
        ("0.03", "USD", 20 * PERCENT, "0.02", "0.01"),  # 0.005: half up
        ("50.00", "CHF", 8_100_000, "46.25", "3.75"),
        ("12.00", "USD", 0, "12.00", "0"),
        ("10.00", "USD", 100 * PERCENT, "5.00", "5.00"),
    ],
)
def test_tax_is_gross_times_rate_by_a_hundred_and_rate(
    amount: str, currency: str, percent: int, net: str, tax: str
) -> None:
    line = included_tax("VAT", percent, Money(micros(amount), currency))
    assert (line.net_micros, line.tax_micros) == (micros(net), micros(tax))


def give_back(amount: str, currency: str, percent: int, parts: list[str]) -> list[TaxLine]:
    paid = included_tax("VAT", percent, Money(micros(amount), currency))
    given = list(accumulate(map(micros, parts)))
    notes: list[TaxLine] = []
    for part, until_now in zip(parts, given, strict=True):
        notes.append(tax_given_back(paid, Money(until_now, currency), Money(micros(part), currency), notes))
    return notes


def test_the_credit_notes_of_the_example_have_the_receipts_tax_in_all() -> None:
    notes = give_back("53.00", "USD", 20 * PERCENT, ["20.00", "20.00", "13.00"])
    assert [note.tax_micros for note in notes] == [micros("3.33"), micros("3.34"), micros("2.16")]
    assert [note.net_micros for note in notes] == [micros("16.67"), micros("16.66"), micros("10.84")]


@given(
    st.sampled_from([("USD", 10_000), ("JPY", 1_000_000), ("OMR", 1_000)]),
    st.integers(0, 100 * PERCENT),
    st.lists(st.integers(1, 10_000), min_size=1, max_size=8),
)
def test_what_is_given_back_whole_gives_the_whole_tax_back(
    currency: tuple[str, int], percent: int, parts: list[int]
) -> None:
    code, minor_unit = currency
    paid = included_tax("VAT", percent, Money(sum(parts) * minor_unit, code))
    notes: list[TaxLine] = []
    for position, part in enumerate(parts, start=1):
        until_now = Money(sum(parts[:position]) * minor_unit, code)
        notes.append(tax_given_back(paid, until_now, Money(part * minor_unit, code), notes))
    assert sum(note.tax_micros for note in notes) == paid.tax_micros
    assert sum(note.net_micros for note in notes) == paid.net_micros
    assert all(note.tax_micros % minor_unit == 0 for note in notes)
    assert paid.net_micros + paid.tax_micros == sum(parts) * minor_unit


RATES = (
    TaxRate("VAT", 20 * PERCENT, ("GB",)),
    TaxRate("USt", 19 * PERCENT, ("DE", "AT"), "Reverse charge: Steuerschuldnerschaft des Leistungsempfängers"),
)


@pytest.mark.parametrize(
    ("country", "tax_id", "rate", "reversed_"),
    [
        ("GB", None, RATES[0], False),
        ("GB", "GB1", RATES[0], False),
        ("AT", None, RATES[1], False),
        ("AT", "ATU1", RATES[1], True),
        ("FR", "FR1", None, False),
        (None, None, None, False),
    ],
)
def test_the_customers_country_says_the_rate_and_a_tax_id_may_reverse_it(
    country: str | None, tax_id: str | None, rate: TaxRate | None, reversed_: bool
) -> None:
    details = BillingDetails(country=country, tax_id=tax_id)
    assert rate_for(RATES, details) == rate
    assert (rate is not None and reverse_charge_note(rate, details) is not None) is reversed_


def test_a_rate_without_countries_is_for_those_of_no_other_rate() -> None:
    others = TaxRate("GST", 5 * PERCENT)
    assert rate_for((others, *RATES), BillingDetails(country="GB")) == RATES[0]
    assert rate_for((others, *RATES), BillingDetails(country="FR")) == others
    assert rate_for((others, *RATES), BillingDetails()) == others


@pytest.mark.parametrize(
    "rates",
    [
        (TaxRate("VAT", 20 * PERCENT, ("GB",)), TaxRate("VAT", 5 * PERCENT, ("FR", "GB"))),
        (TaxRate("VAT", 20 * PERCENT), TaxRate("GST", 5 * PERCENT)),
    ],
)
def test_a_country_has_one_rate(rates: tuple[TaxRate, ...]) -> None:
    with pytest.raises(InvalidValue, match="must have one rate"):
        require_one_rate_a_country(rates)
