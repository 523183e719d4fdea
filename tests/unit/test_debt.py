"""What a canceled account may buy to pay its debt."""

import pytest

from billing.domain.debt import AccountCanceled, debt_payment
from billing.domain.wallet import Wallet
from tests.builders import micros


@pytest.mark.parametrize(
    ("balance", "asked", "charged"),
    [
        ("-12.34", "12.34", "12.34"),
        ("-12.34", "5", "5"),
        ("-12.345678", "12.35", "12.35"),
        ("-12.345678", "12.345678", "12.345678"),
        ("-0.03", "0.03", "0.50"),
        ("-0.03", "0.01", "0.50"),
        ("-0.03", "0.50", "0.50"),
        ("-0.50", "0.50", "0.50"),
        ("-0.000001", "0.000001", "0.50"),
        ("-0.51", "0.49", "0.49"),
        ("-0.03", "0", "0"),
    ],
)
def test_a_canceled_account_pays_its_debt_and_at_least_what_a_card_can_be_charged(
    balance: str, asked: str, charged: str
) -> None:
    assert debt_payment(Wallet("acme", "USD", micros(balance)), micros(asked)) == micros(charged)


@pytest.mark.parametrize(
    ("balance", "asked"), [("0", "5"), ("3", "1"), ("-12.34", "12.340001"), ("-0.03", "0.51"), ("-12.345678", "12.36")]
)
def test_a_canceled_account_buys_no_more_than_it_owes(balance: str, asked: str) -> None:
    with pytest.raises(AccountCanceled) as refused:
        debt_payment(Wallet("acme", "USD", micros(balance)), micros(asked))
    assert refused.value.code == "account_canceled"


@pytest.mark.parametrize(
    ("currency", "owed", "asked", "charged"),
    [("JPY", "-12.4", "12.4", "75"), ("JPY", "-1000.5", "1001", "1001"), ("ISK", "-80.1", "81", "81")],
)
def test_a_debt_is_rounded_up_to_what_a_card_can_be_charged_in_its_currency(
    currency: str, owed: str, asked: str, charged: str
) -> None:
    assert debt_payment(Wallet("acme", currency, micros(owed)), micros(asked)) == micros(charged)
