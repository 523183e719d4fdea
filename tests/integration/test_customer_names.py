"""A customer's name is in any script and of any length: Stripe gets it whole, and money comes in all the same."""

from dataclasses import replace
from datetime import timedelta

import pytest

from billing.domain.texts import MAX_EMAIL_CHARACTERS, MAX_NAME_CHARACTERS
from billing.payments.errors import PaymentsUnavailable
from billing.services.accounts import change_account
from tests.builders import NOW, micros
from tests.paying_account import STAGE, Paying
from tests.platform_of_one import assert_books_balance
from tests.subscriber import STARTER, Subscriber

LONGEST_EMAIL = f"{'a' * 64}@{'b' * 62}.{'c' * 62}.{'d' * 63}"
MAX_KEY_CHARACTERS = 255
"""Of an idempotency key. https://docs.stripe.com/api/idempotent_requests"""


def named(paying: Paying, name: str, email: str = "billing@acme.example") -> Paying:
    """An account of this name, which Stripe does not know yet."""
    other = replace(paying, account_id="other")
    other.open(name=name, email=email)
    return other


def keys(paying: Paying) -> list[str]:
    """Stripe's idempotency keys, in the order in which they were used."""
    asked = paying.stripe.control("requests", method="GET")["requests"]
    return [each["idempotency_key"] for each in asked if each["idempotency_key"]]


@pytest.mark.parametrize(
    ("name", "email"),
    [
        ("شركة الاتصالات المتحدة", "billing@acme.example"),
        ("株式会社テレコム", "billing@acme.example"),
        ("Łódź – GmbH", "billing@acme.example"),
        ("Café – Crème", "billing@acme.example"),
        ("📞 Calls", "billing@acme.example"),
        ("N" * MAX_NAME_CHARACTERS, LONGEST_EMAIL),
        ("名" * MAX_NAME_CHARACTERS, LONGEST_EMAIL),
    ],
)
def test_a_customer_of_any_name_adds_a_card_buys_credit_and_takes_a_paid_plan(
    paying: Paying, name: str, email: str
) -> None:
    customer = named(paying, name, email)
    customer.add_card()
    assert customer.top_up("50", card=customer.cards[0].payment_method_id).status == "Paid"
    assert customer.top_up("20", transaction_id="tx_2").url is not None
    Subscriber(customer).put(STARTER)
    assert customer.wallet.balance_micros == micros("50")
    assert customer.wallet.require_subscription().period.plan_id == STARTER.plan_id
    (at_stripe,) = customer.read("customers")
    assert (at_stripe["name"], at_stripe["email"]) == (name, email)
    assert all(key.isascii() and key.isprintable() and len(key) <= MAX_KEY_CHARACTERS for key in keys(paying))
    assert_books_balance(customer.store, "other")


def test_the_longest_address_is_as_long_as_the_api_accepts() -> None:
    assert len(LONGEST_EMAIL) == MAX_EMAIL_CHARACTERS


def test_a_renamed_account_is_another_request_of_the_same_minute(paying: Paying) -> None:
    paying.fault("/v1/customers", "500_before")
    customer = named(paying, "Łódź – GmbH")
    with pytest.raises(PaymentsUnavailable):
        customer.add_card()
    change_account(customer.store, "other", name="Gdańsk – GmbH", email=None, language=None)
    customer.add_card()
    assert [each["name"] for each in customer.read("customers")] == ["Gdańsk – GmbH"]


def test_a_charge_is_asked_for_again_by_the_key_of_the_former_release(paying: Paying) -> None:
    """Byte for byte: what that release asked for, and was not answered, is else charged a second time."""
    paying.add_card()
    card = paying.cards[0].payment_method_id
    paying.fault("/v1/payment_intents", "timeout_after")
    unanswered = paying.top_up("50", card=card, transaction_id="tx_0123456789abcdef01234567")
    assert unanswered.status == "Processing"
    assert keys(paying)[-1] == f"talktime:{STAGE}:tx_0123456789abcdef01234567"
    assert replace(unanswered, attempt=2).idempotency_key == "tx_0123456789abcdef01234567:2"
    paying.reconcile(NOW + timedelta(minutes=30))
    assert paying.wallet.balance_micros == micros("50")
