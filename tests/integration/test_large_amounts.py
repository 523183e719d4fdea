"""A million is little money in some currencies: a card pays it there, up to about ten thousand dollars at once."""

from dataclasses import replace

import pytest

from billing.domain.errors import InvalidValue
from billing.services.change_subscription import Wanted, change_subscription
from tests.builders import NOW, calls_feature, micros, plan
from tests.paying_account import Paying


def in_currency(paying: Paying, currency: str) -> Paying:
    """A second account, with a card."""
    account = replace(paying, account_id="other")
    account.open(currency=currency)
    account.add_card()
    return account


@pytest.mark.parametrize(("currency", "amount"), [("IDR", "1500000"), ("LBP", "4500000"), ("HUF", "1000000.50")])
def test_a_million_that_is_worth_little_is_topped_up(paying: Paying, currency: str, amount: str) -> None:
    account = in_currency(paying, currency)
    assert account.top_up(amount, card=account.cards[0].payment_method_id).status == "Paid"
    assert account.top_up(amount, transaction_id="tx_2").url is not None
    assert account.wallet.balance_micros == micros(amount)


def test_a_top_up_in_rupiah_ends_at_about_ten_thousand_dollars(paying: Paying) -> None:
    account = in_currency(paying, "IDR")
    card = account.cards[0].payment_method_id
    assert account.top_up("170000000", card=card).status == "Paid"
    with pytest.raises(InvalidValue, match="must be at most 170000000 IDR"):
        account.top_up("170000001", card=card, transaction_id="tx_2")


def test_a_plan_of_two_million_rupiah_a_month_is_bought(paying: Paying) -> None:
    account = in_currency(paying, "IDR")
    on = account.store.current_version(
        plan(calls_feature(), plan_id="besar", base_price="2000000", currency="IDR"),
    )
    change_subscription(account.store, account.gateway, "other", Wanted(on.plan_id, {}), now=NOW)
    assert account.wallet.require_subscription().period.plan_id == "besar"
    (renewal,) = (each for each in account.history if each.kind != "top_up")
    assert (renewal.status, renewal.amount_micros) == ("Paid", micros("2000000"))
