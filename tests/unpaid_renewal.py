"""A subscriber whose renewal no card has paid, and the ways in which it is paid by hand."""

from datetime import datetime, timedelta

import pytest

from billing.domain.errors import Conflict
from billing.domain.renewal_payment import Wish
from billing.domain.subscription import PaymentWay
from billing.domain.transaction import Transaction
from billing.services.pay_renewal import pay_renewal
from tests.paying_account import RETURN_URL
from tests.platform_of_one import assert_books_balance
from tests.subscriber import RENEWAL, Subscriber

A_DAY = timedelta(days=1)
A_MINUTE = timedelta(minutes=1)
LATER = RENEWAL + timedelta(hours=2)
DECLINES = "card_declined"


def unpaid(acme: Subscriber, behavior: str = DECLINES) -> Subscriber:
    """The renewal's first try was declined."""
    acme.paying.behave(behavior)
    assert acme.sweep(RENEWAL) == ["declined"]
    return acme


def pay(acme: Subscriber, way: PaymentWay, now: datetime = LATER, key: str | None = None) -> Transaction:
    acme.at(now)
    wish = Wish(way, key)
    return pay_renewal(
        acme.paying.store, acme.paying.gateway, acme.paying.account_id, wish, return_url=RETURN_URL, now=now
    )


def code_of(acme: Subscriber, way: PaymentWay, now: datetime = LATER) -> str:
    with pytest.raises(Conflict) as refused:
        pay(acme, way, now)
    return refused.value.code


def credit(acme: Subscriber, amount: str) -> None:
    acme.paying.store.adjust(amount, f"by-wire-{amount}", now=LATER)


def assert_paid_once(acme: Subscriber, charges: int = 1) -> None:
    """The month is paid, by `charges` charges of cards beside the first month's."""
    assert (acme.period.start, acme.period.payment, acme.subscription.dunning) == (RENEWAL, "paid", None)
    assert acme.wallet.status == "active"
    assert [entry.kind for entry in acme.paying.store.entries()].count("renewal") == 1
    assert acme.charges == [3000] * (1 + charges)
    assert_books_balance(acme.paying.store)
